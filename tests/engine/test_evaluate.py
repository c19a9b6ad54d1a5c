from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.requests import sign_request
from placet_attestations.verify import verify
from placet_engine.decision import Failure, uuid7
from placet_engine.errors import LimitError, LogError
from placet_engine.evaluate import Decided, Evaluator, GateRequest
from placet_engine.lineage.reader import About
from placet_engine.log.entry import DecisionRecord, Reservation, decision_draft, parse_leaf
from placet_engine.log.receipt import check_receipt
from placet_engine.policy.port import (
    Answer,
    Refused,
    Result,
    TimedOut,
    Undefined,
    Unreachable,
    WrongBundle,
)
from tests.builders import NOW, a_digest, a_key, a_trust_policy
from tests.engine.houses import (
    GATE,
    IMAGE,
    LOG_KEY,
    MODEL,
    House,
    an_answer,
    approval,
    but,
    logged,
    memory_house,
    model_subject,
    signed,
    story,
)
from tests.fakes.engine import REVISION, FakeEngine
from tests.fakes.evidence import InMemoryEvidenceStore
from tests.fakes.log import MemoryLogStore

APPROVAL = Digest.of(story()["approval"])
KEY = verify(story()["approval"], a_trust_policy()).said  # what is reserved: also under another wrapping


@pytest.fixture
def house(tmp_path: Path) -> House:
    """The whole story, taken in an hour ago."""
    house = memory_house(tmp_path)
    house.take(*story().values())
    house.clock.now = NOW
    return house


def allowing(*reserve: Digest) -> FakeEngine:
    return FakeEngine(lambda question: an_answer(question, reserve=reserve))


def single_use(question: Mapping[str, Any]) -> Answer:
    """Allows what the approval was not used for by somebody else, as the shipped policy set does."""
    use = question["history"]["uses"].get(APPROVAL)
    if use is not None and use["subject"] != question["subject"]:
        return an_answer(question, "change.approval_used")
    return an_answer(question, reserve=[APPROVAL])


def used_by_another(house: House, subject: Digest, *, at: timedelta = timedelta()) -> None:
    """What another process does: an allow for `subject` that reserves the approval."""
    reservation = Reservation(KEY, f"{GATE} production {subject}")
    record = DecisionRecord(uuid7(house.clock()), house.clock() + at, GATE, subject, "allow", (reservation,))
    house.log.append(decision_draft(record, b"{}"))


def closed(house: House, decided: Decided, code: str) -> Mapping[str, Any]:
    """It must be a logged denial by an error of this code; its body."""
    decision = decided.decision
    assert (decision.verdict, decision.would, decision.cause) == ("deny", "deny", "error")
    assert decision.reasons == (code,)
    assert decision.body["reserve"] == []
    document: dict[str, Any] = json.loads(logged(house.log, decided))
    assert document["error"]["code"] == code
    assert document["error"]["message"]
    return document


def leaf_of(house: House, decided: Decided) -> Mapping[str, Any]:
    entry = house.log.store.entry(decided.index)
    assert entry is not None
    return parse_leaf(entry.leaf)


def test_an_allow_is_logged_and_proved_by_its_receipt(house: House) -> None:
    before = house.log.head().size
    decided = house.ask(house.evaluator(allowing(APPROVAL)), context={"ticket": "CHG-1"})
    assert (decided.decision.allowed, decided.index) == (True, before)
    checked = check_receipt(decided.receipt, LOG_KEY.verifier)
    assert (checked.document, checked.index) == (decided.decision.document, decided.index)
    body = decided.decision.body
    assert body["subject"] == {"digest": MODEL, "kind": "model", "name": "churn-model"}
    assert body["actor"] == {"id": "dev", "principal": "dev@example.org"}
    assert (body["environment"], body["context"]) == ("production", {"ticket": "CHG-1"})
    assert body["lineage"] == {"artifacts": 6, "statements": 7, "findings": 0}
    assert house.log.store.reservation(KEY) == f"{GATE} production {MODEL}"


def test_a_denial_is_logged_and_uses_nothing_up(house: House) -> None:
    decided = house.ask(
        house.evaluator(FakeEngine(lambda question: an_answer(question, "data.origin_known")))
    )
    assert (decided.decision.verdict, decided.decision.cause) == ("deny", "policy")
    assert decided.decision.reasons == ("data.origin_known",)
    assert check_receipt(decided.receipt, LOG_KEY.verifier).index == decided.index
    assert house.log.store.reservation(KEY) is None


