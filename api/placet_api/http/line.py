"""What a worker and its parent say to each other: JSON lines over a socket pair; and what all workers may read.

A worker says that it is `ready`, that somebody asked it for a reload (`reloading`), by which rules it `rules` (at its
start, and after each reload), that a reload was refused and it `kept` its rules, or that it `failed`. The parent says
one word, once: go. By which rules a worker judges also stands on the board that all of them read.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from placet_api.errors import CLOSED, ConfigurationError, HouseError, ServiceError, exit_code
from placet_api.http.board import Board

_GO = b"g"


@dataclass(frozen=True, slots=True)
class Report:
    """One line of a worker: `kind` is ready, reloading, rules, kept or failed."""

    kind: str
    mark: str = ""
    failure: HouseError | None = None


def pair(number: int, board: Board) -> tuple[ParentEnd, WorkerEnd]:
    """Both ends of the line of the worker with this number. Raises OSError."""
    mine, theirs = socket.socketpair()
    mine.setblocking(False)
    return ParentEnd(mine), WorkerEnd(theirs, number, board)


class WorkerEnd:
    """The worker's end. May be used from several threads: a line is sent whole."""

    def __init__(self, end: socket.socket, number: int, board: Board) -> None:
        self._end, self._number, self._board = end, number, board

    def ready(self) -> None:
        """It can decide; now it waits for `wait_for_go`."""
        self._tell({"kind": "ready"})

    def wait_for_go(self) -> None:
        """Block until the parent says so."""
        if self._end.recv(1) != _GO:
            raise SystemExit(CLOSED)  # the parent is gone, and the kernel is about to end this worker

    def reloading(self) -> None:
        """Somebody asked this worker, and no other, for a reload."""
        self._tell({"kind": "reloading"})

    def judges(self, mark: str, *, changing: bool) -> None:
        """For the other workers: what it judges by, and whether it is about to judge by something else."""
        self._board.write(self._number, mark, changing=changing)

    def behind(self) -> tuple[int, ...]:
        """As `Board.behind`, for this worker."""
        return self._board.behind(self._number)

    def apart(self) -> bool:
        """As `Board.apart`."""
        return self._board.apart()

    def rules(self, mark: str) -> None:
        """It takes signals, and judges by the rules of this mark (`worker.mark`)."""
        self._tell({"kind": "rules", "mark": mark})

    def kept(self) -> None:
        """A reload was refused: it judges as before."""
        self._tell({"kind": "kept"})

    def failed(self, error: HouseError) -> None:
        """It cannot serve, and ends."""
        told = {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
        self._tell({"kind": "failed", "closed": exit_code(error) == CLOSED, "error": told})

    def close(self) -> None:
        """Say nothing more."""
        self._end.close()

    def _tell(self, told: dict[str, Any]) -> None:
        with suppress(OSError):  # a parent that is gone takes this worker with it
            self._end.sendall(json.dumps(told).encode() + b"\n")


class ParentEnd:
    """The parent's end; never blocks."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._rest = b""

    def fileno(self) -> int:
        """Readable when there is news, or an end of it."""
        return self._end.fileno()

    def go(self) -> None:
        """The worker may answer now."""
        with suppress(OSError):  # it died; that is told by the kernel
            self._end.send(_GO)

    def read(self) -> tuple[list[Report], bool]:
        """What was said since, and whether more may come."""
        open_still = True
        try:
            while part := self._end.recv(65536):
                self._rest += part
            open_still = False
        except BlockingIOError:
            pass
        except OSError:
            open_still = False
        *lines, self._rest = self._rest.split(b"\n")
        return [_report(json.loads(line)) for line in lines], open_still

    def close(self) -> None:
        """Let go of it."""
        self._end.close()


def _report(told: dict[str, Any]) -> Report:
    if told["kind"] != "failed":
        return Report(told["kind"], told.get("mark", ""))
    error, kind = told["error"], ServiceError if told["closed"] else ConfigurationError
    # The class that gives the same exit code: what the parent knows of the error are its words.
    failure = kind(error["code"], error["message"], where=error["where"], hint=error["hint"])
    return Report("failed", failure=failure)
