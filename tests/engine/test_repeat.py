from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from placet_attestations.digests import Digest
from placet_engine.decision import uuid7
from placet_engine.foresight import Foresight
from placet_engine.log.entry import DecisionRecord, Reservation, decision_draft, evidence_draft
from placet_engine.log.log import DecisionLog
from placet_engine.repeat import MOST, Memory
from tests.builders import NOW, a_digest
from tests.engine.houses import (
    ARRIVAL,
    GATE,
    MODEL,
    House,
    approval,
    dataset,
    memory_house,
    signed,
    sqlite_house,
    story,
)
from tests.engine.test_uses import key
from tests.fakes.evidence import InMemoryEvidenceStore

MINUTE = timedelta(minutes=1)
Make = Callable[[Path], House]


class Ticks:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=[memory_house, sqlite_house])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    make: Make = request.param
    house = make(tmp_path)
    house.take(*story().values())
    return house


def memory(house: House, ticks: Ticks | None = None) -> Memory[str]:
    return Memory(house.log.store, house.store, house.clock, ticks or Ticks())


def foresight(log: DecisionLog, *artifacts: Digest, approvals: tuple[str, ...] = ()) -> Foresight:
    return Foresight(
        ARRIVAL + MINUTE, log.head().size, frozenset(artifacts or (MODEL,)), frozenset(approvals)
    )


def keeping(house: House, *artifacts: Digest, approvals: tuple[str, ...] = ()) -> Memory[str]:
    kept = memory(house)
    assert kept.keep("q", "allowed", foresight(house.log, *artifacts, approvals=approvals), ARRIVAL)
    assert kept.recall(["q"]) == ["allowed"]
    return kept


def about(name: str) -> bytes:
    """New evidence about an artifact."""
    return signed("dataset", name, "owner", dataset(name))


def use(house: House, reserved: str, value: str = "promote/staging - x") -> None:
    record = DecisionRecord(uuid7(NOW), ARRIVAL, GATE, MODEL, "allow", (Reservation(reserved, value),))
    house.log.append(decision_draft(record, b"{}"))


def test_an_answer_is_given_again_and_again(house: House) -> None:
    kept = keeping(house)
    assert kept.recall(["q", "q"]) == ["allowed", "allowed"]
    assert kept.recall(["q", "another"]) is None
    assert len(kept) == 1


def test_it_ends_with_its_time(house: House) -> None:
    kept = keeping(house)
    house.clock.now = ARRIVAL + MINUTE
    assert kept.recall(["q"]) == ["allowed"]
    house.clock.move(microseconds=1)
    assert kept.recall(["q"]) is None
    house.clock.now = ARRIVAL
    assert kept.recall(["q"]) is None  # gone, not asleep


def test_a_clock_that_is_set_back_makes_nothing_young(house: House) -> None:
    kept = keeping(house)
    house.clock.move(microseconds=-1)
    assert kept.recall(["q"]) is None


def test_a_clock_that_stands_still_ends_it_too(house: House) -> None:
    ticks = Ticks()
    kept = memory(house, ticks)
    assert kept.keep("q", "allowed", foresight(house.log), ARRIVAL)
    ticks.now = 59.9
    assert kept.recall(["q"]) == ["allowed"]
    ticks.now = 60.0
    assert kept.recall(["q"]) is None


def test_evidence_about_its_lineage_ends_it_at_once(house: House) -> None:
    kept = keeping(house, MODEL, a_digest("raw.csv"))
    house.take(about("other.csv"))
    assert kept.recall(["q"]) == ["allowed"]
    house.take(about("raw.csv"))
    assert kept.recall(["q"]) is None


def test_evidence_that_cannot_be_read_ends_everything(house: House) -> None:
    kept = keeping(house, a_digest("far away"))
    house.log.append(evidence_draft(a_digest("no such bundle"), "https://example.org/x", ARRIVAL))
    assert kept.recall(["q"]) is None
    assert not kept.keep("q", "allowed", replace(foresight(house.log), size=0), ARRIVAL)