def test_the_log_holds_the_very_bytes_of_question_and_answer(house: House) -> None:
    engine = allowing()
    decided = house.ask(house.evaluator(engine, timeout=1.5))
    ((question, timeout),) = engine.questions
    assert timeout == 1.5
    assert house.log.payload(decided.index, "input").data == question
    answer = house.log.payload(decided.index, "answer").data
    assert decided.decision.body["digests"] == {"input": Digest.of(question), "answer": Digest.of(answer)}
    assert json.loads(question)["history"]["as_of"] == decided.index


def test_the_leaf_says_what_stays_for_ever_and_names_no_person(house: House) -> None:
    decided = house.ask(house.evaluator(allowing(APPROVAL)))
    leaf = leaf_of(house, decided)
    assert (leaf["verdict"], leaf["would"], leaf["mode"], leaf["cause"]) == (
        "allow",
        "allow",
        "enforce",
        "policy",
    )
    assert (leaf["policy"], leaf["dryRun"], leaf["reasons"]) == (REVISION, False, [])
    assert leaf["reserve"] == {KEY: f"{GATE} production {MODEL}"}
    assert "example.org" not in json.dumps({key: value for key, value in leaf.items() if key != "anchors"})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Undefined(), "opa.undefined"),
        (Refused(400, "rego_type_error"), "opa.refused"),
        (TimedOut(), "opa.timeout"),
        (Unreachable("connection refused"), "opa.unreachable"),
        (WrongBundle("f" * 64), "opa.wrong_bundle"),
        (WrongBundle(""), "opa.wrong_bundle"),
        (Result(b"not json", REVISION), "policy.answer"),
        (Result(b'{"verdict":"allow"}', REVISION), "policy.answer"),
        (Result(b'{"verdict":"allow","verdict":"allow"}', REVISION), "policy.answer"),
        (Result(b"true", REVISION), "policy.answer"),
    ],
)
def test_anything_but_a_result_closes_and_is_logged(house: House, answer: Answer, code: str) -> None:
    engine = FakeEngine(answer)
    decided = house.ask(house.evaluator(engine))
    document = closed(house, decided, code)
    assert document["error"]["hint"]
    ((question, _),) = engine.questions
    assert house.log.payload(decided.index, "input").data == question
    with pytest.raises(LogError):
        house.log.payload(decided.index, "answer")


def test_an_engine_that_is_closed_closes_the_gate(house: House) -> None:
    engine = allowing()
    engine.close()
    closed(house, house.ask(house.evaluator(engine)), "opa.unreachable")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"gate": "promote/staging"}, "policy.answer_mismatch"),
        ({"subject": a_digest("another")}, "policy.answer_mismatch"),
        ({"verdict": "allow", "would": "deny"}, "policy.answer_inconsistent"),
        ({"verdict": "allow", "would": "allow"}, "policy.answer_inconsistent"),
        ({"verdict": "allow", "would": "allow", "checks": []}, "policy.answer"),
        ({"reserve": [APPROVAL]}, "policy.answer_inconsistent"),
        ({"verdict": "ALLOW"}, "policy.answer"),
        ({"version": 2}, "policy.answer"),
        ({"mode": "lenient"}, "policy.answer"),
        ({"extra": True}, "policy.answer"),
    ],
)
def test_an_answer_to_another_question_or_against_itself_never_allows(
    house: House, changes: Mapping[str, Any], code: str
) -> None:
    engine = FakeEngine(lambda question: an_answer(question, "data.origin_known", **changes))
    closed(house, house.ask(house.evaluator(engine)), code)


def test_an_unknown_gate_is_denied_and_logged_and_nobody_is_asked(house: House) -> None:
    engine = allowing()
    document = closed(house, house.ask(house.evaluator(engine), gate="promote/prodution"), "gate.unknown")
    assert GATE in document["error"]["hint"]
    assert engine.questions == []


def test_a_policy_set_that_may_not_judge_denies_with_its_reason(house: House) -> None:
    engine = allowing()
    unusable = Failure("policy.compile", "OPA refuses the policy set", "correct it")
    closed(house, house.ask(house.evaluator(engine, unusable=unusable)), "policy.compile")
    assert engine.questions == []


