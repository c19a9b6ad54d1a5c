from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Iterator

import pytest

from placet_api.errors import AccessError
from placet_api.http.shared_rates import SharedRates


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> Iterator[SharedRates]:
    made = SharedRates(rate=2, burst=3, clock=clock)
    yield made
    made.close()


def taken(rates: SharedRates, key: str) -> int:
    """How many there are in a bucket; they are gone then."""
    for number in range(100):
        try:
            rates.take(key)
        except AccessError:
            return number
    return 100


def test_a_burst_is_taken_at_once_and_the_next_one_is_refused_with_the_time_to_wait(
    rates: SharedRates, clock: Clock
) -> None:
    assert taken(rates, "ci") == 3
    with pytest.raises(AccessError, match="more than 2 requests a second") as caught:
        rates.take("ci")
    assert (caught.value.code, caught.value.status, caught.value.after) == ("access.too_many", 429, 0.5)
    clock.now += 0.5
    assert taken(rates, "ci") == 1
    clock.now += 1000
    assert taken(rates, "ci") == 3  # nobody saves up more than a burst


def test_callers_have_buckets_of_their_own(rates: SharedRates) -> None:
    assert [taken(rates, name) for name in ("a", "b", "a")] == [3, 3, 0]


def test_a_bucket_is_the_same_in_every_process(rates: SharedRates) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(taken(rates, "ci"))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    assert taken(rates, "ci") == 0


def test_a_process_that_is_killed_with_the_lock_in_its_hand_stops_nobody(rates: SharedRates) -> None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        with rates._alone(0):
            os.write(write, b"x")
            signal.pause()
    assert os.read(read, 1) == b"x"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with rates._alone(0):
        pass
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("left", [sys.float_info.max, float("inf"), float("nan"), -1.0])
def test_what_a_killed_process_left_half_written_shuts_nobody_out(
    rates: SharedRates, clock: Clock, left: float
) -> None:
    assert taken(rates, "ci") == 3
    for start in range(8, len(rates._memory), 16):
        rates._memory[start : start + 8] = struct.pack("=d", left)
    assert taken(rates, "ci") in (0, 3)
    clock.now += 2
    assert taken(rates, "ci") > 0


def test_ten_thousand_callers_have_room(rates: SharedRates) -> None:
    for number in range(10_000):
        rates.take(f"caller {number}")
    known = sum(taken(rates, f"caller {number}") == 2 for number in range(0, 10_000, 10))
    assert known > 500
