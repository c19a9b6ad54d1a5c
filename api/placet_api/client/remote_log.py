"""A service's log, recomputed from outside: its checkpoint and its tiles (C2SP tlog-tiles), nothing else.

Every entry is fetched and hashed again, and the root of all must be the one that was signed under the key that the
checker brings. The head that held is kept here, so that a log which goes back, or is another one than before, is found
out the next time. What a service does not hand out (payloads, reservations, its index) cannot be checked from here.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from placet_api.client.log_walk import DivergenceError, Pause, Source, Walk
from placet_api.logbook import Audit, verifier_of
from placet_engine.errors import LogError, ProofError
from placet_engine.log.audit import AuditReport
from placet_engine.log.checkpoint import Checkpoint, open_checkpoint
from placet_engine.log.head_file import HeadFile

if TYPE_CHECKING:
    from placet_api.client.connection import Connection
    from placet_api.project import Project
    from placet_engine.log.note import NoteVerifier

UNCHECKED: Final = ("payloads", "reservations", "index")
HEADS: Final = "heads"


def audit_service(
    connection: Connection,
    project: Project,
    log_key: str | None,
    *,
    in_ci: bool = False,
    pause: Pause = time.sleep,
) -> Audit:
    """Recompute the log behind `connection`, and keep its head below the project's state when all of it holds.

    The key is `log_key`, else the project's own copy; in CI, where the tree is not the checker's, only the first.
    Raises `UsageError` log.no_key; `ServiceError`, `AccessError`, `BusyError` when the service does not answer:
    whatever it answers ends in a report.
    """
    verifier = verifier_of(project, log_key, in_ci=in_ci)
    heads = HeadFile(project.state / HEADS / f"{_file_name(verifier)}.head", verifier)
    try:
        kept = heads.kept()
    except LogError as error:
        return Audit(AuditReport(0, ok=False, reason=str(error)), verifier.name, None, UNCHECKED)
    source = Source(connection, pause)
    note = source.checkpoint()
    report, head = _recomputed(source, note, verifier, kept)
    if report.ok and head is not None:
        _make_folder(heads.path.parent)
        heads.keep(note, head)
    return Audit(report, verifier.name, None if kept is None else kept.size, UNCHECKED)


def _file_name(verifier: NoteVerifier) -> str:
    """One file a key, wherever its log is served: letters of the name that any file system takes, and the key's id."""
    name = "".join(letter if letter.isalnum() else "-" for letter in verifier.name if letter.isascii())
    return f"{name[:64]}-{verifier.key_id.hex()}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the head of the log cannot be kept: {error.strerror}"
        raise LogError(
            "log.unwritable", message, where=str(folder), hint="see who owns the folder"
        ) from error


def _recomputed(
    source: Source, note: str, verifier: NoteVerifier, kept: Checkpoint | None
) -> tuple[AuditReport, Checkpoint | None]:
    """The report, and the head that it is about (None where it does not hold)."""
    size = 0
    try:
        head = _opened(note, verifier)
        size = head.size
        walk = Walk(source, size, kept)
        walk.run()
        if walk.tree.root() != head.root:
            raise DivergenceError(
                size - 1 if size else None, "the entries up to it do not make the signed root"
            )
    except DivergenceError as found:
        return AuditReport(size, ok=False, first_bad=found.index, reason=found.reason), None
    return AuditReport(size, ok=True, root=walk.tree.root()), head


def _opened(note: str, verifier: NoteVerifier) -> Checkpoint:
    if not note:
        # Of a log that is empty, or is said to be: no signature stands behind that.
        raise DivergenceError(None, "the service has no signed head, so there is nothing to verify")
    try:
        return open_checkpoint(note, (verifier,))
    except ProofError as error:
        raise DivergenceError(None, f"the checkpoint of the log does not hold: {error.message}") from error
