"""Attempts to get a wrong allow through the evaluator, with the shipped policy set and a real OPA.

Every test starts from the story that is allowed, changes one thing, and wants a denial with the reason of that thing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.predicate_types import APPROVAL
from placet_attestations.requests import sign_request
from placet_attestations.statement import PAYLOAD_TYPE, Statement, Subject
from placet_attestations.strictjson import dumps
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import verify
from placet_engine.evaluate import Decided, Evaluator
from placet_engine.policy.child import ChildOpa
from tests.builders import (
    NOW,
    RULES,
    TEAM,
    a_bundle,
    a_digest,
    a_key,
    a_provenance,
    a_subject,
    a_trust_policy,
)
from tests.engine.houses import (
    GATE,
    GATES,
    IMAGE,
    JUDGE,
    MODEL,
    TRAINED_FROM,
    House,
    approval,
    but,
    dataset,
    evaluation,
    memory_house,
    model_subject,
    shipped,
    signed,
    splits,
    story,
    the_opa,
)
from tests.engine.test_reader import wrapped_anew
from tests.fakes.evidence import InMemoryEvidenceStore

pytestmark = pytest.mark.xdist_group("real opa")


@pytest.fixture(scope="module")
def opa() -> Iterator[ChildOpa]:
    with ChildOpa(shipped(), the_opa()) as running:
        running.wait_ready(60)
        yield running


class Gate:
    """A house, an evaluator with the real OPA, and what it says."""

    def __init__(self, folder: Path, opa: ChildOpa) -> None:
        self._folder = folder
        self._opa = opa
        self._houses = 0

    def house(self, *bundles: bytes, trust: TrustPolicy | None = None) -> House:
        """A new house that holds these bundles, an hour later."""
        self._houses += 1
        folder = self._folder / str(self._houses)
        folder.mkdir()
        house = memory_house(folder, trust=trust)
        house.take(*bundles)
        house.clock.now = NOW
        return house

    def evaluator(self, house: House) -> Evaluator:
        judge = replace(JUDGE, policy_revision=self._opa.revision)
        return house.evaluator(self._opa, judge=judge, gates=GATES, timeout=30.0)

    def ask(self, house: House, **request: Any) -> Decided:
        decided = house.ask(self.evaluator(house), **request)
        assert decided.decision.cause == "policy", decided.decision.body
        return decided

    def says(self, house: House, **request: Any) -> tuple[str, ...]:
        """Why it denies; nothing when it allows."""
        decided = self.ask(house, **request)
        assert decided.decision.allowed == (not decided.decision.reasons)
        return decided.decision.reasons

    def about(self, *bundles: bytes, trust: TrustPolicy | None = None, **request: Any) -> tuple[str, ...]:
        """Why it denies a model with this evidence."""
        return self.says(self.house(*bundles, trust=trust), **request)


@pytest.fixture
def gate(tmp_path: Path, opa: ChildOpa) -> Gate:
    return Gate(tmp_path, opa)


def team(*more: Mapping[str, Any], **changes: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The signers of TEAM, some with changes, and further ones."""
    return [{**signer, **changes.get(signer["id"], {})} for signer in TEAM] + list(more)


def notes(decided: Decided, code: str) -> str:
    """All notes of a check, in one text."""
    checks = decided.decision.body["checks"]
    assert isinstance(checks, list)
    (check,) = (check for check in checks if check["code"] == code)
    return "\n".join(note for result in check["results"] for note in result.get("notes", ()))


def retrained(predicate: Mapping[str, Any], *subjects: Subject, by: str = "ci") -> bytes:
    return signed("training", subjects or [model_subject(name="churn-model")], by, predicate)


def used(*dependencies: tuple[str, str, str | None]) -> dict[str, Any]:
    """Training provenance with dependencies as (name, role, digest's name)."""
    predicate = a_provenance("training")
    predicate["buildDefinition"]["resolvedDependencies"] = [
        {"name": name, "annotations": {"placet.dev/role": role}}
        | ({} if of is None else {"digest": {"sha256": a_digest(of).hex}})
        for name, role, of in dependencies
    ]
    return predicate


