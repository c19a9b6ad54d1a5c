"""The Python face: the verbs of the command line as typed functions (interface.md section 5).

Each call opens the project around the working directory, does one thing, and closes it. Errors are the rooms' own.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from placet_api.artifacts import identify
from placet_api.gating import Asking, ask
from placet_api.project import open_project
from placet_api.recording import Step
from placet_api.signing import signer_named
from placet_api.verifying import Row, verify_artifact
from placet_api.wiring import House, open_house
from placet_attestations.digests import Digest
from placet_attestations.strictjson import JsonValue


@dataclass(frozen=True, slots=True)
class Recorded:
    """A signed statement that is held: its digest, and the log entry of its arrival."""

    statement: Digest
    entry: int


@dataclass(frozen=True, slots=True)
class GateDecision:
    """A decision. `reasons` are the codes that denied; `receipt` is the file that proves it, `document` all of it."""

    allowed: bool
    id: str
    reasons: tuple[str, ...]
    entry: int
    receipt: Path | None
    document: Mapping[str, JsonValue]


@contextmanager
def _house() -> Iterator[House]:
    with open_house(open_project(Path.cwd(), {}, os.environ)) as house:
        yield house


def digest(path: str | os.PathLike[str]) -> Digest:
    """The identity of a file or folder (design.md section 3). Raises `IdentityError`."""
    return identify(os.fspath(path)).digest


@contextmanager
def record(
    step: str,
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
    code: str | os.PathLike[str] | None = None,
    lock: str | os.PathLike[str] | None = None,
    parameters: Mapping[str, JsonValue] | None = None,
    seeds: Mapping[str, int] | None = None,
    signer: str | None = None,
) -> Iterator[Step]:
    """Record what happens in the block as one pipeline step (train, preprocess, ingest, package), and sign it.

    Inputs and code are digested on the way in and again on the way out; outputs, which the block names by
    `step.output`, on the way out. Nothing is signed when the block raises.
    Raises `UsageError` `record.*`, `VerificationError` `record.input_changed`, `IdentityError`, `KeyFileError`.
    """
    recorded = Step(step, lambda: datetime.now(UTC), parameters=parameters or {}, seeds=seeds or {})
    recorded.entry_point = shlex.join(sys.orig_argv)
    with _house() as house:
        key = signer_named(house.project, signer)
        for path in inputs:
            recorded.material(os.fspath(path), "model" if step == "package" else "dataset")
        for other, role in ((code, "code"), (lock, "lock")):
            if other is not None:
                recorded.material(os.fspath(other), role)
        recorded.begin()
        yield recorded
        recorded.end()
        statement, _ = recorded.statement()
        house.sign_and_take_in(statement, key)


def attest(
    kind: str,
    artifact: str | os.PathLike[str],
    predicate: str | os.PathLike[str],
    *,
    signer: str | None = None,
) -> Recorded:
    """Sign a statement whose predicate stands in a file, and take it in; as `placet attest`."""
    from placet_api.drafting import from_file

    with _house() as house:
        subject = house.resolve(os.fspath(artifact), reading=False)
        taken = house.sign_and_take_in(
            from_file(kind, subject, Path(predicate)), signer_named(house.project, signer)
        )
        return Recorded(taken.digest, taken.entry)


def approve(
    gate: str,
    artifact: str | os.PathLike[str],
    *,
    ticket: str,
    system: str = "tickets",
    days: float = 14,
    signer: str | None = None,
) -> Recorded:
    """Sign an approval of one artifact for one gate; as `placet approve`."""
    from placet_api.drafting import Approval, approval
    from placet_engine.facts import environment_of

    with _house() as house:
        house.require_gate(gate)
        subject = house.resolve(os.fspath(artifact), reading=False)
        statement = approval(
            Approval(gate, environment_of(gate), ticket, system, days=days), subject, house.clock()
        )
        taken = house.sign_and_take_in(statement, signer_named(house.project, signer))
        return Recorded(taken.digest, taken.entry)


def verify(artifact: str | os.PathLike[str]) -> list[Row]:
    """Every statement held about an artifact, and whether it counts; as `placet verify`."""
    with _house() as house:
        return verify_artifact(house, os.fspath(artifact))


def gate(
    gate: str,
    artifact: str | os.PathLike[str],
    *,
    context: Mapping[str, str] | None = None,
    signer: str | None = None,
    anchors: str | None = None,
    dry_run: bool = False,
) -> GateDecision:
    """Ask a gate for a decision; as `placet gate`. It is durable in the log when this returns.

    Raises `ConfigurationError` (`trust.unpinned` and `trust.changed` under CI), `LogError` when nothing can be logged:
    then there is no decision, and nobody may go on.
    """
    asking = Asking(
        gate=gate,
        artifact=os.fspath(artifact),
        context=dict(context or {}),
        signer=signer,
        anchors=anchors,
        dry_run=dry_run,
        in_ci=os.environ.get("CI", "").lower() not in ("", "0", "false"),
    )
    with _house() as house:
        shown = ask(house, asking)
    body = shown.body
    if body["cause"] == "error":
        reasons: tuple[str, ...] = (str(body["error"]["code"]),)
    else:
        reasons = tuple(check["code"] for check in shown.checks("fail", "skipped"))
    return GateDecision(
        shown.allowed,
        str(body["id"]),
        reasons,
        shown.entry or 0,
        None if shown.receipt is None else Path(shown.receipt),
        body,
    )