def test_a_clock_set_back_is_denied_and_logged(house: House) -> None:
    engine = allowing()
    evaluator = house.evaluator(engine)
    house.ask(evaluator)
    house.clock.move(seconds=-6)
    closed(house, house.ask(evaluator), "clock.rolled_back")
    assert len(engine.questions) == 1
    house.clock.move(seconds=1)
    assert house.ask(evaluator).decision.allowed, "five seconds are within what clocks do"


def test_another_time_does_not_help_over_a_clock_that_was_set_back(house: House) -> None:
    engine = allowing()
    evaluator = house.evaluator(engine)
    house.ask(evaluator)
    house.clock.move(seconds=-6)
    closed(house, house.ask(evaluator, at=NOW), "clock.rolled_back")


def test_an_entry_with_a_clock_ahead_that_comes_between_closes(house: House) -> None:
    def answer(question: Mapping[str, Any]) -> Answer:
        used_by_another(house, IMAGE, at=timedelta(minutes=1))
        return an_answer(question)

    decided = house.ask(house.evaluator(FakeEngine(answer)))
    closed(house, decided, "clock.rolled_back")


@pytest.mark.parametrize("by", ["nobody", "approver of another house"])
def test_a_caller_whose_key_is_unknown_is_denied(house: House, by: str) -> None:
    engine = allowing()
    document = closed(house, house.ask(house.evaluator(engine), by=by), "request.actor_unknown")
    assert (document["actor"], engine.questions) == (None, [])


def test_a_signature_over_another_question_is_denied(house: House) -> None:
    evaluator = house.evaluator(allowing())
    for other in ({"gate": "register"}, {"subject": IMAGE}, {"context": {"ticket": "CHG-2"}}):
        asked: dict[str, Any] = {"gate": GATE, "subject": MODEL, "context": {}, **other}
        proof = sign_request(a_key("dev"), now=NOW, **asked)
        closed(house, house.ask(evaluator, signed=proof), "request.mismatch")


def test_a_signature_of_another_time_is_denied(house: House) -> None:
    evaluator = house.evaluator(allowing())
    for seconds in (-61, 61):
        moment = NOW + timedelta(seconds=seconds)
        proof = sign_request(a_key("dev"), gate=GATE, subject=MODEL, context={}, now=moment)
        closed(house, house.ask(evaluator, signed=proof), "request.expired")


@pytest.mark.parametrize(
    ("proof", "code"),
    [(b"", "json.syntax"), (b"{}", "dsse.no_signature"), (story()["approval"], "dsse.no_signature")],
    ids=["nothing", "an object", "a bundle"],
)
def test_a_proof_that_is_none_is_denied(house: House, proof: bytes, code: str) -> None:
    closed(house, house.ask(house.evaluator(allowing()), signed=proof), code)


def test_without_a_caller_the_policy_is_told_so(house: House) -> None:
    engine = allowing()
    decided = house.ask(house.evaluator(engine), by=None)
    assert decided.decision.body["actor"] is None
    assert "actor" not in json.loads(engine.questions[0][0])["request"]


def test_what_the_caller_says_is_told(house: House) -> None:
    engine = allowing()
    house.ask(house.evaluator(engine), context={"ticket": "CHG-1"})
    request = json.loads(engine.questions[0][0])["request"]
    assert request["context"] == {"ticket": "CHG-1"}
    assert request["actor"] == {"id": "dev", "principal": "dev@example.org", "roles": ["gate"]}


class BrokenEngine(FakeEngine):
    """An engine with a bug: it raises, against its contract."""

    def ask(self, input: bytes, *, timeout: float) -> Answer:
        raise RuntimeError("a bug")


class BrokenReader:
    """A reader with a bug."""

    def about(self, artifact: Digest) -> About:
        raise ZeroDivisionError


