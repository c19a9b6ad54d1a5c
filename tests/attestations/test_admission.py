from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from placet_attestations.admission import NO_KINDS, Admission, Refused, admit, admit_all, apply_thresholds
from placet_attestations.bundle import make_bundle
from placet_attestations.claims import Claim
from placet_attestations.digests import Digest
from placet_attestations.predicate_types import PREDICATE_TYPES
from placet_attestations.predicates import LOCAL_BUILDER
from placet_attestations.signing import sign_payload
from placet_attestations.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import VerifiedStatement, verify
from tests.builders import (
    NOW,
    RULES,
    TEAM,
    a_digest,
    a_key,
    a_predicate,
    a_provenance,
    a_subject,
    a_trust_policy,
    a_verified,
)

TRUST = a_trust_policy()
MODEL = a_subject("model")
IS_MODEL: Mapping[Digest, frozenset[str]] = {MODEL.digest: frozenset({"model"})}
HOUR = timedelta(hours=1)


def codes(admission: Admission) -> list[str]:
    return [entry.code for entry in admission.refused]


def refusal(admission: Admission) -> Refused:
    """The only reason of a statement that counts for nothing."""
    assert admission.roles == {}
    assert admission.claims == ()
    (entry,) = admission.refused
    return entry


def approval(by: str = "approver", trust: TrustPolicy = TRUST, **changes: Any) -> VerifiedStatement:
    return a_verified("approval", [MODEL], by=by, trust=trust, **changes)


def changed_team(name: str, **changes: Any) -> TrustPolicy:
    """The team's policy with one signer's entry changed."""
    return a_trust_policy(signers=[{**entry, **changes} if entry["id"] == name else entry for entry in TEAM])


def test_an_approval_of_a_model_counts_in_the_approvers_role() -> None:
    admission = admit(approval(), TRUST, kinds=IS_MODEL, at=NOW)
    assert admission.roles == {MODEL.digest: frozenset({"approver"})}
    assert admission.refused == ()
    assert (admission.kinds, admission.names, admission.aliases) == ({}, {}, {})


def test_only_the_roles_of_the_rule_count_not_all_of_the_signers() -> None:
    waiver = a_verified("waiver", [MODEL], by="approver")
    assert admit(waiver, TRUST, kinds=IS_MODEL, at=NOW).roles == {MODEL.digest: frozenset({"risk-officer"})}


def line(trust: TrustPolicy, short: str) -> str:
    """Where the one rule about a type stands."""
    (rule,) = [rule for rule in trust.rules if short in rule.types]
    return rule.where


def signer_line(trust: TrustPolicy, name: str) -> str:
    """Where a signer's entry stands."""
    (signer,) = [signer for signer in trust.signers if signer.id == name]
    return signer.where


def test_a_signer_without_the_role_is_refused_and_it_is_said_which_role() -> None:
    entry = refusal(admit(approval(by="evaluator"), TRUST, kinds=IS_MODEL, at=NOW))
    assert entry.code == "trust.role_missing"
    assert (entry.subject, entry.type, entry.signer) == (MODEL.digest, "approval", "evaluator")
    assert entry.text == (
        f"evaluator (roles: evaluator; {signer_line(TRUST, 'evaluator')}) may not make approval statements"
        " about a model:"
        f" that needs one of the roles approver ({line(TRUST, 'approval')})"
    )


def test_a_type_that_no_rule_mentions_says_so() -> None:
    deployment = a_verified("deployment", [MODEL], by="ci")
    entry = refusal(admit(deployment, TRUST, kinds=IS_MODEL, at=NOW))
    assert entry.code == "trust.role_missing"
    assert entry.text.endswith("that needs a rule in trust.yaml, and there is none")


def test_a_dataset_key_that_calls_a_model_a_dataset_is_judged_by_its_claim() -> None:
    # The owner may speak about datasets: the claim is admitted as a claim, and then two kinds stand for one
    # digest.
    owner = a_verified("dataset", [MODEL], by="owner")
    training = a_verified("training", [MODEL], by="ci")
    judgement = admit_all([(owner, NOW), (training, NOW)], TRUST)
    assert judgement.kinds == {MODEL.digest: frozenset({"dataset", "model"})}


def test_a_dataset_key_cannot_say_that_it_is_a_model() -> None:
    training = a_verified("training", [MODEL], by="owner")
    assert refusal(admit(training, TRUST, kinds=NO_KINDS, at=NOW)).code == "trust.role_missing"
    image = a_verified("provenance", [a_subject("x", kind="image")], by="owner")
    assert refusal(admit(image, TRUST, kinds=NO_KINDS, at=NOW)).code == "trust.role_missing"


