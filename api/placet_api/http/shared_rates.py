"""How often a caller may ask, counted over all workers: the same bucket wherever a request ends up.

A part of the rate for each worker would be wrong both ways: a client's one connection stays with one worker. So the
buckets stand in memory that the workers inherit. A bucket is one number, the time at which it is full again (the
generic cell rate algorithm, ITU-T I.371 annex A), in one of four places of the set that the key's hash names.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from placet_api.http.rates import Rates

_SETS = 4096
_WAYS = 4
_PLACE = struct.Struct("=Qd")  # the key's hash, and when its bucket is full again
_SET_BYTES = _WAYS * _PLACE.size
_EXACT = 1e-6  # seconds; below that, what is left to wait is a rounding


class SharedRates(Rates):
    """As `Rates`, for the processes that are forked after it was made; about 16,000 buckets are kept.

    A fifth key in a set takes the place of the bucket that is fullest. `clock` is the same in all processes.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(rate, burst, clock)
        self._secret = os.urandom(16)  # so that nobody chooses whose bucket he shares
        self._file = os.memfd_create("placet-rates")
        os.ftruncate(self._file, _SETS * _SET_BYTES)
        self._memory = mmap.mmap(self._file, _SETS * _SET_BYTES)

    def take(self, key: str) -> None:
        """Take one. Raises `AccessError` access.too_many (429) with the seconds after which there is one again."""
        number = int.from_bytes(
            hashlib.blake2b(key.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=8).digest()
        )
        start = number % _SETS * _SET_BYTES
        with self._alone(start):
            now = self._clock()
            place, full_at = self._place(number, start, now)
            after = full_at - now - (self._burst - 1) / self._rate
            taken = after < _EXACT
            _PLACE.pack_into(self._memory, place, number, full_at + taken / self._rate)
        if not taken:
            raise self._too_many(after)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
        os.close(self._file)

    def _place(self, number: int, start: int, now: float) -> tuple[int, float]:
        """Where the bucket is, and when it is full again, never longer than a whole bucket takes.

        (A worker may be killed between two bytes: no value that it leaves shuts anybody out.)
        """
        places = range(start, start + _SET_BYTES, _PLACE.size)
        held = {place: _PLACE.unpack_from(self._memory, place) for place in places}
        for place, (owner, full_at) in held.items():
            if owner == number:
                return place, min(max(now, full_at), now + self._burst / self._rate)  # NaN: now
        return min(held, key=lambda place: held[place][1]), now

    @contextmanager
    def _alone(self, start: int) -> Iterator[None]:
        """One thread of one process at a set; the kernel gives the lock back when a process is killed."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _SET_BYTES, start)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _SET_BYTES, start)
