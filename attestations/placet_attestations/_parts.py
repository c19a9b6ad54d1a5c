"""Hashing a file in equal parts, or whole by another function than SHA-256, as OpenSSF Model Signing does.

What is read and what counts as a change is as in `_hashing.py`; that one is the hot path of every identity and
stays free of parts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from stat import S_ISREG
from typing import Final, Protocol

from placet_attestations._hashing import OPEN_FLAGS, HashedFile, Reader, changed, refuse, refuse_kind
from placet_attestations.errors import IdentityError


class State(Protocol):
    """What a hash function is while it reads."""

    def update(self, data: memoryview, /) -> object:
        """Take in more."""
        ...

    def hexdigest(self) -> str:
        """The digest of all that was taken in."""
        ...


def _blake3() -> State:
    # Only who checks such a signature pays for the import. On one core, as all hashing here.
    from blake3 import blake3

    return blake3(max_threads=1)


HASHES: Final[dict[str, tuple[Callable[[], State], int]]] = {
    "sha256": (hashlib.sha256, 64),
    "blake2b": (lambda: hashlib.new("blake2b"), 128),
    "blake3": (_blake3, 64),
}
"""Name in the format -> a new state, and how many hex digits it ends in."""

_BUFFER_BYTES = 256 * 1024


def part(start: int, end: int, digits: str) -> str:
    """How one part is written in what `PartsHasher` returns: parts stand in order, with a comma between."""
    return f"{start}:{end}:{digits}"


class PartsHasher:
    """Hashes files part by part; a file's "digest" lists its parts. Not for use by two threads at once."""

    def __init__(self, algorithm: str, size: int | None, *, most: int, read: Reader = os.readv) -> None:
        """`size` is of a part in bytes, None for whole files; a file has at most `most` parts."""
        self._new = HASHES[algorithm][0]
        self._size = size
        self._most = most
        self._read = read
        self._view = memoryview(bytearray(_BUFFER_BYTES))

    def hash(self, name: str, shown: str, folder: int | None = None) -> HashedFile:
        """As `FileHasher.hash`; also raises IdentityError tree.too_many for a file of too many parts."""
        try:
            descriptor = os.open(name, OPEN_FLAGS, dir_fd=folder)
        except (OSError, ValueError) as error:
            refuse(error, name, shown, folder)
        try:
            before = os.fstat(descriptor)
            if not S_ISREG(before.st_mode):
                refuse_kind(before.st_mode, shown + name)
            text = self._whole(descriptor, before.st_size, shown + name)
            after = os.fstat(descriptor)
        except OSError as error:
            refuse(error, name, shown, folder)
        finally:
            os.close(descriptor)
        if (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
            after.st_size,
            after.st_mtime_ns,
            after.st_ctime_ns,
        ):
            raise changed(shown + name)
        return text, before.st_size

    def _whole(self, descriptor: int, size: int, shown: str) -> str:
        if self._size is None:
            return self._part(descriptor, size, shown)
        if size > self._size * self._most:
            raise IdentityError(
                "tree.too_many",
                f"{shown} has more than {self._most:,} parts of {self._size:,} bytes",
                hint="whoever signs the model must choose larger parts",
            )
        bounds = [(start, min(start + self._size, size)) for start in range(0, size, self._size)]
        return ",".join(
            [part(start, end, self._part(descriptor, end - start, shown)) for start, end in bounds]
        )

    def _part(self, descriptor: int, left: int, shown: str) -> str:
        state = self._new()
        while left:
            count = self._read(descriptor, (self._view[:left],))
            if count == 0:
                raise changed(shown)
            state.update(self._view[:count])
            left -= count
        return state.hexdigest()