def test_a_key_for_datasets_that_annotates_model_is_refused() -> None:
    rules = [{"roles": ["builder"], "types": ["preprocess"], "kinds": ["dataset"]}]
    trust = a_trust_policy(rules=rules)
    honest = a_verified("preprocess", [a_subject("x")], by="ci", trust=trust)
    lying = a_verified("preprocess", [a_subject("x", kind="model")], by="ci", trust=trust)
    assert admit(honest, trust, kinds=NO_KINDS, at=NOW).kinds == {a_digest("x"): frozenset({"dataset"})}
    assert refusal(admit(lying, trust, kinds=NO_KINDS, at=NOW)).code == "trust.role_missing"


def test_what_nobody_vouched_for_has_no_kind() -> None:
    entry = refusal(admit(approval(), TRUST, kinds=NO_KINDS, at=NOW))
    assert entry.code == "trust.kind_unknown"
    assert refusal(admit(approval(), TRUST, kinds={MODEL.digest: frozenset()}, at=NOW)).code == entry.code


def test_a_rule_must_cover_every_kind_that_an_artifact_has() -> None:
    both = {MODEL.digest: frozenset({"model", "code"})}
    entry = refusal(admit(approval(), TRUST, kinds=both, at=NOW))
    assert entry.code == "trust.role_missing"
    assert "about a code and model" in entry.text


def test_subjects_are_judged_one_by_one() -> None:
    other = a_subject("unknown.bin")
    measurement = a_verified("measurement", [MODEL, other], by="evaluator")
    admission = admit(measurement, TRUST, kinds=IS_MODEL, at=NOW)
    assert admission.roles == {MODEL.digest: frozenset({"evaluator"})}
    assert [(entry.code, entry.subject) for entry in admission.refused] == [
        ("trust.kind_unknown", other.digest)
    ]


@pytest.mark.parametrize(
    ("valid", "at", "words"),
    [
        ({"until": "2026-11-23T21:30:00Z"}, NOW, "not valid since 2026-11-23T21:30:00Z"),
        ({"from": "2026-11-23T21:30:01Z"}, NOW, "not valid before 2026-11-23T21:30:01Z"),
        ({"from": "2026-11-23", "until": "2026-11-24"}, NOW + 24 * HOUR, "not valid since 2026-11-24"),
    ],
)
def test_an_expired_signer_counts_for_nothing(valid: Mapping[str, str], at: datetime, words: str) -> None:
    trust = changed_team("approver", valid=valid)
    entry = refusal(admit(approval(trust=trust), trust, kinds=IS_MODEL, at=at))
    assert entry.code == "trust.signer_expired"
    assert words in entry.text


def test_what_was_proved_inside_the_window_stays_good() -> None:
    trust = changed_team("approver", valid={"from": "2026-11-23", "until": "2026-11-24"})
    assert admit(approval(trust=trust), trust, kinds=IS_MODEL, at=NOW).roles


@pytest.mark.parametrize(
    ("since", "counts"),
    [
        ("2026-11-23T21:30:01Z", True),
        ("2026-11-23T21:30:00Z", False),
        ("2026-01-01", False),
        ("always", False),
    ],
)
def test_a_revoked_signer_counts_for_what_was_proved_before(since: str, counts: bool) -> None:
    trust = a_trust_policy(revoked=[{"signer": "approver", "from": since, "reason": "laptop lost"}])
    admission = admit(approval(), trust, kinds=IS_MODEL, at=NOW)
    assert bool(admission.roles) is counts
    if not counts:
        assert refusal(admission).code == "trust.signer_revoked"
        assert refusal(admission).text.endswith(f": laptop lost ({trust.revoked[0].where})")


def test_a_revocation_without_a_reason_says_since_when() -> None:
    trust = a_trust_policy(revoked=[{"signer": "approver", "from": "2026-01-01"}])
    entry = refusal(admit(approval(), trust, kinds=IS_MODEL, at=NOW))
    assert entry.text == f"approver is revoked from 2026-01-01T00:00:00Z ({trust.revoked[0].where})"


def test_a_statement_verified_under_another_trust_policy_is_judged_by_this_one() -> None:
    without = a_trust_policy(signers=[entry for entry in TEAM if entry["id"] != "approver"])
    assert refusal(admit(approval(), without, kinds=IS_MODEL, at=NOW)).code == "trust.signer_unknown"
    demoted = changed_team("approver", roles=["evaluator"])
    assert refusal(admit(approval(), demoted, kinds=IS_MODEL, at=NOW)).code == "trust.role_missing"