HONEST = tuple((name, role, name) for name, role in TRAINED_FROM.items())


def test_the_story_is_allowed_in_whatever_order_it_comes(gate: Gate) -> None:
    for bundles in (tuple(story().values()), tuple(story().values())[::-1]):
        house = gate.house(*bundles)
        assert gate.says(house) == ()
        assert gate.says(house, subject=IMAGE) == ()


NEEDED = {
    "raw": "data.origin_known",
    "train": "data.origin_known",
    "training": "lineage.subject_known",
    "splits": "data.splits_pinned",
    "evaluation": "quality.evaluation_threshold",
    "approval": "change.approved",
}


@pytest.mark.parametrize(("word", "code"), NEEDED.items())
def test_nothing_that_is_needed_may_be_missing(gate: Gate, word: str, code: str) -> None:
    assert code in gate.about(*but(word))


def test_another_byte_is_another_artifact(gate: Gate) -> None:
    house = gate.house(*story().values())
    assert "lineage.subject_known" in gate.says(house, subject=a_digest("model with one byte changed"))


# Forgery


def test_a_signature_by_a_stranger_with_the_approvers_hint_is_refused_at_the_door_and_inside(
    gate: Gate,
) -> None:
    forged = json.loads(signed("approval", "model", "nobody", approval()))
    forged["verificationMaterial"]["publicKey"]["hint"] = a_key("approver").public_key.hint
    raw = dumps(forged)
    house = gate.house(*but("approval"))
    with pytest.raises(VerificationError) as caught:
        house.take(raw)
    assert caught.value.code == "signature.invalid"
    slip_in(house, raw)
    assert gate.says(house) == ("change.approved",)


def slip_in(house: House, raw: bytes, subject: Digest = MODEL) -> None:
    """What somebody with write access to the store's rows does."""
    assert isinstance(house.store, InMemoryEvidenceStore)
    house.store.bundles[Digest.of(raw)] = raw
    house.store.subjects[subject].add(Digest.of(raw))


def test_a_signature_moved_under_other_words_does_not_hold(gate: Gate) -> None:
    moved = json.loads(story()["approval"])
    moved["dsseEnvelope"]["payload"] = json.loads(story()["image approval"])["dsseEnvelope"]["payload"]
    house = gate.house(*but("image approval"))
    with pytest.raises(VerificationError):
        house.take(dumps(moved))
    slip_in(house, dumps(moved), IMAGE)
    assert gate.says(house, subject=IMAGE) == ("change.approved",)


def test_a_real_approval_that_never_came_by_the_door_does_not_count(gate: Gate) -> None:
    house = gate.house(*but("approval"))
    slip_in(house, story()["approval"])
    decided = gate.ask(house)
    assert decided.decision.reasons == ("change.approved",)
    assert "evidence.unrecorded" in notes(decided, "change.approved")
    house.take(story()["approval"])
    assert gate.says(house) == ()


def test_an_index_row_cannot_lend_an_approval_to_another_artifact(gate: Gate) -> None:
    house = gate.house(*but("approval"))
    slip_in(house, story()["image approval"], MODEL)
    assert gate.says(house) == ("change.approved",)


def test_a_gate_request_cannot_be_taken_for_an_approval(gate: Gate) -> None:
    # The approver asked once; the bytes that were signed then are no statement.
    request = json.loads(sign_request(a_key("approver"), gate=GATE, subject=MODEL, context={}, now=NOW))
    bundle = json.loads(story()["approval"])
    bundle["dsseEnvelope"] = request
    house = gate.house(*but("approval"))
    slip_in(house, dumps(bundle))
    assert gate.says(house) == ("change.approved",)


def test_a_signed_statement_with_a_key_twice_has_no_meaning_to_choose(gate: Gate) -> None:
    payload = Statement.build(APPROVAL, [a_subject("model")], approval()).raw
    doubled = payload.replace(b'"decision":"approve"', b'"decision":"reject","decision":"approve"')
    assert doubled != payload
    raw = in_bundle(doubled, "approver")
    house = gate.house(*but("approval"))
    with pytest.raises(MalformedError) as caught:
        house.take(raw)
    assert caught.value.code == "json.duplicate_key"
    slip_in(house, raw)
    assert gate.says(house) == ("change.approved",)


