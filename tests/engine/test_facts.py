from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.predicate_types import BUILD_TYPES, LOCAL_BUILDER
from placet_attestations.requests import Actor
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import VerifiedStatement
from placet_engine.errors import LimitError
from placet_engine.facts import Question, Use, body, build, encode, environment_of
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Finding
from tests.builders import NOW, TEAM, a_digest, a_provenance, a_subject, a_trust_policy, a_verified
from tests.engine.houses import (
    ARRIVAL,
    GATE,
    MODEL,
    TRAINED_FROM,
    Shelf,
    approval,
    dataset,
    evaluation,
    made,
    model_subject,
    owned,
    splits,
)

TRAINING = made("training", model_subject(name="churn-model", aliases=["churn-model@1"]), TRAINED_FROM)
TRUST = a_trust_policy()
DEV = Actor("dev", "dev@example.org", ("gate", "developer"))


def question(**changes: Any) -> Question:
    given: dict[str, Any] = {
        "gate": GATE,
        "subject": MODEL,
        "now": NOW,
        "actor": DEV,
        "context": {"ticket": "CHG-1"},
        "dry_run": False,
    }
    return Question(**{**given, **changes})


def facts_of(
    *statements: VerifiedStatement,
    shelf: Shelf | None = None,
    trust: TrustPolicy = TRUST,
    uses: dict[Digest, Use] | None = None,
    **asked: Any,
) -> dict[str, Any]:
    lineage = trace(MODEL, (shelf or Shelf()).put(*statements), trust)
    built = build(question(**asked), lineage, as_of=7, uses=uses or {})
    loaded: dict[str, Any] = json.loads(encode(built, max_bytes=1_000_000))
    return loaded


def test_the_question_stands_at_the_top() -> None:
    facts = facts_of()
    assert (facts["version"], facts["gate"], facts["now"]) == (1, GATE, "2026-11-23T21:30:00Z")
    assert facts["subject"] == MODEL
    assert facts["request"] == {
        "actor": {"id": "dev", "principal": "dev@example.org", "roles": ["developer", "gate"]},
        "environment": "production",
        "context": {"ticket": "CHG-1"},
        "dry_run": False,
    }


def test_without_an_actor_and_an_environment_there_is_none() -> None:
    facts = facts_of(actor=None, gate="register", dry_run=True, context={})
    assert facts["request"] == {"context": {}, "dry_run": True}


@pytest.mark.parametrize(
    ("gate", "environment"),
    [
        ("promote/production", "production"),
        ("deploy/eu-prod", "eu-prod"),
        ("running/a/b", "a/b"),
        ("register", None),
        ("recheck", None),
        ("recheck/production", None),
        ("promote/", None),
        ("promote", None),
        ("", None),
    ],
)
def test_the_environment_is_in_the_name_of_the_gate(gate: str, environment: str | None) -> None:
    assert environment_of(gate) == environment


def test_artifacts_say_what_admitted_statements_claim() -> None:
    facts = facts_of(TRAINING, owned("train.csv"))
    assert facts["artifacts"][MODEL] == {
        "kinds": ["model"],
        "kind": "model",
        "name": "churn-model",
        "aliases": ["churn-model@1"],
        "statements": [TRAINING.digest],
        "parents": sorted(a_digest(name) for name in TRAINED_FROM),
        "roles": [],
        "distance": 0,
    }
    assert facts["artifacts"][a_digest("train.py")] == {
        "kinds": [],
        "aliases": [],
        "statements": [],
        "parents": [],
        "roles": ["code"],
        "distance": 1,
    }


def test_two_kinds_are_no_kind() -> None:
    artifact = facts_of(TRAINING, owned("model"))["artifacts"][MODEL]
    assert artifact["kinds"] == ["dataset", "model"]
    assert "kind" not in artifact
    assert "name" not in artifact