@pytest.mark.parametrize("short", ["training", "preprocess", "ingest", "package", "provenance"])
def test_only_a_listed_builder_may_be_claimed(short: str) -> None:
    body = a_provenance(short)
    body["runDetails"] = {"builder": {"id": "https://github.com/actions/runner"}}
    subject = a_subject("x", kind="model")
    verified = a_verified(short, [subject], by="ci", **body)
    entry = refusal(admit(verified, TRUST, kinds=NO_KINDS, at=NOW))
    assert entry.code == "trust.builder_not_allowed"
    where = next(signer.where for signer in TRUST.signers if signer.id == "ci")
    said = f"ci may not claim the builder https://github.com/actions/runner: {where} would have to list it"
    assert entry.text == said
    trust = changed_team("ci", builders=["https://github.com/actions/runner"])
    assert admit(verified, trust, kinds=NO_KINDS, at=NOW).roles


def test_a_signer_without_builders_makes_no_provenance() -> None:
    trust = changed_team("ci", builders=[])
    verified = a_verified("training", [MODEL], by="ci")
    assert refusal(admit(verified, trust, kinds=NO_KINDS, at=NOW)).code == "trust.builder_not_allowed"


def test_names_and_aliases_are_claims_of_their_own() -> None:
    subject = a_subject("x", kind="model", name="churn-model", aliases=["churn-model@1", "risk@1"])
    verified = a_verified("training", [subject], by="ci")
    rule = {"roles": ["trainer"], "types": ["training"], "kinds": ["model"]}

    def judged(**permissions: Any) -> Admission:
        return admit(verified, a_trust_policy(rules=[{**rule, **permissions}]), kinds=NO_KINDS, at=NOW)

    digest = subject.digest
    everything = judged(may_name=["churn-*", "risk"], may_alias=True)
    assert everything.names == {digest: "churn-model"}
    assert everything.aliases == {digest: ("churn-model@1", "risk@1")}
    assert everything.refused == ()
    named = judged(may_name=["churn-*"], may_alias=True)
    assert named.aliases == {digest: ("churn-model@1",)}
    (said,) = [entry.text for entry in named.refused]
    assert re.fullmatch(r"ci may not give the alias risk@1: trust\.yaml:\d+ would have to allow it", said)
    unnamed = judged(may_alias=True)
    assert codes(unnamed) == ["trust.name_not_allowed"] * 3
    assert unnamed.roles == {digest: frozenset({"trainer"})}
    assert unnamed.claims == (Claim(digest, "model"),)
    assert (unnamed.names, unnamed.aliases) == ({}, {})
    assert codes(judged(may_name=["churn-model"])) == ["trust.name_not_allowed"] * 2


def test_two_subjects_with_one_digest_share_what_is_said() -> None:
    digest = a_digest("x")
    subjects = [
        type(MODEL)("a", digest, {"placet.dev/name": "first", "placet.dev/aliases": ["one"]}),
        type(MODEL)("b", digest, {"placet.dev/name": "second", "placet.dev/aliases": ["two"]}),
    ]
    admission = admit(a_verified("training", subjects, by="ci"), TRUST, kinds=NO_KINDS, at=NOW)
    assert admission.names == {digest: "first"}
    assert admission.aliases == {digest: ("one", "two")}
    assert admission.kinds == {digest: frozenset({"model"})}


def two_needed(*, rule: int = 3, signers: Sequence[Mapping[str, Any]] = ()) -> TrustPolicy:
    """The team with more signers, and a threshold of two on one rule."""
    rules = [{**entry, "threshold": 2} if index == rule else entry for index, entry in enumerate(RULES)]
    return a_trust_policy(signers=[*TEAM, *signers], rules=rules)


SECOND = {"id": "second", "principal": "second@example.org", "roles": ["approver", "data-owner"]}
SAME = {"id": "approver-laptop", "principal": "approver@example.org", "roles": ["approver"]}


def after_threshold(trust: TrustPolicy, *statements: VerifiedStatement) -> list[list[str]]:
    admissions = [admit(verified, trust, kinds=IS_MODEL, at=NOW) for verified in statements]
    return [codes(admission) for admission in apply_thresholds(admissions, trust)]