def in_bundle(payload: bytes, by: str) -> bytes:
    """Any payload, properly signed."""
    from placet_attestations.bundle import make_bundle
    from placet_attestations.signing import sign_payload

    return make_bundle(sign_payload(PAYLOAD_TYPE, payload, a_key(by)), a_key(by).public_key)


# Replay


@pytest.mark.parametrize("wrapping", range(3))
def test_an_old_good_evaluation_in_another_wrapping_is_not_the_newest(gate: Gate, wrapping: int) -> None:
    house = gate.house(*story().values())
    house.take(signed("measurement", "model", "evaluator", evaluation(0.5)))
    assert gate.says(house) == ("quality.evaluation_threshold",)
    house.clock.move(minutes=1)
    house.take(wrapped_anew(story()["evaluation"])[wrapping])
    assert gate.says(house) == ("quality.evaluation_threshold",)


def test_an_approval_of_two_artifacts_serves_one_of_them_in_whatever_wrapping(gate: Gate) -> None:
    both = signed("approval", [a_subject("model"), a_subject("image")], "approver", approval())
    house = gate.house(*but("image approval", approval=both))
    assert gate.says(house) == ()
    assert gate.says(house) == (), "asking again is free"
    assert gate.says(house, subject=IMAGE) == ("change.approval_used",)
    house.take(*wrapped_anew(both))
    assert gate.says(house, subject=IMAGE) == ("change.approval_used",)


def test_an_approval_whose_first_wrapping_was_taken_away_stays_used(gate: Gate) -> None:
    both = signed("approval", [a_subject("model"), a_subject("image")], "approver", approval())
    house = gate.house(*but("image approval", approval=both))
    assert gate.says(house) == ()
    house.take(wrapped_anew(both)[0])
    assert isinstance(house.store, InMemoryEvidenceStore)
    for held in house.store.subjects.values():
        held.discard(Digest.of(both))
    assert gate.says(house, subject=IMAGE) == ("change.approval_used",)


def test_another_artifacts_approval_is_none(gate: Gate) -> None:
    assert gate.about(*but("approval")) == ("change.approved",)


def test_a_dry_run_uses_nothing_up_and_cannot_be_used(gate: Gate) -> None:
    both = signed("approval", [a_subject("model"), a_subject("image")], "approver", approval())
    house = gate.house(*but("image approval", approval=both))
    assert gate.ask(house, dry_run=True).decision.dry_run
    assert gate.says(house, subject=IMAGE) == ()
    assert gate.says(house, dry_run=True) == ("change.approval_used",)


# Approvals that are not for this


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": {"gate": "promote/staging"}},
        {"scope": {"gate": "deploy/production"}},
        {"scope": {"gate": GATE, "environment": "staging"}},
        {"scope": {"gate": GATE, "environment": "Production"}},
        {"scope": {"gate": "promote/рroduction"}},  # noqa: RUF001 - a Cyrillic letter
        {"scope": {"gate": "promote/production "}},
        {"scope": {"gate": "PROMOTE/PRODUCTION"}},
        {"validUntil": "2026-11-23T21:30:00Z"},
        {"validUntil": "2026-11-23T22:29:59+01:00"},
        {"validFrom": "2026-11-23T21:30:01Z"},
        {"validFrom": "2026-11-01T00:00:00Z", "validUntil": "2026-11-20T00:00:00Z"},
        {"decision": "reject"},
        {"kind": "design-review"},
        {"ticket": {"system": "jira", "id": " "}},
        {"role": "cleaner"},
        {"conditions": ["only after the audit"]},
        {"change": {"to": a_digest("another")}},
    ],
)
def test_an_approval_for_something_else_is_none(gate: Gate, changes: Mapping[str, Any]) -> None:
    bundle = signed("approval", "model", "approver", approval(**changes))
    assert gate.about(*but(approval=bundle)) == ("change.approved",)


