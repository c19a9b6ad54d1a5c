from __future__ import annotations

from pathlib import Path

import pytest

from placet_api.logbook import page, rows
from placet_attestations.requests import Actor
from placet_engine.evaluate import GateRequest
from tests.engine.houses import GATE, MODEL, House, an_answer, memory_house
from tests.fakes.engine import FakeEngine

COUNT = 12


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A log of twelve decisions; every fifth was asked by "rare"."""
    house = memory_house(tmp_path)
    evaluator = house.evaluator(FakeEngine(lambda question: an_answer(question, "base.bad")))
    for number in range(COUNT):
        name = "often" if number % 5 else "rare"
        evaluator.decide(GateRequest(GATE, MODEL, actor=Actor(name, name, ("admin",))))
    return house


def entries(found: list[dict[str, int]]) -> list[int]:
    return [row["entry"] for row in found]


def test_all_rows_are_found_however_far_back(house: House) -> None:
    assert entries(rows(house.log, actor="rare", limit=3)) == [10, 5, 0]
    assert entries(rows(house.log, actor="rare", limit=2)) == [10, 5]
    assert rows(house.log, actor="nobody", limit=2) == []


def test_a_page_reads_no_further_than_it_may(house: House) -> None:
    found, after = page(house.log, most=3, actor="rare", limit=3)
    assert (entries(found), after) == ([10], 9)
    found, after = page(house.log, most=3, actor="rare", limit=3, before=after)
    assert (entries(found), after) == ([], 6)
    found, after = page(house.log, most=3, actor="rare", limit=3, before=after)
    assert (entries(found), after) == ([5], 3)
    found, after = page(house.log, most=3, actor="rare", limit=3, before=after)
    assert (entries(found), after) == ([0], None)


def test_pages_go_on_where_the_one_before_ended(house: House) -> None:
    found, after = page(house.log, most=100, limit=5)
    assert (entries(found), after) == ([11, 10, 9, 8, 7], 7)
    found, after = page(house.log, most=100, limit=5, before=after)
    assert (entries(found), after) == ([6, 5, 4, 3, 2], 2)
    found, after = page(house.log, most=100, limit=5, before=after)
    assert (entries(found), after) == ([1, 0], None)
    found, after = page(house.log, most=100, rule="base.bad", limit=COUNT)
    assert (len(found), after) == (COUNT, None)
    assert page(house.log, most=100, rule="base.good", limit=5) == ([], None)
