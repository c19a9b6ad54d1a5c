"""The last signed checkpoint, kept outside the store: how a log finds out that its store was put back.

One small file of two slots, written in turns. The slot with the newest head is never touched, so a torn write
costs the head that was being written and nothing else; and no new file, name or block is needed for each
batch, which makes this flush the cheap one. Whoever can put back the database but not this file is found out.
Whoever can do both is not: anchor checkpoints with somebody else for that.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from placet_engine.errors import LogError, ProofError
from placet_engine.log.checkpoint import Checkpoint, open_checkpoint
from placet_engine.log.note import NoteVerifier

SLOT_SIZE = 4096
_PADDING = b"\0"


class HeadFile:
    """The kept checkpoint of one log. Safe for several threads and processes; what is kept never goes back."""

    def __init__(self, path: Path, verifier: NoteVerifier, origin: str | None = None) -> None:
        self.path = path
        self._verifier = verifier
        self._origin = origin or verifier.name
        self._known: dict[bytes, Checkpoint] = {}

    def kept(self) -> Checkpoint | None:
        """The newest checkpoint that was kept, its signature verified; None when none was.

        LogError log.head_unreadable: the file is there but holds no checkpoint of this log.
        """
        try:
            raw = _read(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error.strerror or "it cannot be read") from error
        slots = self._slots(raw)
        return max(slots, key=_size_of)

    def keep(self, note: str, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint that the caller signed or verified, unless a newer one is kept. Durable on
        return.

        LogError log.unwritable when the file cannot be written; the newest head that it held stays.
        """
        try:
            with self._locked() as descriptor:
                slots = self._slots(os.pread(descriptor, 2 * SLOT_SIZE, 0))
                if max(map(_size_of, slots)) < checkpoint.size:
                    self._write(descriptor, slots, note.encode())
                    self._known[note.encode()] = checkpoint
        except OSError as error:
            raise LogError(
                "log.unwritable",
                f"the kept head of the log cannot be written: {error.strerror}",
                where=str(self.path),
                hint="free space or mend permissions, then ask again; what was acknowledged is safe",
            ) from error

    def _write(
        self, descriptor: int, slots: tuple[Checkpoint | None, Checkpoint | None], note: bytes
    ) -> None:
        if slots != (None, None):
            older = 0 if _size_of(slots[0]) < _size_of(slots[1]) else 1
            _write_all(descriptor, note.ljust(SLOT_SIZE, _PADDING), older * SLOT_SIZE)
            # A power loss up to here leaves that slot old, torn or new; the newest head is in the other one.
            os.fdatasync(descriptor)
            return
        # The first head, and room for the second. A crash up to here counts as "never kept".
        _write_all(descriptor, note.ljust(2 * SLOT_SIZE, _PADDING), 0)
        os.fsync(descriptor)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _slots(self, raw: bytes) -> tuple[Checkpoint | None, Checkpoint | None]:
        notes = [raw[start : start + SLOT_SIZE].rstrip(_PADDING) for start in (0, SLOT_SIZE)]
        refused: ProofError | None = None
        read: list[Checkpoint | None] = []
        for note in notes:
            try:
                read.append(self._open(note) if note else None)
            except ProofError as error:
                refused = error
                read.append(None)
        # One bad slot beside a good one is a torn write; a file with bad ones only is somebody else's.
        if refused is not None and read == [None, None]:
            raise self._unreadable(refused.message) from refused
        self._known = {note: found for note, found in zip(notes, read, strict=True) if found is not None}
        return read[0], read[1]

    def _open(self, note: bytes) -> Checkpoint:
        return self._known.get(note) or open_checkpoint(note, (self._verifier,), origin=self._origin)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _unreadable(self, why: str) -> LogError:
        return LogError(
            "log.head_unreadable",
            f"the kept head of the log does not hold: {why}",
            where=str(self.path),
            hint="restore it from a copy; removing it gives up the proof that the log was not put back",
        )


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 2 * SLOT_SIZE)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    if os.pwrite(descriptor, data, offset) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _size_of(checkpoint: Checkpoint | None) -> int:
    return -1 if checkpoint is None else checkpoint.size