def test_a_waiver_is_no_approval(gate: Gate) -> None:
    scope = {"gate": GATE, "rule": "change.approved"}
    waiver = signed("waiver", "model", "approver", approval(kind="waiver", scope=scope, reason="please"))
    assert gate.about(*but(approval=waiver)) == ("change.approved",)


def test_an_approval_for_another_ticket_is_not_for_this_request(gate: Gate) -> None:
    assert gate.about(*story().values(), context={"ticket": "CHG-1042"}) == ()
    assert gate.about(*story().values(), context={"ticket": "CHG-1043"}) == ("change.ticket_matches",)


# Approvals by the wrong people


def test_who_may_not_approve_does_not_whatever_the_statement_says(gate: Gate) -> None:
    for who in ("owner", "evaluator", "dev"):
        bundle = signed("approval", "model", who, approval(role="approver"))
        house = gate.house(*but("approval"))
        with pytest.raises(VerificationError) as caught:
            house.take(bundle)
        assert caught.value.code == "trust.role_missing"
        slip_in(house, bundle)
        house.log.record_evidence(Digest.of(bundle), APPROVAL, NOW)
        decided = gate.ask(house)
        assert decided.decision.reasons == ("change.approved",)
        assert "may not approve" in notes(decided, "change.approved")


def test_who_asks_cannot_approve_not_even_with_another_key(gate: Gate) -> None:
    trust = a_trust_policy(signers=team(approver={"principal": "dev@example.org"}))
    decided = gate.ask(gate.house(*story().values(), trust=trust))
    assert decided.decision.reasons == ("change.approved",)
    assert "requester" in notes(decided, "change.approved")
    assert gate.about(*story().values(), by="approver") == ("change.approved",)


def test_who_built_cannot_approve_not_even_with_another_key(gate: Gate) -> None:
    trust = a_trust_policy(signers=team(approver={"principal": "ci"}))
    decided = gate.ask(gate.house(*story().values(), trust=trust))
    assert "change.approved" in decided.decision.reasons
    assert "made something in the lineage" in notes(decided, "change.approved")


def test_who_built_an_ancestor_cannot_approve_the_image(gate: Gate) -> None:
    packer = {"id": "packer", "principal": "packer", "roles": ["builder"], "builders": TEAM[1]["builders"]}
    trust = a_trust_policy(signers=team(packer, ci={"principal": "approver@example.org"}))
    packaging = signed("package", "image", "packer", a_provenance("package", {"model": "model"}))
    assert "change.approved" in gate.about(*but(packaging=packaging), trust=trust, subject=IMAGE)


def test_without_a_caller_nobody_can_be_told_from_the_requester(gate: Gate) -> None:
    assert "request.actor_unknown" in gate.about(*story().values(), by=None)


@pytest.mark.parametrize(
    "revocation",
    [
        {"signer": "approver", "from": "always"},
        {"signer": "approver", "from": "2026-11-23T20:30:00Z"},
        {"signer": "approver", "from": "2026-01-01"},
    ],
)
def test_a_revoked_approver_does_not_count(gate: Gate, revocation: Mapping[str, Any]) -> None:
    trust = a_trust_policy(revoked=[revocation])
    decided = gate.ask(gate.house(*story().values(), trust=trust))
    assert decided.decision.reasons == ("change.approved",)
    assert "trust.signer_revoked" in notes(decided, "change.approved")
    later = a_trust_policy(revoked=[{"signer": "approver", "from": "2026-11-23T20:30:00.000001Z"}])
    assert gate.about(*story().values(), trust=later) == (), "what was proved before stays"


def test_a_backdated_approval_of_a_revoked_signer_counts_by_its_arrival(gate: Gate) -> None:
    trust = a_trust_policy(revoked=[{"signer": "approver", "from": "2026-11-23T21:00:00Z"}])
    house = gate.house(*but("approval"), trust=trust)
    house.take(signed("approval", "model", "approver", approval(validFrom="2026-11-20T00:00:00Z")))
    assert gate.says(house) == ("change.approved",)


