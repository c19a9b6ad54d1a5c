"""Work off the event loop: a few threads, a bounded queue, and a refusal when both are full."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from placet_api.errors import BusyError

T = TypeVar("T")


class Pool:
    """Runs functions in `threads` threads; at most `queue` more may wait. Used from one event loop."""

    def __init__(self, threads: int, queue: int) -> None:
        self._room = threads + queue
        self._taken = 0
        self._closed = False
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="placet-judge")

    @property
    def taken(self) -> int:
        """Functions that run or wait."""
        return self._taken

    async def run(self, function: Callable[[], T]) -> T:
        """The function's value. Raises `BusyError` http.overloaded, http.closing, and whatever the function raises.

        A caller that goes away does not stop what already runs: what it decides stands in the log.
        """
        with self._lock:
            if self._closed:
                raise BusyError(
                    "http.closing", "the service is ending", hint="ask another one, or again soon"
                )
            if self._taken >= self._room:
                raise BusyError(
                    "http.overloaded",
                    f"{self._taken} requests are at work or wait already",
                    hint="ask again soon",
                )
            self._taken += 1
        future = self._threads.submit(function)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Take nothing more, and wait for what runs."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(wait=True)

    def _leave(self, _: object) -> None:
        with self._lock:
            self._taken -= 1
