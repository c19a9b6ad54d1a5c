"""How often a caller may ask: a token bucket for each."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from placet_api.errors import AccessError

_MOST_KEYS = 10_000


class Rates:
    """`rate` takes a second on average, `burst` at once; a bucket that must be full again is forgotten.

    At most 10,000 are kept: beyond that, whoever was not seen for longest is forgotten.

    A forgotten caller starts with a full bucket, so many names give many bursts: keys are ids of authenticated callers,
    or addresses.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, max(1.0, burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Take one. Raises `AccessError` access.too_many (429) with the seconds after which there is one again."""
        with self._lock:
            now = self._clock()
            left, seen = self._buckets.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - seen) * self._rate)
            taken = left >= 1
            self._buckets[key] = (left - 1 if taken else left, now)
            self._forget(now)
        if not taken:
            raise self._too_many((1 - left) / self._rate)

    def _too_many(self, after: float) -> AccessError:
        return AccessError(
            "access.too_many",
            f"more than {self._rate:g} requests a second",
            status=429,
            hint="ask again later",
            after=after,
        )

    def _forget(self, now: float) -> None:
        """The least recently seen come first; whatever was in their buckets, `burst / rate` seconds fill them."""
        while True:  # whoever took one just now stays
            _, seen = next(iter(self._buckets.values()))
            if len(self._buckets) <= _MOST_KEYS and (now - seen) * self._rate < self._burst:
                return
            self._buckets.popitem(last=False)