def test_another_use_of_its_approval_ends_it(house: House) -> None:
    kept = keeping(house, approvals=(key("approval"),))
    use(house, "sha256:of-another-approval")
    assert kept.recall(["q"]) == ["allowed"]
    use(house, key("approval"))
    assert kept.recall(["q"]) is None


def test_its_own_use_does_not(house: House) -> None:
    use(house, key("approval"))
    keeping(house, approvals=(key("approval"),))


def test_what_arrived_between_foresight_and_memory(house: House) -> None:
    kept = memory(house)
    early = foresight(house.log, a_digest("raw.csv"), approvals=(key("approval"),))
    house.take(about("other.csv"))
    assert kept.keep("q", "allowed", early, ARRIVAL)
    other = foresight(house.log, a_digest("else.csv"))
    house.take(about("raw.csv"))
    assert not kept.keep("r", "allowed", early, ARRIVAL)
    assert kept.keep("s", "allowed", other, ARRIVAL)
    use(house, key("approval"))
    assert not kept.keep("t", "allowed", replace(early, artifacts=frozenset()), ARRIVAL)
    assert kept.recall(["s"]) == ["allowed"]


def test_what_is_over_already_is_not_kept(house: House) -> None:
    kept = memory(house)
    early = foresight(house.log)
    house.clock.now = early.until
    assert not kept.keep("q", "allowed", early, ARRIVAL)
    assert len(kept) == 0
    assert kept.recall(["q"]) is None


def test_it_forgets_all_before_it_grows_too_large(house: House) -> None:
    kept = memory(house)
    found = foresight(house.log)
    for number in range(MOST):
        assert kept.keep(number, "allowed", found, ARRIVAL)
    assert len(kept) == MOST
    assert kept.keep("one more", "allowed", found, ARRIVAL)
    assert len(kept) == 1


def test_a_log_that_went_far_ahead_ends_everything(house: House) -> None:
    kept: Memory[str] = Memory(house.log.store, house.store, house.clock, far=3)
    assert kept.keep("q", "allowed", foresight(house.log), ARRIVAL)
    house.take(about("one.csv"), about("two.csv"))
    assert kept.recall(["q"]) == ["allowed"]
    before = foresight(house.log)
    house.take(about("three.csv"), about("four.csv"), about("five.csv"), about("six.csv"))
    assert kept.recall(["q"]) is None
    assert kept.keep("r", "allowed", foresight(house.log), ARRIVAL)
    assert not kept.keep("q", "allowed", before, ARRIVAL)


def test_a_closed_log_ends_everything(tmp_path: Path) -> None:
    house = sqlite_house(tmp_path)
    kept = keeping(house)
    house.log.close()
    assert kept.recall(["q"]) is None
    assert not kept.keep("q", "allowed", Foresight(ARRIVAL + MINUTE, 0, frozenset(), frozenset()), ARRIVAL)


def test_another_process_ends_it(tmp_path: Path) -> None:
    here, there = sqlite_house(tmp_path), sqlite_house(tmp_path)
    here.take(*story().values())
    with here.log.store.follow() as reader:
        kept: Memory[str] = Memory(reader, here.store, here.clock)
        assert kept.keep("q", "allowed", foresight(here.log), ARRIVAL)
        assert kept.recall(["q"]) == ["allowed"]
        there.take(signed("approval", "model", "approver", approval(role="second")))
        assert kept.recall(["q"]) is None


def test_a_store_without_the_bundle(tmp_path: Path) -> None:
    house = memory_house(tmp_path)
    house.take(*story().values())
    kept = Memory[str](house.log.store, InMemoryEvidenceStore(), house.clock, Ticks())
    assert kept.keep("q", "allowed", foresight(house.log), ARRIVAL)
    house.take(about("other.csv"))
    assert kept.recall(["q"]) is None