def test_a_threshold_counts_principals() -> None:
    trust = two_needed(signers=[SECOND])
    assert after_threshold(trust, approval(trust=trust), approval("second", trust)) == [[], []]
    assert after_threshold(trust, approval(trust=trust)) == [["trust.threshold"]]


def test_two_keys_of_one_principal_count_once() -> None:
    trust = two_needed(signers=[SAME])
    admissions = [
        admit(approval(name, trust), trust, kinds=IS_MODEL, at=NOW)
        for name in ("approver", "approver-laptop")
    ]
    for admission in apply_thresholds(admissions, trust):
        assert refusal(admission).text == f"1 of 2 needed principals say so ({line(trust, 'approval')})"


def test_two_statements_of_one_signer_count_once() -> None:
    trust = two_needed(signers=[SECOND])
    again = approval(trust=trust, reason="again")
    assert after_threshold(trust, approval(trust=trust), again) == [["trust.threshold"]] * 2


@pytest.mark.parametrize(
    "changes",
    [{"decision": "reject"}, {"scope": {"gate": "promote/staging"}}, {"kind": "design-review"}],
)
def test_a_threshold_counts_those_who_say_the_same(changes: dict[str, Any]) -> None:
    trust = two_needed(signers=[SECOND])
    statements = approval(trust=trust), approval("second", trust, **changes)
    assert after_threshold(trust, *statements) == [["trust.threshold"]] * 2


def test_a_threshold_is_not_met_by_another_measurement_or_another_build() -> None:
    trust = two_needed(rule=2, signers=[{**SECOND, "roles": ["evaluator"]}])
    ours = a_verified("measurement", [MODEL], by="evaluator", trust=trust)
    drift = a_verified("measurement", [MODEL], by="second", trust=trust, kind="drift")
    assert after_threshold(trust, ours, drift) == [["trust.threshold"]] * 2
    same = a_verified("measurement", [MODEL], by="second", trust=trust)
    assert after_threshold(trust, ours, same) == [[], []]


def test_a_threshold_of_builders_is_met_by_the_same_build() -> None:
    index = next(place for place, entry in enumerate(RULES) if "training" in entry["types"])
    ci = next(entry for entry in TEAM if entry["id"] == "ci")
    second = {**SECOND, "roles": ci["roles"], "builders": ci.get("builders", [])}
    trust = two_needed(rule=index, signers=[second])
    ours = a_verified("training", [MODEL], by="ci", trust=trust)
    same = a_verified("training", [MODEL], by="second", trust=trust)
    assert after_threshold(trust, ours, same) == [[], []]
    assert after_threshold(trust, ours) == [["trust.threshold"]]


def test_a_refused_statement_does_not_count_towards_a_threshold() -> None:
    expired = {**SECOND, "valid": {"until": "2026-01-01"}}
    trust = two_needed(signers=[expired])
    statements = approval(trust=trust), approval("second", trust)
    assert after_threshold(trust, *statements) == [["trust.threshold"], ["trust.signer_expired"]]


def test_a_threshold_is_of_a_rule_and_another_rule_may_grant() -> None:
    rules = [{**RULES[3], "threshold": 2}, {**RULES[3], "roles": ["risk-officer"]}]
    trust = a_trust_policy(rules=rules)
    (admission,) = apply_thresholds([admit(approval(trust=trust), trust, kinds=IS_MODEL, at=NOW)], trust)
    assert admission.roles == {MODEL.digest: frozenset({"risk-officer"})}
    assert admission.refused == ()


def test_a_name_falls_with_the_rule_that_allowed_it() -> None:
    rules = [{**RULES[0], "threshold": 2}, {**RULES[0], "may_name": [], "may_alias": False}]
    trust = a_trust_policy(rules=rules)
    verified = a_verified("dataset", [MODEL], by="owner", trust=trust)
    before = admit(verified, trust, kinds=NO_KINDS, at=NOW)
    assert before.names == {MODEL.digest: "churn-train"}
    (after,) = apply_thresholds([before], trust)
    assert (after.names, after.aliases) == ({}, {})
    assert after.kinds == {MODEL.digest: frozenset({"dataset"})}
    assert codes(after) == ["trust.name_not_allowed"] * 2


