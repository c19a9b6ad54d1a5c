"""Keeps one OPA running: waits until it is ready, asks it, replaces it when it dies or hangs.

Runs in the event loop of a `Worker`. Started with an OPA that already runs, because importing what this
module needs takes longer than OPA takes to start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Final

from placet_engine.errors import EngineError, PolicyError
from placet_engine.policy.limits import PolicyLimits
from placet_engine.policy.opa import NotConnectedError, OpaClient
from placet_engine.policy.port import Answer, TimedOut, Unreachable
from placet_engine.policy.process import OpaProcess
from placet_engine.policy.tool import compile_error
from placet_engine.policy.worker import not_ready

_POLL: Final = 0.002  # seconds between looks for a starting OPA, which takes about 15 times that


class Supervisor:
    """A backend of `Worker`: `first` runs already, `start` makes the next, `connect` a session with one."""

    def __init__(
        self,
        first: OpaProcess,
        start: Callable[[], OpaProcess],
        connect: Callable[[OpaProcess], OpaClient],
        limits: PolicyLimits,
    ) -> None:
        self._process = first
        self._start = start
        self._connect = connect
        self._limits = limits
        self._living: OpaClient | None = None  # of the present OPA, once it was ready
        self._client: OpaClient | None = None  # the same, while it may be asked
        self._failure: EngineError | None = None  # there when it will never be
        self._words = ""
        self._killed = False  # whether a signal from outside ended the last OPA
        self._changed = asyncio.Event()
        self._probes: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch over OPA."""
        self._keeper = asyncio.create_task(self._keep())

    async def ask(self, question: bytes, deadline: float) -> Answer:
        """Wait for a ready OPA and ask it once, all before `deadline`."""
        client: OpaClient | None = None
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                while True:
                    client = await self._ready()
                    try:
                        answer = await client.decide(question)
                    except NotConnectedError:  # it died since, or its socket is gone: nothing was sent
                        self._doubt(client)
                        continue
                    if isinstance(answer, Unreachable):
                        self._doubt(client)
                    return answer
        except TimeoutError:
            if client is not None:
                self._suspect(client)
            return TimedOut() if self._process.alive() else Unreachable(self._dead())
        except EngineError as error:
            return Unreachable(str(error))

    async def wait_ready(self, deadline: float) -> None:
        """Return once OPA answers. Raises PolicyError policy.compile, opa.start, opa.not_ready."""
        patience = deadline - time.monotonic()
        try:
            async with asyncio.timeout(patience):
                await self._ready()
        except TimeoutError as error:
            self._process.drain()
            raise not_ready(patience, self._process.words()) from error

    async def close(self) -> None:
        """End OPA and everything that waits for it."""
        self._fail(PolicyError("opa.closed", "OPA was closed"))
        for task in (*self._probes, *([] if self._keeper is None else [self._keeper])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._process.end()

    async def _keep(self) -> None:
        """One OPA after the other. One that ends by itself before any was ready ends all: its bundle is at
        fault. One that was killed says nothing about its bundle, and is started again.
        """
        was_ready = False
        quick_deaths = 0
        while True:
            born = time.monotonic()
            was_ready = await self._live() or was_ready
            if not was_ready and not self._killed:
                self._fail(_start_error(self._process.words()))
                return
            quick_deaths = 0 if time.monotonic() - born >= self._limits.steady_after else quick_deaths + 1
            await asyncio.sleep(self._pause(quick_deaths))
            while (process := self._try_start()) is None:
                quick_deaths += 1
                await asyncio.sleep(self._pause(quick_deaths))
            self._process = process

    def _pause(self, quick_deaths: int) -> float:
        if quick_deaths < 2:
            return 0.0
        return min(self._limits.max_backoff, self._limits.first_backoff * 2.0 ** min(quick_deaths - 2, 30))

    def _try_start(self) -> OpaProcess | None:
        try:
            return self._start()
        except EngineError as error:
            self._words = str(error)
            return None

    async def _live(self) -> bool:
        """From the start of the present process to its end; whether it ever got ready."""
        process, loop = self._process, asyncio.get_running_loop()
        exited = asyncio.Event()
        loop.add_reader(process.fileno, process.drain)
        Thread(target=_tell_exit, args=(process, loop, exited), name="placet-opa-exit", daemon=True).start()
        client = self._connect(process)
        try:
            async with client:
                if not await self._until_ready(client, process):
                    return False
                self._living = self._client = client
                self._tell()
                await exited.wait()
                return True
        finally:
            self._living = self._client = None
            self._tell()
            loop.remove_reader(process.fileno)
            self._killed = process.was_killed()
            process.end()
            self._words = process.words()

    async def _until_ready(self, client: OpaClient, process: OpaProcess) -> bool:
        give_up = time.monotonic() + self._limits.start_timeout
        while process.alive() and time.monotonic() < give_up:
            if process.socket.exists() and await client.healthy():
                return True
            await asyncio.sleep(_POLL)
        return False

    async def _ready(self) -> OpaClient:
        """Raises EngineError when there will be no OPA any more."""
        while True:
            if self._failure is not None:
                raise self._failure
            # The kernel knows of a death before this loop has been told.
            if self._client is not None and self._process.alive():
                return self._client
            await self._changed.wait()

    def _tell(self) -> None:
        """Wake everybody who waits for a change; an Event that is set and replaced is a broadcast."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _fail(self, error: EngineError) -> None:
        self._failure = self._failure or error
        self._tell()

    def _suspect(self, client: OpaClient) -> None:
        """After a late answer: an OPA that answers no health probe either hangs, and is replaced."""
        if self._client is client and not self._probes:
            self._start_probe(client)

    def _doubt(self, client: OpaClient) -> None:
        """After a broken connection: OPA is asked nothing more until it answers a probe, or was replaced."""
        if self._client is client:
            self._client = None
            self._start_probe(client)

    def _start_probe(self, client: OpaClient) -> None:
        probe = asyncio.create_task(self._probe(client, self._process))
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)

    async def _probe(self, client: OpaClient, process: OpaProcess) -> None:
        if not await client.healthy():
            process.kill()
        elif self._living is client:
            self._client = client
            self._tell()

    def _dead(self) -> str:
        return "OPA died and is being restarted" + (f"; it said: {self._words}" if self._words else "")


def _tell_exit(process: OpaProcess, loop: asyncio.AbstractEventLoop, exited: asyncio.Event) -> None:
    process.wait_exit()
    with suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(exited.set)


def _start_error(words: str) -> PolicyError:
    if "rego_" in words or "load error" in words or "bundle" in words:
        return compile_error(words)
    return PolicyError(
        "opa.start",
        f"OPA does not get ready: {words or 'it said nothing'}",
        hint="see  placet doctor ; set opa.path to an OPA binary for this machine",
    )
