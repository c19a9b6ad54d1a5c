"""What a decision uses up: an approval serves one gate, one environment and one subject (design.md section 5).

The reservation's key is what was signed, so that the same approval in another wrapping, or by another certificate, is
the same approval; its value is what it serves. The append transaction refuses a second value.
"""

from __future__ import annotations

from collections.abc import Mapping

from placet_attestations.digests import Digest
from placet_engine.decision import Decision
from placet_engine.errors import LogError
from placet_engine.facts import Use, environment_of
from placet_engine.lineage.model import Lineage
from placet_engine.log.log import DecisionLog

_SPENT_ONCE = ("approval",)


def reservations_of(decision: Decision, lineage: Lineage) -> Mapping[str, str]:
    """What an allow reserves; a denial and a dry run reserve nothing.

    `LogError` log.reservation: the answer reserves a statement that the lineage does not hold.
    """
    if not decision.allowed or decision.dry_run:
        return {}
    reserve = decision.body.get("reserve")
    value = f"{decision.gate} {environment_of(decision.gate) or '-'} {decision.subject}"
    found: dict[str, str] = {}
    for statement in reserve if isinstance(reserve, list) else ():
        admitted = lineage.statements.get(Digest(str(statement)))
        if admitted is None:
            raise LogError("log.reservation", f"the answer uses up {statement}, which is not in the lineage")
        found[admitted.verified.said] = value
    return found


def uses_in(log: DecisionLog, lineage: Lineage) -> tuple[int, Mapping[Digest, Use]]:
    """The log's size, and what the approvals of a lineage were used for as of that size."""
    size = log.head().size
    held = [item for item in lineage.statements.values() if item.verified.type in _SPENT_ONCE]
    values = {item.digest: log.store.reservation(item.verified.said) for item in held}
    return size, {digest: _use(value) for digest, value in values.items() if value is not None}


def _use(value: str) -> Use:
    try:
        gate, environment, subject = value.split(" ")
    except ValueError:
        raise LogError(
            "log.corrupt", f"a reservation reads {value!r}", hint="run  placet log verify"
        ) from None
    return Use(gate, None if environment == "-" else environment, Digest.parse(subject))
