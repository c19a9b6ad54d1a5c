"""Signals for a process without an event loop: each becomes a byte that `poll` can wait for."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Signals:
    """From `with` to its end, the watched signals do nothing but stand in `taken`. For the main thread."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, _nothing) for number in WATCHED}
        self._fd_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.close()

    def fileno(self) -> int:
        """Readable when one came."""
        return self._read.fileno()

    def taken(self) -> frozenset[int]:
        """Those that came since the last time."""
        try:
            return frozenset(self._read.recv(4096))
        except BlockingIOError:
            return frozenset()

    def close(self) -> None:
        """Let go of the sockets; in a forked process they are its parent's."""
        self._read.close()
        self._write.close()


@contextmanager
def held_back() -> Iterator[None]:
    """No watched signal arrives in this block: a fork in it has its own handlers before the first one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def as_worker() -> None:
    """The handlers of a worker until its event loop has its own: an end is an end, and a reload comes later.

    (The parent asks for a reload only when the worker says that it takes signals.)
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    return


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