def test_a_kind_that_too_few_vouch_for_is_no_kind() -> None:
    trust = two_needed(rule=0, signers=[SECOND])
    dataset = a_verified("dataset", [MODEL], by="owner", trust=trust)
    again = a_verified("dataset", [MODEL], by="second", trust=trust)
    alone = admit_all([(dataset, NOW), (approval(trust=trust), NOW)], trust)
    assert alone.kinds == {}
    assert [codes(admission) for admission in alone.admissions] == [
        ["trust.threshold"],
        ["trust.kind_unknown"],
    ]
    together = admit_all([(dataset, NOW), (approval(trust=trust), NOW), (again, NOW)], trust)
    assert together.kinds == {MODEL.digest: frozenset({"dataset"})}
    assert [codes(admission) for admission in together.admissions] == [[], [], []]


@pytest.mark.parametrize("trust", [TRUST, two_needed(rule=0)])
def test_who_claims_one_kind_is_judged_by_all_kinds_about_the_rest(trust: TrustPolicy) -> None:
    """Judged all together, a statement gets what it gets alone by the kinds that came out."""
    plain, image = a_subject("data"), a_subject("image", kind="image")
    items = [
        (a_verified("provenance", [image, plain], by="ci", trust=trust), NOW),
        (a_verified("dataset", [plain], by="owner", trust=trust), NOW),
        (a_verified("training", [MODEL], by="ci", trust=trust), NOW),
        (approval(trust=trust), NOW),
    ]
    judgement = admit_all(items, trust)
    alone = [admit(verified, trust, kinds=judgement.kinds, at=at) for verified, at in items]
    assert judgement.admissions == apply_thresholds(alone, trust)
    assert (plain.digest in judgement.kinds) == (trust is TRUST)


def test_everything_is_judged_in_its_order_with_its_time() -> None:
    trust = changed_team("approver", valid={"until": "2026-11-23T21:30:00Z"})
    items = [
        (approval(trust=trust), NOW - HOUR),
        (a_verified("training", [MODEL], by="ci"), NOW),
        (approval(trust=trust), NOW),
        (a_verified("https://example.org/other/v1", [MODEL], by="ci"), NOW),
    ]
    judgement = admit_all(iter(items), trust)
    assert [admission.statement for admission in judgement.admissions] == [verified for verified, _ in items]
    assert [codes(admission) for admission in judgement.admissions] == [
        [],
        [],
        ["trust.signer_expired"],
        ["trust.role_missing"],
    ]
    assert judgement.kinds == {MODEL.digest: frozenset({"model"})}


def test_nothing_is_admitted_from_nothing() -> None:
    judgement = admit_all([], TRUST)
    assert (judgement.admissions, judgement.kinds) == ((), {})


def test_an_unknown_predicate_satisfies_nothing_unless_a_rule_names_its_uri() -> None:
    scan = a_verified("https://example.org/scan/v1", [MODEL], by="ci")
    assert refusal(admit(scan, TRUST, kinds=IS_MODEL, at=NOW)).code == "trust.role_missing"
    rule = {"roles": ["builder"], "types": ["https://example.org/scan/v1"], "kinds": ["model"]}
    assert admit(scan, a_trust_policy(rules=[rule]), kinds=IS_MODEL, at=NOW).roles


def test_many_subjects_are_judged_in_a_moment() -> None:
    subjects = [a_subject(str(number)) for number in range(3_000)]
    judgement = admit_all([(a_verified("training", subjects, by="ci"), NOW)], TRUST)
    assert len(judgement.kinds) == 3_000


def test_the_builders_fit() -> None:
    assert LOCAL_BUILDER in a_trust_policy().signers[1].builders
    assert a_predicate("approval")["scope"] == {"gate": "promote/production"}


@pytest.mark.parametrize(
    ("short", "by"), [("dataset", "owner"), ("training", "ci"), ("approval", "approver")]
)
@pytest.mark.parametrize("threshold", [1, 2])
def test_a_statement_about_nothing_that_is_known_here_counts_for_nothing(
    short: str, by: str, threshold: int
) -> None:
    predicate = a_provenance(short) if short == "training" else a_predicate(short)
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "x", "digest": {"sha512": "ab" * 64}}],
        "predicateType": PREDICATE_TYPES[short],
        "predicate": predicate,
    }
    key = a_key(by)
    payload = json.dumps(statement).encode()
    trust = a_trust_policy(rules=[{**rule, "threshold": threshold} for rule in RULES])
    verified = verify(make_bundle(sign_payload(PAYLOAD_TYPE, payload, key), key.public_key), trust)
    assert (verified.statement.subjects, verified.claims) == ((), ())
    judgement = admit_all([(verified, NOW)], trust)
    (admission,) = judgement.admissions
    assert (admission.roles, admission.claims, admission.grants, judgement.kinds) == ({}, (), {}, {})
