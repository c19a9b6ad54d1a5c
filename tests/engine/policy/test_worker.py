from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.port import Answer, TimedOut, Undefined, Unreachable
from placet_engine.policy.worker import Backend, Worker


class Instant:
    """A backend that answers at once, or as it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.entered = threading.Event()

    async def open(self) -> None:
        self.events.append("open")

    async def ask(self, question: bytes, deadline: float) -> Answer:
        self.entered.set()
        if question == b"wait":
            await asyncio.sleep(600)
        if question == b"fault":
            raise ZeroDivisionError("a fault of ours")
        if question == b"block":
            time.sleep(1.5)  # noqa: ASYNC251 - that is the fault
        return Undefined()

    async def wait_ready(self, deadline: float) -> None:
        if time.monotonic() > deadline - 1:
            raise PolicyError("opa.not_ready", "never")

    async def close(self) -> None:
        self.events.append("close")


def test_questions_are_answered_until_it_is_closed() -> None:
    backend = Instant()
    worker = Worker(lambda: backend, name="test")
    worker.wait_ready(10)
    assert worker.ask(b"", 10) == Undefined()
    worker.close()
    worker.close()
    assert backend.events == ["open", "close"]
    assert worker.ask(b"", 10) == Unreachable("OPA was closed")
    with pytest.raises(PolicyError) as caught:
        worker.wait_ready(10)
    assert caught.value.code == "opa.closed"


def test_a_fault_denies_and_does_not_escape() -> None:
    worker = Worker(Instant, name="test")
    assert worker.ask(b"fault", 10) == Unreachable("the engine failed: ZeroDivisionError: a fault of ours")
    assert worker.ask(b"", 10) == Undefined()
    worker.close()


def test_a_loop_that_hangs_does_not_hold_the_caller() -> None:
    worker = Worker(Instant, name="test")
    assert worker.ask(b"block", 0.01) == TimedOut()
    assert worker.ask(b"", 10) == Undefined()
    worker.close()


def test_a_caller_who_waits_is_told_when_it_is_closed() -> None:
    backend = Instant()
    worker = Worker(lambda: backend, name="test")
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(worker.ask(b"wait", 60)))
    caller.start()
    assert backend.entered.wait(10)
    worker.close()
    caller.join(10)
    assert answers == [Unreachable("OPA was closed")]


def test_readiness_that_fails_is_an_error() -> None:
    worker = Worker(Instant, name="test")
    with pytest.raises(PolicyError, match="never"):
        worker.wait_ready(0.5)
    worker.close()


def test_a_backend_that_cannot_be_made_is_told_to_who_asks() -> None:
    def refuse() -> Backend:
        raise PolicyError("opa.start", "no room")

    def fail() -> Backend:
        raise ZeroDivisionError("fault")

    for make, words in ((refuse, "no room"), (fail, "the engine failed: ZeroDivisionError: fault")):
        worker = Worker(make, name="test")
        assert worker.ask(b"", 10) == Unreachable(words)
        with pytest.raises(PolicyError, match=words.partition(":")[0]):
            worker.wait_ready(10)
        worker.close()


def test_while_it_is_being_made_questions_wait_for_their_time_only() -> None:
    go = threading.Event()
    backend = Instant()

    def slow() -> Backend:
        go.wait(60)
        return backend

    worker = Worker(slow, name="test")
    assert worker.ask(b"", 0.02) == TimedOut()
    with pytest.raises(PolicyError, match=r"not ready within 0\.02 s"):
        worker.wait_ready(0.02)
    threading.Timer(0.1, go.set).start()
    worker.close()  # asked to close before there was anything to close
    assert backend.events == ["open", "close"]


def test_a_forked_process_is_told_that_it_has_no_engine() -> None:
    worker = Worker(Instant, name="test")
    worker.wait_ready(10)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:  # nothing but this may run in the child; pytest must not
        try:
            worker.close()
            os.write(write_end, repr(worker.ask(b"", 10)).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(pid, 0)
    told = os.read(read_end, 4096).decode()
    os.close(read_end)
    assert "was forked after OPA was started" in told
    assert worker.ask(b"", 10) == Undefined()
    worker.close()
