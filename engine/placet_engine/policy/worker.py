"""One long-lived thread with an event loop, in which an engine lives; questions come from any thread.

Nothing slow is imported here: the thread imports asyncio and the HTTP client itself, after it has started
OPA. OPA is started in that thread because the kernel ties a child to the thread that started it, not to the
process.
"""

from __future__ import annotations

import os
import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from placet_engine.errors import EngineError, PolicyError
from placet_engine.policy.port import Answer, TimedOut, Unreachable

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine

_T = TypeVar("_T")

_GRACE: Final = (
    1.0  # seconds after its deadline at which a question is given up though the loop has not ended it
)
_CLOSING: Final = 10.0  # seconds that `close` waits for the thread; its work takes milliseconds


class Backend(Protocol):
    """What lives in the thread; every method runs in its loop. Deadlines are times of `time.monotonic`."""

    async def open(self) -> None:
        """Begin; questions are taken once it returns."""

    async def ask(self, question: bytes, deadline: float) -> Answer:
        """Answer before `deadline`; never raises."""

    async def wait_ready(self, deadline: float) -> None:
        """Return once questions are answered. Raises EngineError when they will not be, or not in time."""

    async def close(self) -> None:
        """End everything; questions still open end as `Unreachable`."""


class Worker:
    """Runs `make()`, then the backend that it gives, in a thread of its own until `close`."""

    def __init__(self, make: Callable[[], Backend], *, name: str) -> None:
        self._make = make
        self._pid = os.getpid()
        self._settled = Event()  # set once there is a backend, or a failure instead of it
        self._failure: EngineError | None = None
        self._backend: Backend | None = None
        self._loop: AbstractEventLoop | None = None
        self._stop: Callable[[], object] | None = None
        self._lock = Lock()
        self._closed = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, question: bytes, timeout: float) -> Answer:
        """What the backend answers within `timeout` seconds. Raises only what interrupts the caller."""
        deadline = time.monotonic() + timeout
        try:
            self._wait(timeout)
            return self._call(lambda backend: backend.ask(question, deadline), deadline)
        except TimeoutError:
            return TimedOut()
        except EngineError as error:
            return Unreachable(str(error))
        except Exception as error:  # noqa: BLE001 - a fault of this code must deny, not escape
            return Unreachable(f"the engine failed: {type(error).__name__}: {error}")

    def wait_ready(self, timeout: float) -> None:
        """Wait until questions are answered. Raises EngineError, opa.not_ready when it takes too long."""
        deadline = time.monotonic() + timeout
        try:
            self._wait(timeout)
            self._call(lambda backend: backend.wait_ready(deadline), deadline)
        except TimeoutError as error:
            raise not_ready(timeout) from error

    def close(self) -> None:
        """End backend and thread; in a forked process, which has neither, do nothing."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            if self._stop is not None:
                self._stop()
        self._thread.join(_CLOSING)

    def _wait(self, timeout: float) -> None:
        """Until the thread has settled. Raises PolicyError opa.forked, opa.closed, and TimeoutError."""
        if os.getpid() != self._pid:
            raise PolicyError(
                "opa.forked", "this process was forked after OPA was started and has none of its own"
            )
        if not self._settled.wait(timeout):
            raise TimeoutError

    def _call(self, use: Callable[[Backend], Coroutine[Any, Any, _T]], deadline: float) -> _T:
        from asyncio import run_coroutine_threadsafe  # the thread has paid for these imports
        from concurrent.futures import CancelledError

        with self._lock:  # so that the loop cannot end between the look at it and the hand-over
            if self._closed or self._backend is None or self._loop is None:
                raise self._failure or _closed()
            waiting = run_coroutine_threadsafe(use(self._backend), self._loop)
        try:
            return waiting.result(max(0.0, deadline - time.monotonic()) + _GRACE)
        except CancelledError as error:
            raise _closed() from error
        finally:
            waiting.cancel()

    def _run(self) -> None:
        try:
            backend = self._make()
            import asyncio

            asyncio.run(self._serve(backend))
        except EngineError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - it has no caller here; whoever asks is told
            self._failure = PolicyError("opa.internal", f"the engine failed: {type(error).__name__}: {error}")
        finally:
            self._settled.set()

    async def _serve(self, backend: Backend) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        await backend.open()
        try:
            with self._lock:
                self._backend, self._loop = backend, loop
                self._stop = lambda: loop.call_soon_threadsafe(stop.set)
                if self._closed:
                    stop.set()
            self._settled.set()
            await stop.wait()
        finally:
            with self._lock:
                self._backend, self._loop, self._stop = None, None, None
            await backend.close()


def not_ready(timeout: float, words: str = "") -> PolicyError:
    """OPA did not get ready in time; `words` are its own."""
    message = f"OPA was not ready within {timeout:.3g} s" + (f": {words}" if words else "")
    return PolicyError("opa.not_ready", message, hint="see what  placet doctor  says about OPA")


def _closed() -> PolicyError:
    return PolicyError("opa.closed", "OPA was closed")
