"""Several workers over the same sockets: their parent, which starts, watches, replaces and ends them.

The parent serves nothing itself. It has neither thread nor event loop, no store and no OPA, because workers are
forked from it, also later, when one has died: so they inherit the project as it was checked, the bound sockets, the TLS
contexts and every import, and nothing that does not survive a fork. (A new program for each would be told all that by
arguments, and import it all again.) One socket for all, rather than one for each by SO_REUSEPORT, because what waits in
a dead worker's own queue would be lost.

Rules: each worker reloads by itself, so for a moment two of them may judge by two generations; every decision names
the one that judged it. When one worker is asked for a reload over HTTP, the others are told to reload, too. And workers
say by which rules they judge: when one says something new (it took a dead one's place, and read the files as they are),
whoever judges by anything else is told to read them.

A worker that refuses what another one judges by (the files were broken when it looked) is asked again, each time after
twice as long; after some refusals it is replaced by one that reads the files, or dies of them. What all refuse is asked
of nobody again: what ruled goes on for all. One that does not
answer at all is left alone: readiness tells of it, and so does the answer to whoever asked for the reload.
"""

from __future__ import annotations

import gc
import logging
import math
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from placet_api.errors import ServiceError
from placet_api.http.board import Board
from placet_api.http.line import Report
from placet_api.http.place import Body, Ended, Place, reaped
from placet_api.http.signals import Signals

_log = logging.getLogger("placet.serve")
_LONG = 3600.0  # seconds between two looks when nothing happens


@dataclass(frozen=True, slots=True)
class Patience:
    """How deaths and refusals are borne. A worker that served for `steady_seconds` had no quick death.

    All in seconds. A worker that refused `most_refusals` times is replaced; until then it is asked again.
    """

    drain_seconds: float
    steady_seconds: float = 10.0
    most_deaths: int = 5
    first_pause: float = 0.25
    most_refusals: int = 6

    def pause(self, deaths: int) -> float:
        """How long to wait after so many quick deaths in a row: not after the first, then twice as long each time."""
        return 0.0 if deaths < 2 else self.first_pause * 2.0 ** (deaths - 2)

    def again(self, refusals: int) -> float:
        """How long to wait before a worker is asked again that refused so often in a row."""
        return self.first_pause * 2.0 ** (refusals - 1)


