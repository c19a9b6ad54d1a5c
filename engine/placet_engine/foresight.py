"""How long a decision will stand, if nothing new arrives: what lets a door answer again without judging again.

Nothing is assumed about how rules reckon with time. The policy itself is asked about the last moment, and must say
what it said before; no moment that the facts name may lie between, and no full minute, with which rules on the calendar
begin and end. So a freeze, or a duration from the settings, ends a repetition as well as an approval that expires.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.strictjson import JsonObject, JsonValue
from placet_attestations.times import parse_date, parse_time
from placet_engine.decision import Decision
from placet_engine.evaluate import Evaluator, GateRequest
from placet_engine.facts import Question
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Lineage
from placet_engine.policy.answer import parse_answer
from placet_engine.policy.port import Result

_MOMENT = re.compile(
    rb'"([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?)"'
)
_INSTANT: Final = timedelta(microseconds=1)
_SAME = ("verdict", "would", "mode", "waivers", "obligations", "reserve")


@dataclass(frozen=True, slots=True)
class Foresight:
    """A decision stands until `until` (inclusive), unless a log entry from `size` on touches what it rests on.

    That is evidence about one of the `artifacts`, or another use of one of the `approvals` (reservation keys).
    """

    until: datetime
    size: int
    artifacts: frozenset[Digest]
    approvals: frozenset[str]


def foresee(
    evaluator: Evaluator, request: GateRequest, decision: Decision, longest: timedelta
) -> Foresight | None:
    """How long the decision on this request stands, `longest` at most; None when that cannot be said.

    Asks the policy once, logs nothing. Raises what the stores raise.
    """
    if decision.cause != "policy" or request.signed is not None or request.at is not None:
        return None
    # Before the evidence is read: what arrives meanwhile is looked at again by whoever holds the foresight.
    size = evaluator.log.head().size
    lineage = trace(request.subject, evaluator.reader, evaluator.trust, evaluator.limits)
    now = decision.time
    until = _before_what_comes(now, now + longest, _facts(evaluator, request, lineage, now), lineage)
    if until <= now:
        return None
    answer = evaluator.engine.ask(
        _facts(evaluator, request, lineage, until),
        timeout=evaluator.timeout,
    )
    if not isinstance(answer, Result) or not _same(answer.raw, request, decision):
        return None
    approvals = (item.verified.said for item in lineage.statements.values())
    return Foresight(until, size, frozenset(lineage.artifacts), frozenset(approvals))


def _facts(evaluator: Evaluator, request: GateRequest, lineage: Lineage, now: datetime) -> bytes:
    question = Question(
        request.gate, request.subject, now, request.actor, request.context, dry_run=request.dry_run
    )
    return evaluator.facts_of(question, lineage)


def _before_what_comes(now: datetime, until: datetime, encoded: bytes, lineage: Lineage) -> datetime:
    """The last moment, `until` at most, before any that the facts name and that lies ahead of `now`."""
    since = (item.revoked.since for item in lineage.artifacts.values() if item.revoked is not None)
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    named = (*_moments(encoded), *since, minute)
    ahead = [moment for moment in named if moment is not None and now < moment <= until]
    return min(ahead) - _INSTANT if ahead else until


def _moments(encoded: bytes) -> Iterator[datetime]:
    """Every text of the facts that reads as a date or a moment."""
    for text in {found.decode() for found in _MOMENT.findall(encoded)}:
        try:
            yield parse_time(text) if "T" in text.upper() else parse_date(text)
        except AttestationError:
            continue  # 30 February: no rule can compare with it either


def _same(raw: bytes, request: GateRequest, decision: Decision) -> bool:
    """Whether an answer says what the decision says, whatever the words of its messages."""
    try:
        answer = parse_answer(raw, gate=request.gate, subject=request.subject)
    except Exception:  # noqa: BLE001 - what is no answer is not the same answer
        return False
    return _gist(answer.document) == _gist(decision.body)


def _gist(body: JsonObject) -> list[JsonValue]:
    checks = body.get("checks")
    found = [
        [check.get("code"), check.get("status")] if isinstance(check, dict) else check
        for check in (checks if isinstance(checks, list) else [])
    ]
    return [*(body.get(name) for name in _SAME), found]