@pytest.mark.parametrize("window", [{"until": "2026-11-23T20:30:00Z"}, {"from": "2026-11-23T20:30:01Z"}])
def test_a_signer_outside_its_window_does_not_count(gate: Gate, window: Mapping[str, str]) -> None:
    trust = a_trust_policy(signers=team(approver={"valid": window}))
    decided = gate.ask(gate.house(*story().values(), trust=trust))
    assert decided.decision.reasons == ("change.approved",)
    assert "trust.signer_expired" in notes(decided, "change.approved")


# Waivers


def _waiver(rule: str, by: str = "approver", **changes: Any) -> bytes:
    scope = {"gate": GATE, "rule": rule}
    return signed(
        "waiver", "model", by, approval(kind="waiver", scope=scope, reason="first release", **changes)
    )


BOARD = {"id": "board", "principal": "board@example.org", "roles": ["approver", "risk-officer"]}
WAIVER_RULES = [*RULES[:-1], {"roles": ["approver"], "types": ["waiver"], "kinds": ["model"]}]


def test_one_person_cannot_waive_in_production(gate: Gate) -> None:
    rule = "quality.evaluation_threshold"
    bad = signed("measurement", "model", "evaluator", evaluation(0.5))
    twin = {"id": "twin", "principal": "approver@example.org", "roles": ["approver"]}
    trust = a_trust_policy(signers=team(BOARD, twin), rules=WAIVER_RULES)
    alone = but(evaluation=bad, waiver=_waiver(rule))
    assert gate.about(*alone, trust=trust) == (rule,)
    assert gate.about(*alone, _waiver(rule, "twin"), trust=trust) == (rule,), "two keys, one person"
    assert gate.about(*alone, _waiver(rule, "board"), trust=trust) == ()
    late = _waiver(rule, "board", validFrom="2026-11-01T00:00:00Z", validUntil="2026-11-23T21:30:00Z")
    assert gate.about(*alone, late, trust=trust) == (rule,)


@pytest.mark.parametrize("rule", ["lineage.kind_conflict", "lineage.not_revoked", "request.actor_unknown"])
def test_some_rules_nobody_can_waive(gate: Gate, rule: str) -> None:
    trust = a_trust_policy(
        signers=team(BOARD),
        rules=[{**rule, "kinds": [*rule["kinds"]]} for rule in WAIVER_RULES],
        revoked=[{"artifact": a_digest("raw.csv"), "from": "always"}]
        if rule == "lineage.not_revoked"
        else [],
    )
    waivers = {"one": _waiver(rule), "two": _waiver(rule, "board")}
    if rule == "lineage.kind_conflict":
        # About data, so that the waivers of the model stay admitted.
        waivers["claim"] = signed("training", [a_subject("raw.csv", kind="model")], "ci", used(*HONEST))
    asked: dict[str, Any] = {"by": None} if rule == "request.actor_unknown" else {}
    assert rule in gate.about(*but(**waivers), trust=trust, **asked)


# Bad models


@pytest.mark.parametrize("accuracy", [0.8999999999999999, 0.0, -1.0, -1e308, 0])
def test_a_value_below_the_threshold_is_below(gate: Gate, accuracy: float) -> None:
    bundle = signed("measurement", "model", "evaluator", evaluation(accuracy))
    assert "quality.evaluation_threshold" in gate.about(*but(evaluation=bundle))


def test_a_value_at_the_threshold_is_enough(gate: Gate) -> None:
    bundle = signed("measurement", "model", "evaluator", evaluation(0.9))
    assert gate.about(*but(evaluation=bundle)) == ()


@pytest.mark.parametrize("accuracy", [1.0000000000000002, 55, 1e308])
def test_a_value_that_cannot_be_is_no_good_value(gate: Gate, accuracy: float) -> None:
    # 55 (percent) is far below 0.9, whatever a comparison of numbers says.
    bundle = signed("measurement", "model", "evaluator", evaluation(accuracy))
    assert "quality.evaluation_threshold" in gate.about(*but(evaluation=bundle))


