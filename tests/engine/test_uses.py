from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.verify import verify
from placet_engine.decision import Asked, Decision, Failure, decided, denied_by_error, uuid7
from placet_engine.errors import LogError
from placet_engine.facts import Use
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Lineage
from placet_engine.log.entry import DecisionRecord, Reservation, decision_draft
from placet_engine.policy.answer import parse_answer
from placet_engine.policy.port import Result
from placet_engine.uses import reservations_of, uses_in
from tests.builders import NOW, a_digest, a_trust_policy
from tests.engine.houses import GATE, IMAGE, JUDGE, MODEL, House, an_answer, memory_house, story

APPROVAL = Digest.of(story()["approval"])


def key(word: str) -> Digest:
    """What is reserved for a statement of the story."""
    return verify(story()[word], a_trust_policy()).said


def decision(*failed: str, gate: str = GATE, dry_run: bool = False, **changes: Any) -> Decision:
    asked = Asked(uuid7(NOW), gate, MODEL, NOW, dry_run, {})
    answer = an_answer({"gate": gate, "subject": MODEL}, *failed, **changes)
    assert isinstance(answer, Result)
    return decided(asked, JUDGE, b"{}", answer.raw, parse_answer(answer.raw))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = memory_house(tmp_path)
    house.take(*story().values())
    return house


def reserve(house: House, key: str, value: str) -> None:
    record = DecisionRecord(uuid7(NOW), NOW, GATE, MODEL, "allow", (Reservation(key, value),))
    house.log.append(decision_draft(record, b"{}"))


def lineage(house: House, subject: Digest = MODEL) -> Lineage:
    return trace(subject, house.reader, house.trust)


def test_an_allow_reserves_what_it_uses_for_gate_environment_and_subject(house: House) -> None:
    made = reservations_of(decision(reserve=[APPROVAL]), lineage(house))
    assert made == {key("approval"): f"{GATE} production {MODEL}"}
    register = reservations_of(decision(gate="register", reserve=[APPROVAL]), lineage(house))
    assert register == {key("approval"): f"register - {MODEL}"}


def test_what_is_reserved_is_the_same_for_every_wrapping(house: House) -> None:
    spaced = verify(story()["approval"] + b" ", house.trust)
    assert (spaced.digest != APPROVAL, spaced.said) == (True, key("approval"))


def test_a_denial_a_dry_run_and_an_error_reserve_nothing(house: House) -> None:
    asked = Asked(uuid7(NOW), GATE, MODEL, NOW, dry_run=False, context={})
    for made in (
        decision("change.approved"),
        decision(reserve=[APPROVAL], dry_run=True),
        denied_by_error(asked, JUDGE, Failure("x.y", "no")),
        replace(decision(), body={}),
    ):
        assert reservations_of(made, lineage(house)) == {}


def test_what_the_lineage_does_not_hold_cannot_be_reserved(house: House) -> None:
    with pytest.raises(LogError) as caught:
        reservations_of(decision(reserve=[a_digest("no statement")]), lineage(house))
    assert caught.value.code == "log.reservation"


def test_unused_approvals_have_no_use_and_the_log_has_its_size(house: House) -> None:
    assert uses_in(house.log, lineage(house)) == (len(story()), {})


def test_uses_are_those_of_the_approvals_in_the_lineage(house: House) -> None:
    other = Digest.of(story()["image approval"])
    reserve(house, key("approval"), f"{GATE} production {MODEL}")
    reserve(house, key("image approval"), f"{GATE} production {IMAGE}")
    reserve(house, key("evaluation"), "not an approval")
    size, uses = uses_in(house.log, lineage(house))
    assert (size, uses) == (len(story()) + 3, {APPROVAL: Use(GATE, "production", MODEL)})
    _, of_image = uses_in(house.log, lineage(house, IMAGE))
    assert of_image[other] == Use(GATE, "production", IMAGE)


def test_a_gate_without_an_environment_has_none(house: House) -> None:
    reserve(house, key("approval"), f"register - {MODEL}")
    _, uses = uses_in(house.log, lineage(house))
    assert uses == {APPROVAL: Use("register", None, MODEL)}


@pytest.mark.parametrize("value", ["", "three little", f"{GATE} production {a_digest()} more"])
def test_a_reservation_that_is_none_is_an_error(house: House, value: str) -> None:
    reserve(house, key("approval"), value)
    with pytest.raises(LogError) as caught:
        uses_in(house.log, lineage(house))
    assert (caught.value.code, bool(caught.value.hint)) == ("log.corrupt", True)
