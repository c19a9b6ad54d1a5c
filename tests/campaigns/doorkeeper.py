"""Keeps a service going for a campaign: starts it, strikes it, starts it again."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from tests.api.http.serving import Serving, started
from tests.campaigns.asking import Place
from tests.campaigns.deciding import children, gone, kill_opa
from tests.campaigns.reckoning import Reckoning
from tests.saying import PATIENCE

Strike = Literal["opa", "server", "reload"]
_DEATH: Final = 5.0  # seconds that an orphaned OPA may take to end; the kernel takes milliseconds
_RELOAD: Final = 0.5  # seconds within which a kill strikes that is to come during a reload
_PAUSE: Final = (
    0.03  # seconds at most between an answer and a kill, so that kills hit any moment of a request
)
_ONE_WORKER: Final = 0.5  # share of the kills of a server with several workers that strike only one of them
_FAULT: Final = "failed inside Placet"
_VARIABLES: Final = {"PLACET_HTTP_RATE": "1000000", "PLACET_OPA_TIMEOUT": "5"}


class Doorkeeper:
    """One service at a time, on one store. Temporary files lie in `folder`, so that every OPA there is its own."""

    def __init__(
        self,
        project: Path,
        folder: Path,
        reckoning: Reckoning,
        place: Place,
        chance: random.Random,
        workers: int = 1,
    ) -> None:
        self._project, self._folder, self._workers = project, folder, workers
        self._reckoning, self._place, self._chance = reckoning, place, chance
        self._service: Serving | None = None

    @property
    def service(self) -> Serving:
        """The service that runs."""
        assert self._service is not None
        return self._service

    def open(self) -> None:
        """Start it, and tell the callers where it is."""
        workers = {"PLACET_HTTP_WORKERS": str(self._workers), "TMPDIR": str(self._folder)}
        self._service = started(self._project, **workers, **_VARIABLES)
        self._rules()
        self._place.port = self.service.port

    def strike(self, strike: Strike, at_once: Strike | None) -> None:
        """One blow, and a second one before the first one's end."""
        if strike == "reload":
            self._reload(at_once)
            return
        time.sleep(self._chance.uniform(0, _PAUSE))
        if strike == "opa":
            self._kill_opa("OPA")
        elif self._workers > 1 and self._chance.random() < _ONE_WORKER:
            self._kill_worker()
        else:
            self._kill_server("server")

    def close(self) -> None:
        """End it as an operator does."""
        if self._service is None:
            return
        if self.service.process.poll() is not None:
            self._reckoning.wrong.append(f"the service ended by itself: {self.service.lines[-3:]}")
        elif code := self.service.end(signal.SIGTERM):
            self._reckoning.wrong.append(f"the service ended with {code}")
        self._bury()

    def _kill_opa(self, name: str) -> None:
        struck = kill_opa(self._folder)  # one that any worker has
        self._reckoning.struck[name if struck else f"{name} not there"] += 1

    def _kill_worker(self) -> None:
        """kill -9 of one of several; the others go on, and another one takes its place."""
        workers = children(self.service.process.pid)
        if workers:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(workers), signal.SIGKILL)
        self._reckoning.struck["worker" if workers else "worker not there"] += 1

    def _kill_server(self, name: str) -> None:
        workers = children(self.service.process.pid) if self._workers > 1 else []
        self.service.end(signal.SIGKILL)
        self._reckoning.struck[name] += 1
        self._bury()
        until = time.monotonic() + _DEATH
        while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < until:
            time.sleep(0.02)
        self._reckoning.survivors += sum(Path(f"/proc/{pid}").exists() for pid in workers)
        self.open()

    def _reload(self, at_once: Strike | None) -> None:
        self._reckoning.generations.write()
        self._hup()
        if at_once is not None:
            time.sleep(self._chance.uniform(0, _RELOAD))
        if at_once == "server":
            self._kill_server("server in a reload")  # the next one reads the new trust when it starts
            return
        if at_once == "opa":
            self._kill_opa("OPA in a reload")
        while not self._reloaded():
            self._reckoning.struck["reload refused"] += 1
            self._hup()
        self._rules()

    def _rules(self) -> None:
        """The newest trust rules now, as far as is known: of several workers each reloads by itself."""
        if self._workers == 1:
            self._place.ruling = self._reckoning.generations.newest

    def _hup(self) -> None:
        self.service.process.send_signal(signal.SIGHUP)
        self._reckoning.struck["reload"] += 1

    def _reloaded(self) -> bool:
        """Whether the reload that is under way came to rule; False when it was refused."""
        while True:
            line = self.service.news.get(timeout=PATIENCE)
            assert line is not None, f"it ended in a reload: {self.service.lines[-3:]}"
            if '"reloaded"' in line:
                return True
            if "the reload was refused" in line or "the reload failed" in line:
                return False

    def _bury(self) -> None:
        """What must be said of one that has ended."""
        self._reckoning.survivors += not gone(self._folder, _DEATH)
        faults = [line for line in self.service.lines if _FAULT in line]
        self._reckoning.wrong += [f"the service says: {line.strip()}" for line in faults]
