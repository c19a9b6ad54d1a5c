"""A parent of workers that misbehave, as a process of its own:  python -m tests.api.http.parents KIND."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from typing import NoReturn

import click

from placet_api.cli.failures import report
from placet_api.errors import ConfigurationError
from placet_api.http.line import WorkerEnd
from placet_api.http.worker import become
from placet_api.http.workers import Patience, Workers

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def forever() -> NoReturn:
    """In short waits: a signal that comes right before a long one would be late."""
    while True:
        time.sleep(0.01)


def say(words: str) -> None:
    """In one write, which a signal handler may do."""
    os.write(1, f"{words}\n".encode())


def mute(line: WorkerEnd, _number: int, _parent: int, _again: bool) -> NoReturn:
    """Ends without a word."""
    line.close()
    os._exit(7)


def stubborn(line: WorkerEnd, number: int, _parent: int, _again: bool) -> NoReturn:
    """Serves, and does not want to end."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    line.ready()
    line.wait_for_go()
    line.rules(str(number))
    forever()


def orphaned(line: WorkerEnd, _number: int, _parent: int, _again: bool) -> NoReturn:
    """Its parent is another one than it thinks."""
    become(line, 1, lambda: None)


def failing(line: WorkerEnd, _number: int, parent: int, _again: bool) -> NoReturn:
    """Does not get as far as serving, by a mistake of ours."""

    def work() -> None:
        raise ZeroDivisionError

    become(line, parent, work)


def refusing(line: WorkerEnd, _number: int, parent: int, _again: bool) -> NoReturn:
    """Does not get as far as serving, by somebody's mistake."""

    def work() -> None:
        raise ConfigurationError("trust.syntax", "no YAML", where="trust.yaml", hint="write YAML")

    become(line, parent, work)


def quick(line: WorkerEnd, number: int, parent: int, again: bool) -> NoReturn:
    """The first in its place serves and dies; all others die at once."""
    line.ready()
    if again:
        raise ZeroDivisionError
    line.wait_for_go()
    line.rules("x")
    if number > 1:
        stubborn(line, number, parent, again)
    os._exit(0)


def slow(line: WorkerEnd, _number: int, parent: int, _again: bool) -> NoReturn:
    """Takes very long to start."""

    def work() -> None:
        click.echo("starting")
        forever()

    become(line, parent, work)


def slow_second(line: WorkerEnd, number: int, parent: int, again: bool) -> NoReturn:
    """The first is quick, the others take very long to start."""

    def work() -> None:
        line.ready()
        line.wait_for_go()

    if number == 1:
        become(line, parent, work)
    slow(line, number, parent, again)


def late(line: WorkerEnd, number: int, parent: int, _again: bool) -> NoReturn:
    """Takes signals only after it was told to."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    def work() -> None:
        signal.signal(signal.SIGHUP, lambda _number, _frame: click.echo(f"{number} reloads"))
        line.ready()
        line.wait_for_go()
        signal.sigwait([signal.SIGUSR1])
        line.rules("x")
        forever()

    become(line, parent, work)


def leaving(line: WorkerEnd, number: int, parent: int, again: bool) -> NoReturn:
    """The first one dies, and leaves a process behind that ends then."""
    if number > 1 or again:
        stubborn(line, number, parent, again)
    line.ready()
    line.wait_for_go()
    me, left = os.getpid(), os.fork()
    if left:
        click.echo(left)
        os._exit(0)
    while os.getppid() == me:
        time.sleep(0.01)
    os._exit(0)


def obeying(line: WorkerEnd, parent: int) -> NoReturn:
    """Judges by "new", whenever it is asked."""

    def work() -> None:
        line.ready()
        line.wait_for_go()
        signal.signal(signal.SIGHUP, lambda _number, _frame: line.rules("new"))
        line.rules("new")
        forever()

    become(line, parent, work)


def resisting(line: WorkerEnd, number: int, parent: int, *, ends: bool = True) -> NoReturn:
    """Judges by "old", and refuses every reload, each time with a word."""

    def work() -> None:
        def refuse(_number: int, _frame: object) -> None:
            say(f"{number} refuses")
            line.kept()

        if not ends:
            signal.signal(signal.SIGTERM, lambda _number, _frame: say(f"{number} stays"))
        line.ready()
        line.wait_for_go()
        signal.signal(signal.SIGHUP, refuse)
        line.rules("old")
        forever()

    become(line, parent, work)


def torn(line: WorkerEnd, number: int, parent: int, again: bool) -> NoReturn:
    """The second refuses what the others judge by, and does not want to end; who takes its place does neither."""
    if number != 2:
        obeying(line, parent)
    if not again:
        resisting(line, number, parent, ends=False)
    say("2 again")
    obeying(line, parent)


def united(line: WorkerEnd, number: int, parent: int, _again: bool) -> NoReturn:
    """All refuse."""
    resisting(line, number, parent)


def yielding(line: WorkerEnd, number: int, parent: int, again: bool) -> NoReturn:
    """The second refuses twice, and then no more; the others judge by what it refused."""
    if number != 2 or again:
        obeying(line, parent)
    asked: list[int] = []

    def work() -> None:
        def answer(_number: int, _frame: object) -> None:
            asked.append(1)
            say(f"2 is asked {len(asked)}")
            if len(asked) < 3:
                line.kept()
            else:
                line.rules("new")

        line.ready()
        line.wait_for_go()
        signal.signal(signal.SIGHUP, answer)
        line.rules("old")
        forever()

    become(line, parent, work)


BODIES = {
    body.__name__: body
    for body in (
        *(mute, stubborn, orphaned, failing, refusing, quick, slow, slow_second, late, leaving),
        *(torn, united, yielding),
    )
} | {"full": stubborn, "hasty": stubborn}


def main(kind: str) -> int:
    """Run until the end; returns an exit code as `placet serve` does."""
    if kind == "full":
        resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6))
    if kind == "leaving":  # as if this were process 1
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    deaths = 1 if kind == "hasty" else 5
    patience = Patience(0.5, most_deaths=deaths, first_pause=0.01, most_refusals=4)
    try:
        parent = Workers(3, BODIES[kind], lambda _: None, patience)
        parent.run(lambda: click.echo("open"))
    except Exception as error:  # noqa: BLE001 - as the command line does
        return report(error, debug=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
