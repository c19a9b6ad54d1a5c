"""The one writer: a thread that commits whatever waits, and answers when it is durable.

Callers hand in drafts from any thread. The writer takes all that wait (up to a bound), commits them as one
batch, keeps the new head outside the store, and only then lets their callers go. A commit that fails fails
its callers and nothing else; the next batch starts from the head that is durable then, by the same code as
any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import Self

from placet_engine.errors import LogError
from placet_engine.log.entry import Appended, Draft
from placet_engine.log.limits import DEFAULT_LOG_LIMITS, LogLimits
from placet_engine.log.seal import LogSeal
from placet_engine.log.store import Committed, Head, LogStore

_Waiting = tuple[Draft, "Future[Appended]"]
Soon = Callable[[Callable[[], None]], object]
"""Runs a function a little later, in the thread that hands it in: an event loop's `call_soon`."""


class LogWriter:
    """Appends to one store from one thread. Use as a context manager, or call `close`.

    The thread starts with the first draft and is a daemon: a process that ends without `close` loses only
    drafts that nobody was told about. Do not use it across a fork.
    """

    def __init__(self, store: LogStore, seal: LogSeal, limits: LogLimits = DEFAULT_LOG_LIMITS) -> None:
        self._store = store
        self._seal = seal
        self._limits = limits
        self._kept: Head | None = None
        self._waiting: deque[_Waiting] = deque()
        self._closed = False
        self._gathering = False
        self._thread: Thread | None = None
        lock = Lock()
        self._filled = Condition(lock)
        self._room = Condition(lock)

    @property
    def kept(self) -> Head | None:
        """The newest head that this writer signed, or proved, and kept; None before its first batch."""
        return self._kept

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, draft: Draft, *, soon: Soon | None = None) -> Future[Appended]:
        """Hand in a draft; the future answers when it is durable, or raises what `append` raises.

        Waits while the queue is full; LogError log.busy when it stays so, log.closed after `close`. An event loop gives
        its `call_soon` as `soon`: then nothing waits, and the writer begins once the loop has handed in all that it
        has in this turn, so that one commit serves them all.
        """
        future: Future[Appended] = Future()
        with self._room:
            if not self._room.wait_for(self._has_room, self._limits.queue_timeout if soon is None else 0):
                raise LogError("log.busy", "too many drafts wait for the log", hint="ask again later")
            if self._closed:
                raise LogError("log.closed", "the log is closed", hint="open it again")
            if self._thread is None:
                self._thread = Thread(target=self._run, name="placet-log-writer", daemon=True)
                self._thread.start()
            self._waiting.append((draft, future))
            if soon is None:
                self._gathering = False  # whoever waits here waits for no turn of a loop
                self._filled.notify()
            elif not self._gathering:
                self._gathering = True
                soon(self._begin)
        return future

    def append(self, draft: Draft) -> Appended:
        """Append a draft and wait until it is durable.

        ReservationConflict, LogError clock.rolled_back and log.duplicate: this draft was not logged. LogError
        log.unwritable, log.locked, log.corrupt, log.rolled_back: nothing may be answered; what was
        acknowledged is safe.
        """
        return self.submit(draft).result()

    def close(self) -> None:
        """Commit what waits, then end the thread. May be called twice."""
        with self._room:
            self._closed = True
            self._filled.notify()
            self._room.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _has_work(self) -> bool:
        return self._closed or bool(self._waiting and not self._gathering)

    def _begin(self) -> None:
        with self._filled:
            self._gathering = False
            self._filled.notify()

    def _has_room(self) -> bool:
        return self._closed or len(self._waiting) < self._limits.max_queue

    def _run(self) -> None:
        while batch := self._take():
            self._commit(batch)

    def _take(self) -> list[_Waiting]:
        """Wait for a draft, then take whatever else waits; nothing once the writer is closed and all is committed."""
        batch: list[_Waiting] = []
        with self._filled:
            while not batch:
                self._filled.wait_for(self._has_work)
                if not self._waiting:
                    break
                while self._waiting and len(batch) < self._limits.max_batch:
                    draft, future = self._waiting.popleft()
                    if future.set_running_or_notify_cancel():
                        batch.append((draft, future))
                    self._room.notify()
        return batch

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            committed = self._store.append([draft for draft, _ in batch], self._seal)
            # A crash here leaves a store ahead of its kept head, which is fine: the next batch keeps a newer one.
            self._seal.keep(committed.head)
            self._kept = committed.head
        except Exception as error:  # noqa: BLE001 - the thread lives on, and every caller hears of it
            _fail(batch, error)
        else:
            # A crash here leaves entries whose callers heard nothing; no decision has left the house.
            _answer(batch, committed)


def _answer(batch: list[_Waiting], committed: Committed) -> None:
    for (_, future), outcome in zip(batch, committed.outcomes, strict=True):
        if isinstance(outcome, Appended):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, future in batch:
        future.set_exception(_for_one_caller(error))


def _for_one_caller(error: Exception) -> LogError:
    """A fresh error for each caller: one object raised in several threads mixes up their tracebacks."""
    if isinstance(error, LogError):
        own = LogError(error.code, error.message, where=error.where, hint=error.hint)
    else:
        own = LogError("log.unwritable", f"the log failed: {error!r}", hint="see the log of this process")
    own.__cause__ = error
    return own