class Workers:
    """The parent. `gone` hears the number of each worker that died, before another one takes its place."""

    def __init__(self, count: int, body: Body, gone: Callable[[int], None], patience: Patience) -> None:
        self._body = body
        self._gone = gone
        self._patience = patience
        board = Board(count)
        self._places = [Place(number, board) for number in range(1, count + 1)]
        self._signals = Signals()
        self._ended: dict[int, Ended] = {}
        self._open = False
        self._ending = False
        self._ended_badly = 0

    def run(self, opened: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT. `opened` is called once all are ready: it lets connections in.

        Raises why the first worker cannot serve, whatever `opened` raises, and `ServiceError`: http.worker (one ended
        at its start without a word), http.workers_die (one place died too often in a row), http.drain (a worker did
        not end well and in time).
        """
        gc.collect()
        gc.freeze()  # no collector writes to the pages that are here already, so they stay shared
        with self._signals:
            try:
                self._start()
                if not self._ending:
                    opened()
                    self._open = True
                    for place in self._places:
                        place.go()
                while not self._ending:
                    self._step(_LONG)
            finally:
                self._end()
        if self._ended_badly:
            raise ServiceError("http.drain", f"{self._ended_badly} workers did not end well and in time")

    def _start(self) -> None:
        """The first alone: what is wrong for it is wrong for all, and is said once."""
        for group in (self._places[:1], self._places[1:]):
            for place in group:
                if not self._ending:
                    self._fork(place)
            while not self._ending and not all(place.ready for place in group):
                self._step(_LONG)

    def _step(self, longest: float) -> None:
        """Wait for news, and do what they ask for."""
        self._wait(longest)
        signals = self._signals.taken()
        if signals & {signal.SIGTERM, signal.SIGINT}:
            self._ending = True
        here = {place.pid for place in self._places}
        # Kept until each is looked at, because one that died may end this step.
        self._ended.update((pid, ended) for pid, ended in reaped().items() if pid in here)
        for place in self._places:
            if signal.SIGHUP in signals:
                self._ask_to_reload(place)
            for report in place.read():  # after the end was seen, so that all last words are heard
                self._heard(place, report)
            if (ended := self._ended.pop(place.pid, None)) is not None:
                self._died(place, ended)
            if not self._ending:
                self._remind(place, time.monotonic())
            if self._open and not self._ending and not place.pid and time.monotonic() >= place.due:
                self._fork(place)

    def _wait(self, longest: float) -> None:
        poll = select.poll()  # not epoll, which forked processes would share
        poll.register(self._signals, select.POLLIN)
        for place in self._places:
            if place.line is not None:
                poll.register(place.line, select.POLLIN)
        if self._open and not self._ending:
            due = [date - time.monotonic() for place in self._places for date in place.dates()]
            longest = max(0.0, min([longest, *due]))
        poll.poll(1000 * longest)

    def _fork(self, place: Place) -> None:
        try:
            place.fork(self._body, self._forget, again=self._open)
        except OSError as error:
            self._died(place, Ended(f"it could not be started: {error.strerror}"))

    def _forget(self) -> None:
        """In a worker: what is the parent's own."""
        self._signals.close()
        for place in self._places:
            place.close()

    def _heard(self, place: Place, report: Report) -> None:
        match report.kind:
            case "ready":
                place.ready = True
                if self._open:
                    place.go()
            case "reloading":
                place.asked = True
                self._ask_others_to_reload(place)
            case "rules":
                if not place.mark:
                    place.since = time.monotonic()
                    _log.info("a worker serves", extra=place.told())
                place.mark, place.asked, place.refusals, place.again = report.mark, False, 0, None
                self._ask_others_to_reload(place)
            case "kept":
                place.asked = False
                self._refused(place)
            case _:
                place.failure = report.failure
        if place.stale and place.mark:
            self._ask_to_reload(place)

    def _ask_others_to_reload(self, place: Place) -> None:
        """Whoever judges by other rules, or is about to; one that was asked already answers soon."""
        for other in self._places:
            differs = bool(other.mark) and other.mark != place.mark  # who has none yet will say it
            if other is not place and not other.asked and (place.asked or differs):
                self._ask_to_reload(other)

    def _ask_to_reload(self, place: Place) -> None:
        if not place.mark:
            place.stale = True  # it may have read the files before they changed, and takes no signals yet
            return
        place.asked, place.stale, place.again = True, False, None
        if place.end_by is None:  # late in its end, the signal would kill it
            place.send(signal.SIGHUP)

    def _refused(self, place: Place) -> None:
        if place.end_by is not None or not self._is_apart(place):
            return
        place.refusals += 1
        now = time.monotonic()
        if place.refusals < self._patience.most_refusals:
            place.again = now + self._patience.again(place.refusals)
            return
        _log.error(
            "a worker refuses the rules that another one judges by, and is replaced",
            extra=place.told(refusals=place.refusals),
        )
        place.again, place.end_by = None, now + self._patience.drain_seconds
        place.send(signal.SIGTERM)

    def _is_apart(self, place: Place) -> bool:
        return any(other.mark not in ("", place.mark) for other in self._places)

    def _remind(self, place: Place, now: float) -> None:
        """Ask a worker again that refused, and kill it when it was to end and did not."""
        if place.again is not None and now >= place.again:
            place.again = None
            if self._is_apart(place):
                self._ask_to_reload(place)
            else:
                place.refusals = 0
        if place.end_by is not None and now >= place.end_by:
            place.end_by = math.inf
            place.send(signal.SIGKILL)

    def _died(self, place: Place, ended: Ended) -> None:
        served = time.monotonic() - place.since if place.mark else 0.0
        told = place.told(how=ended.how)
        place.empty()
        self._gone(place.number)
        if self._ending:
            self._ended_badly += not ended.well
            return
        if not self._open:
            raise place.failure or ServiceError(
                "http.worker", f"worker {place.number} did not start: {ended.how}"
            )
        place.deaths = 1 if served >= self._patience.steady_seconds else place.deaths + 1
        if place.deaths >= self._patience.most_deaths:
            raise ServiceError(
                "http.workers_die",
                f"worker {place.number} ended {place.deaths} times in a row soon after its start, last: {ended.how}",
                hint="the lines of the log above say why; a new start reads the same files",
            )
        place.due = time.monotonic() + self._patience.pause(place.deaths)
        if place.failure is not None:
            told["placet"] |= {"code": place.failure.code, "detail": str(place.failure)}
        _log.warning("a worker ended; another one takes its place", extra=told)

    def _end(self) -> None:
        """Tell all to end, give them their time, then kill: nobody is left behind."""
        self._ending = True
        by = time.monotonic() + self._patience.drain_seconds
        for place in self._places:
            place.send(signal.SIGTERM)
        try:
            while self._running() and (left := by - time.monotonic()) > 0:
                self._step(left)
        finally:
            for place in self._running():
                place.send(signal.SIGKILL)
            while self._running():
                self._step(_LONG)

    def _running(self) -> list[Place]:
        return [place for place in self._places if place.pid]
