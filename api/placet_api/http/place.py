"""A worker's place, as its parent sees it: the process in it now, and what it said."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from placet_api.errors import CLOSED, HouseError
from placet_api.http.board import Board
from placet_api.http.line import ParentEnd, Report, WorkerEnd, pair
from placet_api.http.signals import held_back

Body = Callable[[WorkerEnd, int, int, bool], NoReturn]
"""What a worker does: its line, its number (from 1), its parent's process id, whether it takes a dead one's place."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, in words, and whether by itself and with exit code 0."""

    how: str
    well: bool = False


def reaped() -> dict[int, Ended]:
    """The children that ended since, by process id: also those that only became ours.

    In a container the parent is process 1, and inherits the OPA of each worker that was killed.
    """
    found: dict[int, Ended] = {}
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(ended[1])
            found[ended[0]] = Ended(f"signal {-code}" if code < 0 else f"exit {code}", code == 0)
    return found


@dataclass(slots=True)
class Place:
    """One place and the process in it; pid 0: nobody, the next one is started at `due`."""

    number: int
    board: Board
    pid: int = 0
    line: ParentEnd | None = None
    due: float = 0.0
    ready: bool = False
    mark: str = ""
    """By which rules it judges; empty until it serves, and takes signals."""
    since: float = 0.0
    """When it began to serve."""
    asked: bool = False
    """Whether it was told to reload and has not answered."""
    stale: bool = False
    """Whether it is to be told once it can hear."""
    refusals: int = 0
    """How often in a row it refused what another one judges by."""
    again: float | None = None
    """When it is asked again after a refusal."""
    end_by: float | None = None
    """It was told to end for its refusals, and is killed then."""
    deaths: int = 0
    """Quick ones in a row."""
    failure: HouseError | None = None

    def fork(
        self, body: Body, forget: Callable[[], None], *, again: bool, fork: Callable[[], int] = os.fork
    ) -> None:
        """Start a process here; in it, `forget` lets go of what is the parent's. Raises OSError."""
        self.ready, self.mark, self.asked, self.stale, self.failure = False, "", False, False, None
        self.refusals, self.again, self.end_by = 0, None, None
        parent = os.getpid()
        mine, theirs = pair(self.number, self.board)
        try:
            with held_back():
                pid = fork()
                if pid == 0:
                    mine.close()
                    self._be(body, forget, theirs, parent, again=again)
        except OSError:
            mine.close()
            raise
        finally:
            theirs.close()
        self.pid, self.line = pid, mine

    def _be(
        self, body: Body, forget: Callable[[], None], line: WorkerEnd, parent: int, *, again: bool
    ) -> NoReturn:
        """In the new process. Whatever happens, it ends here: the stack below is the parent's."""
        try:
            forget()
            body(line, self.number, parent, again)
        finally:
            os._exit(CLOSED)

    def read(self) -> list[Report]:
        """What its process said since."""
        if self.line is None:
            return []
        reports, more = self.line.read()
        if not more:
            self.close()
        return reports

    def close(self) -> None:
        """Nothing more is heard from it."""
        if self.line is not None:
            self.line.close()
            self.line = None

    def send(self, number: signal.Signals) -> None:
        """A signal, when somebody is there."""
        if self.pid:  # not reaped yet, so the id is still its own
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def go(self) -> None:
        """Let it answer."""
        if self.line is not None:
            self.line.go()

    def empty(self) -> None:
        """Its process is gone; the next one is forked later."""
        self.close()
        self.pid, self.mark, self.again, self.end_by = 0, "", None, None
        self.board.clear(self.number)

    def dates(self) -> list[float]:
        """When something is to be done about it without any news."""
        return [date for date in (self.again, self.end_by) if date is not None] if self.pid else [self.due]

    def told(self, **more: object) -> dict[str, dict[str, object]]:
        """For a line of the operator's log."""
        return {"placet": {"worker": self.number, "pid": self.pid, **more}}
