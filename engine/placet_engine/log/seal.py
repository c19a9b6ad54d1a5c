"""The hand that signs: looks at a head before anything is built upon it, and signs the next one.

A log must never sign two checkpoints of which neither continues the other. So before each batch: is the
durable head signed by this key, do its nodes contain the newest head that was ever kept?
"""

from __future__ import annotations

from placet_engine.errors import LogError, ProofError
from placet_engine.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from placet_engine.log.head_file import HeadFile
from placet_engine.log.merkle import NodeReader, root_at
from placet_engine.log.note import NoteSigner, NoteVerifier
from placet_engine.log.store import Head


class LogSeal:
    """A `Seal` with the log's private key and its kept head."""

    def __init__(self, signer: NoteSigner, origin: str, kept: HeadFile) -> None:
        self._signer = signer
        self._origin = origin
        self._kept = kept
        self._admitted: Head | None = None

    def admit(self, head: Head, read: NodeReader) -> None:
        """Steps: 1. the head is signed, and by this key. 2. the newest kept head is a prefix of it."""
        if head != self._admitted:
            check_head(head, self._signer.verifier, self._origin)
            self._admitted = head
        check_kept(self._kept.kept(), head, read)

    def sign(self, size: int, root: bytes) -> str:
        """Sign a head. Until its batch is durable nobody but the store sees it, so a failed commit signs
        nothing twice.
        """
        return sign_checkpoint(Checkpoint(self._origin, size, root), self._signer)

    def keep(self, head: Head) -> None:
        """Remember, outside the store, a head that is durable in it: one that was signed here or admitted."""
        self._admitted = head
        if head.size:
            self._kept.keep(head.checkpoint, Checkpoint(self._origin, head.size, head.root))


def check_head(head: Head, verifier: NoteVerifier, origin: str) -> None:
    """Whether the head row is what was signed: LogError log.key_mismatch, log.corrupt."""
    if not head.size:
        return
    try:
        signed = open_checkpoint(head.checkpoint, (verifier,), origin=origin)
    except ProofError as error:
        if error.code in ("note.unsigned", "checkpoint.origin"):
            raise LogError(
                "log.key_mismatch",
                f"this log was not signed by {verifier.name} (key {verifier.key_id.hex()}) for {origin}",
                hint="use the log key that the log was started with; a new key needs a new, empty log",
            ) from error
        raise _damaged(f"the log's checkpoint does not hold: {error.message}") from error
    if (signed.size, signed.root) != (head.size, head.root):
        raise _damaged(f"the head row of {head.size} entries is not its signed checkpoint of {signed.size}")


def check_kept(kept: Checkpoint | None, head: Head, read: NodeReader) -> None:
    """Whether the store still holds all that was ever signed: LogError log.rolled_back. A store ahead is fine."""
    if kept is None or (kept.size, kept.root) == (head.size, head.root):
        return
    if kept.size > head.size:
        raise _rolled_back(
            f"the log holds {head.size} entries, but a head of {kept.size} was signed and kept"
        )
    if root_at(kept.size, read) != kept.root:
        raise _rolled_back(
            f"the first {kept.size} entries of the log are not those whose head was signed and kept"
        )


def _rolled_back(message: str) -> LogError:
    return LogError(
        "log.rolled_back",
        message,
        hint="restore the newest copy of the database; to give it up, start a log with a new origin and key",
    )


def _damaged(message: str) -> LogError:
    hint = "run `placet log verify` to find the first bad entry, then restore the database from a copy"
    return LogError("log.corrupt", message, hint=hint)
