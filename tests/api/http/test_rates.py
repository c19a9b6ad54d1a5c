from __future__ import annotations

import pytest

from placet_api.errors import AccessError
from placet_api.http.rates import Rates


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(rates: Rates, key: str) -> AccessError:
    with pytest.raises(AccessError) as caught:
        rates.take(key)
    return caught.value


def test_a_burst_is_taken_at_once_and_the_next_one_is_refused_with_the_time_to_wait() -> None:
    rates = Rates(rate=2, burst=3, clock=Clock())
    for _ in range(3):
        rates.take("ci")
    error = refused(rates, "ci")
    assert (error.code, error.status, error.after) == ("access.too_many", 429, 0.5)


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = Clock()
    rates = Rates(rate=4, burst=1, clock=clock)
    rates.take("ci")
    after = refused(rates, "ci").after
    assert after is not None
    clock.now += after
    rates.take("ci")
    refused(rates, "ci")


def test_a_refusal_costs_nothing() -> None:
    clock = Clock()
    rates = Rates(rate=1, burst=1, clock=clock)
    rates.take("ci")
    for _ in range(100):
        refused(rates, "ci")
    clock.now += 1
    rates.take("ci")


def test_nobody_saves_up_more_than_a_burst() -> None:
    clock = Clock()
    rates = Rates(rate=10, burst=2, clock=clock)
    rates.take("ci")
    clock.now += 0.15  # one and a half: the bucket holds two
    rates.take("ci")
    rates.take("ci")
    refused(rates, "ci")
    clock.now += 3600
    rates.take("ci")
    rates.take("ci")
    refused(rates, "ci")


def test_each_caller_has_a_bucket_of_its_own() -> None:
    rates = Rates(rate=1, burst=1, clock=Clock())
    rates.take("ci")
    rates.take("nightly")
    refused(rates, "ci")


def test_a_burst_below_one_still_lets_one_through() -> None:
    Rates(rate=0.1, burst=0.2, clock=Clock()).take("ci")


def test_full_buckets_are_forgotten() -> None:
    clock = Clock()
    rates = Rates(rate=1, burst=2, clock=clock)
    for number in range(50):
        rates.take(f"caller {number}")
    clock.now += 2
    rates.take("another")
    assert list(rates._buckets) == ["another"]


def test_memory_is_bounded_whoever_asks() -> None:
    rates = Rates(rate=1, burst=1, clock=Clock())
    for number in range(10_001):
        rates.take(f"caller {number}")
    assert len(rates._buckets) == 10_000
    refused(rates, "caller 10000")
    rates.take("caller 0")  # forgotten, and so as new