def test_revocations_say_since_when_and_why() -> None:
    trust = a_trust_policy(
        revoked=[
            {"artifact": MODEL, "from": "always", "reason": "retracted"},
            {"artifact": a_digest("train.py"), "from": "2026-10-01T00:00:00Z"},
        ]
    )
    artifacts = facts_of(TRAINING, trust=trust)["artifacts"]
    assert artifacts[MODEL]["revoked"] == {"since": "always", "reason": "retracted"}
    assert artifacts[a_digest("train.py")]["revoked"] == {"since": "2026-10-01T00:00:00Z", "reason": ""}


def test_statements_say_who_signed_them_since_when_and_what_rules_read() -> None:
    approved = a_verified("approval", [a_subject("model")], by="approver", **approval())
    facts = facts_of(TRAINING, approved)
    assert facts["statements"][approved.digest] == {
        "type": "https://placet.dev/attestation/approval/v1",
        "short_type": "approval",
        "subjects": [MODEL],
        "signers": [{"id": "approver", "principal": "approver@example.org", "roles": ["approver"]}],
        "since": "2026-11-23T20:30:00Z",
        "body": approval(),
    }
    assert facts["by_type"]["approval"] == {MODEL: [approved.digest]}
    assert facts["by_type"]["training"] == {MODEL: [TRAINING.digest]}


def test_statements_of_one_type_are_sorted() -> None:
    several = [
        a_verified("measurement", [a_subject("model")], by="evaluator", **evaluation(score))
        for score in (0.1, 0.2, 0.3)
    ]
    listed = facts_of(TRAINING, *several)["by_type"]["measurement"][MODEL]
    assert listed == sorted(item.digest for item in several)


def test_a_role_counts_only_when_it_holds_for_every_subject() -> None:
    # "both" may measure models and datasets, but under two roles.
    rules = [
        {"roles": ["builder"], "types": ["training"], "kinds": ["model"]},
        {"roles": ["data-owner"], "types": ["dataset"], "kinds": ["dataset"]},
        {"roles": ["evaluator", "measurer"], "types": ["measurement"], "kinds": ["model"]},
        {"roles": ["counter", "measurer"], "types": ["measurement"], "kinds": ["dataset"]},
    ]

    def signers(roles: list[str]) -> list[dict[str, Any]]:
        team = [dict(signer) for signer in TEAM]
        team[2]["roles"] = roles
        trust = a_trust_policy(signers=team, rules=rules)
        about = [a_subject("model"), a_subject("train.csv")]
        measured = a_verified("measurement", about, by="evaluator", trust=trust, **evaluation())
        facts = facts_of(TRAINING, owned("train.csv"), measured, trust=trust)
        statement = facts["statements"][measured.digest]
        assert statement["subjects"] == sorted([MODEL, a_digest("train.csv")])
        assert set(facts["by_type"]["measurement"]) == {MODEL, a_digest("train.csv")}
        found: list[dict[str, Any]] = statement["signers"]
        return found

    assert signers(["evaluator", "counter", "measurer"])[0]["roles"] == ["measurer"]
    assert signers(["evaluator", "counter"])[0]["roles"] == []


def test_the_graph_and_the_history_are_told() -> None:
    predicate = a_provenance("training", {"model": "base-model"})
    predicate["buildDefinition"]["resolvedDependencies"].append({"name": "data.csv"})
    shelf = Shelf()
    shelf.incomplete.add(MODEL)
    facts = facts_of(
        a_verified("training", [a_subject("model")], by="ci", **predicate),
        shelf=shelf,
        uses={
            a_digest("approval"): Use(GATE, "production", MODEL),
            a_digest("other"): Use("register", None, a_digest("image")),
        },
    )
    assert facts["lineage"] == {
        "cycle": [MODEL],
        "truncated": True,
        "unpinned": [{"artifact": MODEL, "name": "data.csv"}],
    }
    assert facts["history"] == {
        "as_of": 7,
        "uses": {
            a_digest("approval"): {"gate": GATE, "environment": "production", "subject": MODEL},
            a_digest("other"): {"gate": "register", "subject": a_digest("image")},
        },
        "deployed": {},
        "budget": {},
        "incidents": [],
    }