def test_a_metric_under_another_id_or_with_another_spelling_does_not_count(gate: Gate) -> None:
    for name in ("Accuracy", "accuracy ", "аccuracy"):  # noqa: RUF001 - a Cyrillic letter
        results = [{"id": name, "metric": "accuracy", "value": 0.99}]
        bundle = signed("measurement", "model", "evaluator", evaluation(results=results))
        assert "quality.evaluation_threshold" in gate.about(*but(evaluation=bundle))


@pytest.mark.parametrize(
    "changes",
    [{"metric": "recall"}, {"slice": "age<30"}, {"sampleSize": 0}],
    ids=["of another metric", "of a part of the rows", "of no rows"],
)
def test_a_number_of_something_else_under_the_right_id_does_not_count(
    gate: Gate, changes: Mapping[str, Any]
) -> None:
    results = [{"id": "accuracy", "metric": "accuracy", "value": 0.99, "sampleSize": 114, **changes}]
    bundle = signed("measurement", "model", "evaluator", evaluation(results=results))
    assert "quality.evaluation_threshold" in gate.about(*but(evaluation=bundle))


def test_an_evaluation_that_names_two_models_is_of_none(gate: Gate) -> None:
    inputs = [{"role": "model", "digest": MODEL}, {"role": "model", "digest": a_digest("another")}]
    inputs.append({"role": "test", "digest": a_digest("test.csv")})
    for order in (inputs, [inputs[1], inputs[0], inputs[2]]):
        bundle = signed("measurement", "model", "evaluator", evaluation(inputs=order))
        assert "quality.evaluation_threshold" in gate.about(*but(evaluation=bundle))


def test_an_evaluation_that_says_it_is_no_longer_valid_is_not(gate: Gate) -> None:
    bundle = signed("measurement", "model", "evaluator", evaluation(validUntil="2026-11-23T21:30:00Z"))
    assert gate.about(*but(evaluation=bundle)) != ()


def test_an_evaluation_of_another_model_is_none(gate: Gate) -> None:
    bundle = signed("measurement", "model", "evaluator", evaluation(model="another"))
    assert "quality.evaluation_threshold" in gate.about(*but(evaluation=bundle))
    of_another = signed("measurement", "another", "evaluator", evaluation(model="another"))
    assert "quality.evaluation_threshold" in gate.about(*but(evaluation=of_another))


@pytest.mark.parametrize(
    "tests",
    [["train.csv"], ["raw.csv"], ["cherries.csv"], ["test.csv", "train.csv"], ["train.csv", "test.csv"], []],
)
def test_an_evaluation_on_anything_but_the_held_out_split_is_none(gate: Gate, tests: Sequence[str]) -> None:
    inputs = [{"role": "model", "digest": MODEL}]
    inputs += [{"role": "test", "digest": a_digest(name)} for name in tests]
    bundle = signed("measurement", "model", "evaluator", evaluation(inputs=inputs))
    assert "quality.evaluated_on_pinned_split" in gate.about(*but(evaluation=bundle))


def test_training_on_the_test_split_is_seen(gate: Gate) -> None:
    training = retrained(used(*HONEST, ("data/more.csv", "dataset", "test.csv")))
    tested = signed("dataset", "test.csv", "owner", dataset("test.csv"))
    assert "quality.evaluated_on_pinned_split" in gate.about(*but(training=training, tested=tested))


def test_splits_that_overlap_are_none(gate: Gate) -> None:
    files = [a_subject("train.csv"), a_subject("test.csv")]
    bundle = signed("measurement", files, "evaluator", splits(overlap=1))
    assert "data.no_leakage" in gate.about(*but(splits=bundle))


def test_who_trained_cannot_evaluate_not_even_with_another_key(gate: Gate) -> None:
    trust = a_trust_policy(signers=team(evaluator={"principal": "ci"}))
    assert "quality.evaluator_independent" in gate.about(*story().values(), trust=trust)


