"""Random bytes for identifiers and salts, fetched from the kernel in larger pieces.

Each call of the kernel lets go of the interpreter's lock, and on a busy event loop to get it back costs many times what
the bytes do.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Final

_PIECE: Final = 4096


class _Supply:
    def __init__(self) -> None:
        self._lock = Lock()
        self._bytes = b""

    def take(self, count: int) -> bytes:
        with self._lock:
            if len(self._bytes) < count:
                self._bytes = os.urandom(max(_PIECE, count))
            taken, self._bytes = self._bytes[:count], self._bytes[count:]
            return taken

    def forget(self) -> None:
        """In a forked process: it must not draw what its parent draws, and nobody here lets go of the parent's lock."""
        self._lock = Lock()
        self._bytes = b""


_SUPPLY: Final = _Supply()
os.register_at_fork(after_in_child=_SUPPLY.forget)


def random_bytes(count: int) -> bytes:
    """So many bytes of the kernel's randomness, given out once."""
    return _SUPPLY.take(count)