def test_findings_have_what_is_known_of_them() -> None:
    shelf = Shelf()
    shelf.findings[MODEL] += [
        Finding("bundle.shape", "not a bundle", a_digest("bundle"), MODEL),
        Finding("evidence.unrecorded", "no arrival", a_digest("bundle"), MODEL, "training", "ci"),
    ]
    assert facts_of(shelf=shelf)["findings"] == [
        {"code": "bundle.shape", "text": "not a bundle", "statement": a_digest("bundle"), "artifact": MODEL},
        {
            "code": "evidence.unrecorded",
            "text": "no arrival",
            "statement": a_digest("bundle"),
            "artifact": MODEL,
            "type": "training",
            "signer": "ci",
        },
    ]


@pytest.mark.parametrize(
    ("short", "stage"),
    [
        ("training", "train"),
        ("preprocess", "preprocess"),
        ("ingest", "ingest"),
        ("package", "package"),
        ("provenance", "other"),
    ],
)
def test_provenance_is_told_by_its_stage(short: str, stage: str) -> None:
    told = body(made(short, "model", {"train.csv": "dataset"}))
    assert told["stage"] == stage
    assert told["build_type"] == BUILD_TYPES.get(short, "https://example.org/build/v1")
    assert told["builder"] == LOCAL_BUILDER


def test_provenance_is_told_whole() -> None:
    predicate = a_provenance("training", TRAINED_FROM)
    predicate["buildDefinition"]["externalParameters"]["determinism"] = {"PYTHONHASHSEED": "0"}
    predicate["buildDefinition"]["resolvedDependencies"].append({"uri": "pkg:pypi/numpy"})
    predicate["runDetails"]["byproducts"] = [{"name": "train.log"}, {"uri": "https://example.org/run"}]
    assert body(a_verified("training", [a_subject("model")], by="ci", **predicate)) == {
        "stage": "train",
        "build_type": BUILD_TYPES["training"],
        "builder": LOCAL_BUILDER,
        "entry_point": "python train.py",
        "started": "2026-11-23T20:00:00Z",
        "finished": "2026-11-23T20:10:00Z",
        "parameters": {"C": 1.0},
        "seeds": {"numpy": 7},
        "determinism": {"PYTHONHASHSEED": "0"},
        "dependencies": {a_digest(name): {"name": name, "role": role} for name, role in TRAINED_FROM.items()},
        "unpinned": ["pkg:pypi/numpy"],
        "byproducts": ["train.log"],
    }


def test_what_provenance_does_not_say_is_absent_or_empty() -> None:
    bare: dict[str, Any] = {
        "buildDefinition": {"buildType": BUILD_TYPES["training"], "externalParameters": {}},
        "runDetails": {"builder": {"id": LOCAL_BUILDER}},
    }
    told = body(a_verified("training", [a_subject("model")], by="ci", **bare))
    assert {"entry_point", "started", "finished"}.isdisjoint(told)
    assert (told["parameters"], told["seeds"], told["dependencies"], told["unpinned"]) == ({}, {}, {}, [])


@pytest.mark.parametrize("order", [("dataset", "other"), ("other", "dataset")])
def test_what_was_used_in_two_roles_is_told_in_the_one_that_is_judged_hardest(order: tuple[str, str]) -> None:
    predicate = a_provenance("training")
    predicate["buildDefinition"]["resolvedDependencies"] = [
        {
            "name": f"as {role}",
            "digest": {"sha256": a_digest("x").hex},
            "annotations": {"placet.dev/role": role},
        }
        for role in order
    ]
    told = body(a_verified("training", [a_subject("model")], by="ci", **predicate))
    assert told["dependencies"] == {a_digest("x"): {"name": "as dataset", "role": "dataset"}}