def test_a_bad_run_stays_beside_a_good_one_of_another_suite(gate: Gate) -> None:
    other = evaluation(0.5, suite={"name": "Placet", "version": "1"})
    assert "quality.evaluation_threshold" in gate.about(
        *but(bad=signed("measurement", "model", "evaluator", other))
    )


def test_an_old_evaluation_that_arrives_today_is_old(gate: Gate) -> None:
    old = evaluation(finishedOn="2026-08-01T00:00:00Z")
    bundle = signed("measurement", "model", "evaluator", old)
    assert "quality.evaluation_fresh" in gate.about(*but(evaluation=bundle))


# Bad lineages


def test_a_revoked_ancestor_denies_the_model_and_the_image(gate: Gate) -> None:
    for name in ("raw.csv", "train.csv", "train.py", "model"):
        trust = a_trust_policy(
            revoked=[{"artifact": a_digest(name), "from": "always", "reason": "retracted"}]
        )
        house = gate.house(*story().values(), trust=trust)
        assert "lineage.not_revoked" in gate.says(house)
        assert "lineage.not_revoked" in gate.says(house, subject=IMAGE)


def test_a_second_kind_denies(gate: Gate) -> None:
    claim = signed("dataset", "model", "owner", dataset("model"))
    assert "lineage.kind_conflict" in gate.about(*but(claim=claim))
    for kind in ("image", "code", "environment"):
        second = retrained(used(*HONEST), a_subject("model", kind=kind))
        assert "lineage.kind_conflict" in gate.about(*but(second=second))


@pytest.mark.parametrize("kind", ["code", "environment", "dataset", "image"])
def test_a_model_by_another_kind_does_not_escape_what_is_asked_of_models(gate: Gate, kind: str) -> None:
    disguised = retrained(used(*HONEST), a_subject("model", kind=kind))
    assert gate.about(*but(training=disguised)) != ()


def test_a_dataset_without_an_owner_cannot_hide_behind_a_second_role(gate: Gate) -> None:
    for roles in (("dataset", "other"), ("other", "dataset"), ("code", "dataset")):
        secret = [(f"secret as {role}", role, "secret.csv") for role in roles]
        assert "data.origin_known" in gate.about(*but(training=retrained(used(*HONEST, *secret))))


def test_a_cycle_denies(gate: Gate) -> None:
    raw = signed("dataset", "raw.csv", "owner", dataset("raw.csv", "derived", ["train.csv"]))
    assert "lineage.closed" in gate.about(*but(raw=raw))
    itself = retrained(used(*HONEST, ("model", "base-model", "model")))
    assert "lineage.closed" in gate.about(*but(training=itself))


def test_a_dependency_by_name_only_denies(gate: Gate) -> None:
    training = retrained(used(*HONEST, ("more.csv", "dataset", None)))
    assert "lineage.all_digested" in gate.about(*but(training=training))


def test_a_second_clean_account_does_not_hide_a_dirty_one(gate: Gate) -> None:
    dirty = retrained(used(*HONEST, ("secret.csv", "dataset", "secret.csv")))
    assert "data.origin_known" in gate.about(*but(dirty=dirty))


def test_a_builder_that_may_not_be_claimed_makes_nothing(gate: Gate) -> None:
    predicate = used(*HONEST)
    predicate["runDetails"]["builder"]["id"] = "https://github.com/actions/runner"
    assert "lineage.subject_known" in gate.about(*but(training=retrained(predicate)))


def test_an_image_without_its_model_denies(gate: Gate) -> None:
    packaging = signed("package", "image", "ci", a_provenance("package", {"model": "other"}))
    house = gate.house(*but("training", packaging=packaging))
    assert gate.says(house, subject=IMAGE) != ()


# Names


