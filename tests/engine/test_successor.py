"""OPA has the next policy set: nobody judges by half of each, and whoever judges by that one begins anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from placet_engine.errors import LogError
from placet_engine.evaluate import Evaluator
from placet_engine.policy.port import WrongBundle
from tests.engine.houses import JUDGE, House, an_answer, memory_house, story
from tests.fakes.engine import FakeEngine

NEXT = "2" * 64


@pytest.fixture
def house(tmp_path: Path) -> House:
    """The whole story, taken in an hour ago."""
    house = memory_house(tmp_path)
    house.take(*story().values())
    return house


def decisions(house: House) -> int:
    """How many stand in the log."""
    return len(house.log.find(kind="decision", limit=10))


def by(
    following: Evaluator | None, asked: list[str]
) -> Callable[[str], AbstractContextManager[Evaluator | None]]:
    """A look-up that finds `following`, and notes in `asked` what it was asked for and that it was let go."""

    @contextmanager
    def look_up(revision: str) -> Iterator[Evaluator | None]:
        asked.append(revision)
        yield following
        asked.append("let go")

    return look_up


def test_whoever_judges_by_what_opa_has_judges_anew(house: House) -> None:
    asked: list[str] = []
    new = house.evaluator(FakeEngine(an_answer), judge=replace(JUDGE, policy_revision=NEXT))
    old = house.evaluator(FakeEngine(WrongBundle(NEXT)), successor=by(new, asked))
    decision = house.ask(old).decision
    assert decision.allowed
    assert decision.body["policy"] == {"revision": NEXT, "archive": JUDGE.policy_archive}
    assert asked == [NEXT, "let go"]
    assert decisions(house) == 1  # and nothing of the first answer


def test_where_nobody_does_it_is_a_denial(house: House) -> None:
    asked: list[str] = []
    old = house.evaluator(FakeEngine(WrongBundle(NEXT)), successor=by(None, asked))
    decision = house.ask(old).decision
    assert (decision.verdict, decision.reasons) == ("deny", ("opa.wrong_bundle",))
    assert decision.body["policy"] == {"revision": JUDGE.policy_revision, "archive": JUDGE.policy_archive}
    assert asked == [NEXT, "let go"]


def test_nobody_else_is_asked_for_any_other_answer(house: House) -> None:
    asked: list[str] = []
    assert house.ask(house.evaluator(FakeEngine(an_answer), successor=by(None, asked))).decision.allowed
    assert not house.ask(house.evaluator(FakeEngine([]), successor=by(None, asked))).decision.allowed
    assert asked == []


def test_a_successor_that_cannot_be_noted_leaves_no_decision(house: House) -> None:
    def fails(_: str) -> AbstractContextManager[Evaluator | None]:
        raise LogError("log.unwritable", "no room")

    with pytest.raises(LogError):
        house.ask(house.evaluator(FakeEngine(WrongBundle(NEXT)), successor=fails))
    assert decisions(house) == 0