def test_a_dataset_and_an_approval_are_told_as_written() -> None:
    assert body(owned("train.csv", kind="derived", derived_from=["raw.csv"])) == dataset(
        "train.csv", "derived", ["raw.csv"]
    )
    assert body(a_verified("approval", [a_subject("model")], by="approver", **approval())) == approval()


def test_a_measurement_is_told_by_role_and_by_id() -> None:
    told = body(a_verified("measurement", [a_subject("train.csv")], by="evaluator", **splits()))
    assert told == {
        "kind": "splits",
        "suite": {"name": "splits", "version": "1"},
        "inputs": {"train": a_digest("train.csv"), "test": a_digest("test.csv")},
        "results": {
            "rows.train": {"metric": "rows", "value": 455},
            "overlap.rows": {"metric": "overlap", "value": 0},
        },
        "finished": "2026-11-23T20:20:00Z",
    }
    results = [{"id": "women", "metric": "accuracy", "value": 0.95, "sampleSize": 114, "slice": "sex=f"}]
    timed = evaluation(startedOn="2026-11-23T20:15:00Z", validUntil="2027-01-01T00:00:00Z", results=results)
    told = body(a_verified("measurement", [a_subject("model")], by="evaluator", **timed))
    assert (told["started"], told["valid_until"]) == ("2026-11-23T20:15:00Z", "2027-01-01T00:00:00Z")
    women = {"metric": "accuracy", "value": 0.95, "sample_size": 114, "slice": "sex=f"}
    assert told["results"] == {"women": women}


def test_no_input_hides_another_of_its_role() -> None:
    roles = ["test", "test#2", "test", "test", "test#2"]
    inputs = [{"role": role, "digest": a_digest(str(number))} for number, role in enumerate(roles)]
    told = body(a_verified("measurement", [a_subject("model")], by="evaluator", **evaluation(inputs=inputs)))
    shown = told["inputs"]
    assert isinstance(shown, dict)
    assert set(shown.values()) == {a_digest(str(number)) for number in range(len(roles))}
    assert list(shown) == ["test", "test#2", "test#3", "test#4", "test#2#2"]


def test_the_bytes_are_the_same_for_the_same_facts_and_bounded() -> None:
    lineage = trace(MODEL, Shelf().put(TRAINING), TRUST)
    built = build(question(), lineage, as_of=0, uses={})
    data = encode(built, max_bytes=1_000_000)
    assert data == encode(json.loads(data), max_bytes=len(data))
    with pytest.raises(LimitError) as caught:
        encode(built, max_bytes=len(data) - 1)
    assert (caught.value.code, bool(caught.value.hint)) == ("facts.too_large", True)


def test_an_ancestor_costs_at_most_a_kilobyte_and_a_half() -> None:
    def size(depth: int) -> int:
        shelf = Shelf().put(made("training", "model", {"0": "dataset"}))
        for number in range(depth):
            made_from = {str(number + 1): "dataset", f"step{number}.py": "code"}
            shelf.put(made("preprocess", str(number), made_from))
            shelf.put(owned(str(number), kind="derived", derived_from=[str(number + 1)]))
        lineage = trace(MODEL, shelf, TRUST)
        assert not lineage.truncated
        return len(encode(build(question(), lineage, as_of=0, uses={}), max_bytes=2_000_000))

    # Each step adds two ancestors: a dataset with two statements, and the code that made it.
    assert (size(20) - size(10)) / 10 / 2 <= 1536


def test_times_are_utc() -> None:
    shelf = Shelf().put(TRAINING, since=ARRIVAL + timedelta(microseconds=1))
    facts = facts_of(shelf=shelf)
    assert facts["statements"][TRAINING.digest]["since"] == "2026-11-23T20:30:00.000001Z"
