"""Asking a gate: anchors first, then who asks and about what, then the decision and its receipt."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet_api.artifacts import Resolved
from placet_api.errors import ConfigurationError
from placet_api.project import Project
from placet_api.report.shown import Shown
from placet_api.signing import signer_named
from placet_api.wiring import House
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.times import parse_time
from placet_engine.evaluate import Decided, GateRequest

if TYPE_CHECKING:
    from placet_attestations.keys import LocalSigner


@dataclass(frozen=True, slots=True)
class Asking:
    """What a caller of a gate says."""

    gate: str
    artifact: str
    context: Mapping[str, str]
    signer: str | None = None
    expect: str | None = None
    at: str | None = None
    dry_run: bool = False
    anchors: str | None = None
    in_ci: bool = False
    summary: bool = False


def ask(house: House, asking: Asking) -> Shown:
    """Ask, and keep the receipt. Raises what any room raises before a decision; after it, only shows."""
    # Nothing that the tree names is run before its pin is checked: opa.path could be anything.
    require_anchors(house, asking)
    signer = _gate_signer(house, asking)
    house.start()
    resolved = house.resolve(asking.artifact, reading=False, expect=asking.expect)
    request = GateRequest(
        gate=asking.gate,
        subject=resolved.digest,
        context=asking.context,
        signed=_signed(house, asking, resolved.digest),
        at=None if asking.at is None else parse_time(asking.at),
        dry_run=asking.dry_run,
    )
    decided = house.evaluator.decide(request)
    shown = _shown(house, resolved, decided)
    if signer is None:
        return shown
    from placet_api.gate_key import sign_summary

    return replace(shown, summary=sign_summary(house, decided, signer).decode())


def _gate_signer(house: House, asking: Asking) -> LocalSigner | None:
    """Who will sign the verification summary; whether anybody can is known before anything is decided."""
    if not asking.summary:
        return None
    from placet_api.gate_key import gate_signer
    from placet_api.summary import require_real

    require_real(dry_run=asking.dry_run, at=asking.at)
    return gate_signer(house)


def require_anchors(house: House, asking: Asking) -> None:
    """The judged must not choose the judge: under CI the anchors are pinned from outside the tree.

    Raises `ConfigurationError` `trust.unpinned` without a pin in CI, `trust.changed` when a pin does not fit.
    """
    pin, source = asking.anchors, "--anchors"
    if pin is None:
        settings = house.project.settings
        pin, source = settings.optional("anchors"), settings.sources["anchors"]
    # An empty option (--anchors "$PIN", and no PIN) is no pin, and must not make room for the tree's own.
    if asking.in_ci and (not pin or source not in ("--anchors", "PLACET_ANCHORS")):
        raise ConfigurationError(
            "trust.unpinned",
            "in CI the gate wants its trust anchors pinned from outside the tree that it judges",
            hint="set PLACET_ANCHORS in the CI's own settings to what  placet trust digest  prints on a trusted tree",
        )
    if pin is not None and _pinned(pin, source) != house.anchors.digest:
        raise ConfigurationError(
            "trust.changed",
            f"the trust anchors are {house.anchors.digest}, the pin says {pin}",
            where=source,
            hint="compare  placet trust digest --json  with that of a trusted tree; if it is wanted, pin it anew",
        )


def _pinned(pin: str, source: str) -> Digest:
    """The digest of a pin. Raises `MalformedError` digest.*, which names where the pin came from."""
    try:
        return Digest.parse(pin)
    except MalformedError as error:
        raise MalformedError(error.code, error.message, where=source, hint=error.hint) from error


def _signed(house: House, asking: Asking, subject: Digest) -> bytes | None:
    """Proof of who asks: a request signed by a local key. Without a key there is no requester."""
    if asking.signer is None and house.project.settings.optional("signing.default") is None:
        return None
    from placet_attestations.requests import sign_request

    signer = signer_named(house.project, asking.signer)
    return sign_request(signer, gate=asking.gate, subject=subject, context=asking.context, now=house.clock())


def _shown(house: House, resolved: Resolved, decided: Decided) -> Shown:
    decision = decided.decision
    receipt, trouble = keep_receipt(house.project, decision.id, decided.receipt)
    return shown_as(resolved, decision.body, decided.index, receipt, trouble)


def shown_as(
    resolved: Resolved, body: Mapping[str, Any], index: int, receipt: str | None, trouble: str | None
) -> Shown:
    """A decision as the caller called its subject; wherever it was made."""
    subject = body["subject"]
    name = subject.get("name") if isinstance(subject, Mapping) else None
    handle = None if resolved.path is None else shlex.quote(resolved.label)
    return Shown(body, str(name or resolved.label), index, receipt, handle, trouble)


def keep_receipt(project: Project, decision: str, receipt: bytes) -> tuple[str | None, str | None]:
    """Write the receipt: its path, or what went wrong. The decision stands in the log whatever happens here."""
    folder = project.path("receipts")
    path = folder / f"{decision}.placet-proof"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(receipt)
    except OSError as error:
        return (
            None,
            f"the receipt was not kept ({error.strerror}); make it again:  placet log prove {decision}",
        )
    return _relative(path), None


def _relative(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