def test_a_bug_denies_and_is_logged_as_what_it_is(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        document = closed(house, house.ask(house.evaluator(BrokenEngine(Undefined()))), "internal.error")
        assert document["error"]["message"] == "RuntimeError: a bug"
        closed(house, house.ask(house.evaluator(allowing(), reader=BrokenReader())), "internal.error")
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_evidence_that_cannot_be_read_denies(house: House) -> None:
    assert isinstance(house.store, InMemoryEvidenceStore)
    house.store.bundles[APPROVAL] += b" "
    closed(house, house.ask(house.evaluator(allowing())), "store.corrupt")
    del house.store.bundles[APPROVAL]
    closed(house, house.ask(house.evaluator(allowing())), "store.missing")


def test_facts_that_are_too_large_deny(house: House) -> None:
    engine = allowing()
    decided = house.ask(house.evaluator(engine, max_facts=1000))
    closed(house, decided, "facts.too_large")
    assert engine.questions == []


def test_a_log_that_cannot_be_written_leaves_no_decision(house: House) -> None:
    evaluator = house.evaluator(allowing(APPROVAL))
    before = house.log.head()
    assert isinstance(house.log.store, MemoryLogStore)
    house.log.store.fail("lost")
    with pytest.raises(LogError) as caught:
        evaluator.decide(house.request())
    assert (caught.value.code, bool(caught.value.hint)) == ("log.unwritable", True)
    assert house.log.head() == before
    assert house.log.store.reservation(KEY) is None
    assert house.ask(evaluator).decision.allowed, "the next one is judged as if nothing had been"


def test_a_log_that_is_closed_leaves_no_decision(house: House) -> None:
    evaluator = house.evaluator(allowing())
    request = house.request()
    house.log.close()
    with pytest.raises(LogError) as caught:
        evaluator.decide(request)
    assert caught.value.code == "log.closed"


def test_more_reasons_than_an_entry_holds_are_a_logged_denial_all_the_same(house: House) -> None:
    failed = [f"custom.{'very_' * 8}long_code_{number:03}" for number in range(80)]
    engine = FakeEngine(lambda question: an_answer(question, *failed))
    closed(house, house.ask(house.evaluator(engine)), "log.leaf_too_large")


def test_more_than_an_allow_can_reserve_is_denied(house: House) -> None:
    several = [signed("approval", "model", "approver", approval(reason=str(number))) for number in range(20)]
    house.take(*several)
    engine = allowing(*map(Digest.of, several))
    closed(house, house.ask(house.evaluator(engine)), "log.leaf_too_large")


def test_an_answer_that_uses_up_what_is_not_there_never_allows(house: House) -> None:
    closed(house, house.ask(house.evaluator(allowing(a_digest("no approval")))), "log.reservation")


def test_an_approval_used_by_another_process_meanwhile_is_judged_again(house: House) -> None:
    def answer(question: Mapping[str, Any]) -> Answer:
        if APPROVAL not in question["history"]["uses"]:
            used_by_another(house, IMAGE)
            return an_answer(question, reserve=[APPROVAL])
        return single_use(question)

    engine = FakeEngine(answer)
    decided = house.ask(house.evaluator(engine))
    assert (decided.decision.verdict, decided.decision.cause) == ("deny", "policy")
    assert decided.decision.reasons == ("change.approval_used",)
    assert len(engine.questions) == 2
    assert house.log.store.reservation(KEY) == f"{GATE} production {IMAGE}"


def test_the_same_use_by_another_process_meanwhile_is_no_conflict(house: House) -> None:
    def answer(question: Mapping[str, Any]) -> Answer:
        used_by_another(house, MODEL)
        return single_use(question)

    assert house.ask(house.evaluator(FakeEngine(answer))).decision.allowed


def test_an_approval_that_stays_contended_is_denied(house: House) -> None:
    used_by_another(house, IMAGE)
    engine = allowing(APPROVAL)  # it does not look at what was used
    document = closed(house, house.ask(house.evaluator(engine)), "log.reserved")
    assert len(engine.questions) == 3
    assert document["error"]["hint"] == "ask again"


def test_asking_twice_for_the_same_is_free_and_for_something_else_is_not(tmp_path: Path) -> None:
    house = memory_house(tmp_path)
    both = signed("approval", [model_subject(), *(_image())], "approver", approval())
    house.take(*but("image approval", approval=both))
    shared = Digest.of(both)

    def answer(question: Mapping[str, Any]) -> Answer:
        use = question["history"]["uses"].get(shared)
        fine = use is None or use["subject"] == question["subject"]
        return an_answer(question, reserve=[shared]) if fine else an_answer(question, "change.approval_used")

    evaluator = house.evaluator(FakeEngine(answer))
    assert house.ask(evaluator).decision.allowed
    assert house.ask(evaluator).decision.allowed
    assert house.ask(evaluator, subject=IMAGE).decision.reasons == ("change.approval_used",)


def _image() -> list[Any]:
    return [model_subject("image")]


@pytest.mark.parametrize(
    ("more", "time"),
    [({"dry_run": True}, NOW), ({"at": NOW - timedelta(days=30)}, NOW - timedelta(days=30))],
)
def test_a_dry_run_reserves_nothing_and_says_so(house: House, more: Mapping[str, Any], time: Any) -> None:
    engine = allowing(APPROVAL)
    decided = house.ask(house.evaluator(engine), **more)
    assert (decided.decision.allowed, decided.decision.dry_run, decided.decision.time) == (True, True, time)
    assert decided.decision.body["dry_run"] is True
    question = json.loads(engine.questions[0][0])
    assert question["request"]["dry_run"] is True
    assert question["now"] == decided.decision.body["time"]
    leaf = leaf_of(house, decided)
    assert (leaf["dryRun"], leaf["reserve"]) == (True, {})
    assert leaf["time"].startswith("2026-11-23T21:30:00"), "the log says when it was asked"
    assert house.log.store.reservation(KEY) is None


def test_who_asks_about_another_time_is_authenticated_now(house: House) -> None:
    evaluator = house.evaluator(allowing())
    past = NOW - timedelta(days=30)
    proof = sign_request(a_key("dev"), gate=GATE, subject=MODEL, context={}, now=past)
    closed(house, house.ask(evaluator, at=past, signed=proof), "request.expired")


def test_a_question_that_no_entry_could_hold_is_refused_before_anything_is_done() -> None:
    too_large: tuple[dict[str, Any], ...] = ({"gate": "g" * 511}, {"context": {"ticket": "x" * 65536}})
    for request in too_large:
        with pytest.raises(LimitError) as caught:
            GateRequest(**{"gate": GATE, "subject": MODEL, **request})
        assert (caught.value.code, bool(caught.value.hint)) == ("request.too_large", True)
    surrogates: tuple[dict[str, Any], ...] = (
        {"gate": "\udcff"},
        {"context": {"ticket": "\udcff"}},
        {"context": {"\udcff": "x"}},
    )
    for request in surrogates:
        with pytest.raises(MalformedError) as broken:
            GateRequest(**{"gate": GATE, "subject": MODEL, **request})
        assert broken.value.code == "json.surrogate"


def test_the_longest_gate_that_is_taken_is_denied_and_logged(house: House) -> None:
    for gate in ("g" * 510, "\x00" * 85, "é" * 255):
        closed(house, house.ask(house.evaluator(allowing()), gate=gate), "gate.unknown")


def test_many_may_ask_at_once_and_everything_is_logged(house: House) -> None:
    evaluator = house.evaluator(FakeEngine(single_use))
    before = house.log.head().size
    with ThreadPoolExecutor(8) as pool:
        decided = list(pool.map(lambda _: house.ask(evaluator), range(40)))
    assert all(item.decision.allowed for item in decided)
    assert sorted(item.index for item in decided) == list(range(before, before + 40))


def test_of_two_that_use_one_approval_at_once_one_wins(tmp_path: Path) -> None:
    house = memory_house(tmp_path)
    both = signed("approval", [model_subject(), *_image()], "approver", approval())
    house.take(*but("image approval", approval=both))
    shared = Digest.of(both)
    together = threading.Barrier(2)

    def answer(question: Mapping[str, Any]) -> Answer:
        use = question["history"]["uses"].get(shared)
        if use is None:
            together.wait(30)  # both have seen it unused before either is logged
            return an_answer(question, reserve=[shared])
        fine = use["subject"] == question["subject"]
        return an_answer(question, reserve=[shared]) if fine else an_answer(question, "change.approval_used")

    evaluator = house.evaluator(FakeEngine(answer))
    with ThreadPoolExecutor(2) as pool:
        decided = list(pool.map(lambda subject: house.ask(evaluator, subject=subject), [MODEL, IMAGE]))
    assert sorted(item.decision.verdict for item in decided) == ["allow", "deny"]
    (loser,) = (item for item in decided if not item.decision.allowed)
    assert loser.decision.reasons == ("change.approval_used",)


def test_an_evaluator_holds_nothing_that_changes(house: House) -> None:
    evaluator = house.evaluator(allowing())
    change: Callable[..., Evaluator] = replace
    assert change(evaluator, timeout=1.0).timeout == 1.0
    with pytest.raises(AttributeError):
        evaluator.timeout = 2.0  # type: ignore[misc]