def test_a_name_that_a_signer_may_not_give_is_not_the_name(gate: Gate) -> None:
    rules = [dict(rule) for rule in RULES]
    rules[1]["may_name"] = ["churn-*"]
    trust = a_trust_policy(rules=rules)
    for name in ("сhurn-model", "Churn-model", "root"):  # noqa: RUF001 - a Cyrillic letter
        spoofed = retrained(used(*HONEST), model_subject(name=name))
        decided = gate.ask(gate.house(*but(training=spoofed), trust=trust))
        assert decided.decision.body["subject"] == {"digest": MODEL, "kind": "model"}
    subject = gate.ask(gate.house(*story().values(), trust=trust)).decision.body["subject"]
    assert subject == {"digest": MODEL, "kind": "model", "name": "churn-model"}


def test_a_name_cannot_look_like_a_digest(gate: Gate) -> None:
    for name in (MODEL, "oci:registry/x", "a\nb", " churn"):
        with pytest.raises(MalformedError) as caught:
            gate.house(retrained(used(*HONEST), model_subject(name=name)))
        assert caught.value.code == "statement.name"


@pytest.mark.parametrize(
    "name",
    [
        "promote/рroduction",  # noqa: RUF001 - a Cyrillic letter
        "promote/production ",
        "Promote/production",
        "promote//production",
        "promote/ｐroduction",  # noqa: RUF001 - a wide letter
    ],
)
def test_a_gate_that_looks_like_another_is_unknown(gate: Gate, name: str) -> None:
    house = gate.house(*story().values())
    decided = house.ask(gate.evaluator(house), gate=name)
    assert (decided.decision.cause, decided.decision.reasons) == ("error", ("gate.unknown",))


def test_a_gate_that_the_settings_do_not_know_admits_nothing(gate: Gate) -> None:
    # Also when the engine was told of it: two lists, and the stricter one counts.
    house = gate.house(*story().values())
    evaluator = replace(gate.evaluator(house), gates=GATES | {"promote/moon"})
    assert "policy.unknown_gate" in house.ask(evaluator, gate="promote/moon").decision.reasons


# Very much of it


def test_more_statements_than_are_read_deny(gate: Gate) -> None:
    house = gate.house(*story().values())
    several = [evaluation(0.95, finishedOn=f"2026-11-23T20:{n // 60:02}:{n % 60:02}Z") for n in range(260)]
    house.take(*(signed("measurement", "model", "evaluator", predicate) for predicate in several))
    # Which ones are read follows from their digests: the training statement may be among those that are not.
    assert {"lineage.closed", "lineage.subject_known"} & set(gate.says(house))


def test_a_bad_evaluation_cannot_be_crowded_out(gate: Gate) -> None:
    house = gate.house(*story().values())
    house.take(
        *(
            signed("measurement", "model", "evaluator", evaluation(0.95, startedOn=start(n)))
            for n in range(120)
        )
    )
    house.clock.move(seconds=1)
    house.take(signed("measurement", "model", "evaluator", evaluation(0.5)))
    assert gate.says(house) == ("quality.evaluation_threshold",)


def start(number: int) -> str:
    return (NOW - timedelta(hours=3, seconds=number)).isoformat().replace("+00:00", "Z")


def test_evidence_of_strangers_neither_helps_nor_hurts(gate: Gate) -> None:
    house = gate.house(*story().values())
    opinion = Statement.build("https://example.org/opinion/v1", [a_subject("model")], {"x": 1})
    house.take(a_bundle(opinion, a_key("dev")))
    slip_in(house, b"{}")
    slip_in(house, a_bundle(opinion, a_key("nobody")))
    decided = gate.ask(house)
    assert decided.decision.allowed
    lineage = decided.decision.body["lineage"]
    assert isinstance(lineage, dict)
    assert lineage["findings"] == 3


def test_the_twin_of_a_signature_is_a_signature(gate: Gate) -> None:
    # What the copies above rest on: ECDSA has two spellings of one signature, and both verify.
    twin = wrapped_anew(story()["approval"])[2]
    assert verify(twin, a_trust_policy()).said == verify(story()["approval"], a_trust_policy()).said
    signature: Callable[[bytes], bytes] = lambda raw: base64.b64decode(  # noqa: E731
        json.loads(raw)["dsseEnvelope"]["signatures"][0]["sig"]
    )
    assert signature(twin) != signature(story()["approval"])
