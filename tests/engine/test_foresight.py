from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.requests import Actor
from placet_attestations.times import format_time, parse_time
from placet_engine.evaluate import Evaluator, GateRequest
from placet_engine.foresight import Foresight, foresee
from placet_engine.policy.port import Answer, Result, Unreachable
from tests.builders import a_digest, a_trust_policy
from tests.engine.houses import (
    ARRIVAL,
    GATE,
    MODEL,
    House,
    an_answer,
    approval,
    but,
    evaluation,
    memory_house,
    signed,
    story,
)
from tests.engine.test_uses import key
from tests.fakes.engine import FakeEngine

MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
END = ARRIVAL + MINUTE - INSTANT  # a full minute is where rules on the calendar begin and end
DEV = Actor("dev", "dev@example.org", ("admin",))
Says = Callable[[Mapping[str, Any]], Answer]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = memory_house(tmp_path)
    house.take(*story().values())
    return house


def ask(house: House, says: Says = an_answer, **more: Any) -> tuple[Evaluator, GateRequest, Foresight | None]:
    evaluator = house.evaluator(FakeEngine(says))
    request = GateRequest(**{"gate": GATE, "subject": MODEL, "actor": DEV, **more})
    made = evaluator.decide(request)
    return evaluator, request, foresee(evaluator, request, made.decision, MINUTE)


def until(house: House, says: Says = an_answer) -> datetime | None:
    _, _, found = ask(house, says)
    return None if found is None else found.until


def test_what_nothing_ends_stands_for_the_whole_window(house: House) -> None:
    size = house.log.head().size
    _, _, found = ask(house)
    assert found is not None
    assert found.until == END
    assert found.size == size + 1  # its own decision, which ends nothing
    assert {MODEL, a_digest("train.csv"), a_digest("raw.csv"), a_digest("train.py")} <= found.artifacts
    assert key("approval") in found.approvals


def test_nothing_is_logged(house: House) -> None:
    evaluator, request, _ = ask(house)
    decision = evaluator.decide(request).decision
    before = house.log.head().size
    assert foresee(evaluator, request, decision, MINUTE) is not None
    assert house.log.head().size == before


@pytest.mark.parametrize("form", ["moment", "zone", "small"])
def test_it_ends_before_a_moment_that_the_facts_name(tmp_path: Path, form: str) -> None:
    end = ARRIVAL + timedelta(seconds=20)
    text = {
        "moment": format_time(end),
        "zone": end.astimezone(parse_time("2020-01-01T00:00:00Z").tzinfo).isoformat(),
        "small": format_time(end).lower(),
    }[form]
    house = memory_house(tmp_path)
    house.take(*but(approval=signed("approval", "model", "approver", approval(validUntil=text))))
    assert until(house) == end - INSTANT


def test_it_ends_before_a_day_that_the_facts_name(house: House) -> None:
    midnight = (ARRIVAL + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    house.clock.now = midnight - timedelta(seconds=30)
    _, _, found = ask(house, context={"frozen from": midnight.date().isoformat(), "not a day": "2026-02-30"})
    assert found is not None
    assert found.until == midnight - INSTANT


def test_it_ends_before_a_revocation_that_lies_ahead(tmp_path: Path) -> None:
    since = ARRIVAL + timedelta(seconds=30)
    ahead = {"artifact": a_digest("raw.csv"), "from": format_time(since), "reason": "DATA-77"}
    house = memory_house(tmp_path, trust=a_trust_policy(revoked=[ahead]))
    house.take(*story().values())
    assert until(house) == since - INSTANT


def test_a_policy_that_will_say_otherwise_is_not_repeated(house: House) -> None:
    lunch = ARRIVAL + timedelta(seconds=45)

    def calendar(question: Mapping[str, Any]) -> Answer:
        late = parse_time(question["now"]) >= lunch
        return an_answer(question, *(["change.frozen"] if late else []))

    assert until(house, calendar) is None
    house.clock.now = lunch
    assert until(house, calendar) == END


def test_other_words_are_the_same_answer(house: House) -> None:
    def aging(question: Mapping[str, Any]) -> Answer:
        answer = an_answer(question)
        assert isinstance(answer, Result)
        return Result(
            answer.raw.replace(b'"title":"', b'"title":"' + question["now"].encode()), answer.revision
        )

    assert until(house, aging) == END


def test_evidence_that_changes_the_answer_meanwhile(house: House) -> None:
    def counting(question: Mapping[str, Any]) -> Answer:
        short = question["by_type"]["measurement"][MODEL]
        return an_answer(question, *(["quality.unsure"] if len(short) < 2 else []))

    evaluator, request, found = ask(house, counting)
    assert found is not None
    decision = evaluator.decide(request).decision
    assert not decision.allowed
    house.take(signed("measurement", "model", "evaluator", evaluation(0.97)))
    assert foresee(evaluator, request, decision, MINUTE) is None


def test_a_denial_can_stand_too(house: House) -> None:
    assert until(house, lambda question: an_answer(question, "change.approved")) == END


@pytest.mark.parametrize("second", [Unreachable("gone"), Result(b"{}", "0" * 64), Result(b"null", "0" * 64)])
def test_no_answer_about_the_future_is_no_foresight(house: House, second: Answer) -> None:
    evaluator, request, _ = ask(house)
    decision = evaluator.decide(request).decision
    assert foresee(house.evaluator(FakeEngine(second)), request, decision, MINUTE) is None


def test_only_what_the_policy_said_to_a_known_caller_now(house: House) -> None:
    _, _, error = ask(house, lambda _: Unreachable("gone"))
    assert error is None
    _, _, past = ask(house, at=ARRIVAL)
    assert past is None
    evaluator = house.evaluator(FakeEngine(an_answer))
    request = house.request()
    assert foresee(evaluator, request, evaluator.decide(request).decision, MINUTE) is None


def test_a_window_that_is_over_before_it_began(house: House) -> None:
    evaluator, request, _ = ask(house)
    decision = evaluator.decide(request).decision
    assert foresee(evaluator, request, decision, timedelta(0)) is None


def test_a_freeze_within_the_window_is_not_overlooked(house: House) -> None:
    begins, ends = ARRIVAL + MINUTE, ARRIVAL + 2 * MINUTE
    house.clock.now = ARRIVAL + timedelta(seconds=50)

    def freeze(question: Mapping[str, Any]) -> Answer:
        frozen = begins <= parse_time(question["now"]) < ends
        return an_answer(question, *(["change.frozen"] if frozen else []))

    evaluator = house.evaluator(FakeEngine(freeze))
    request = GateRequest(GATE, MODEL, actor=DEV)
    found = foresee(evaluator, request, evaluator.decide(request).decision, 3 * MINUTE)
    assert found is not None
    assert found.until == begins - INSTANT
