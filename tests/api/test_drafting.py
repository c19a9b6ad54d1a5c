from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from placet_api.artifacts import Resolved
from placet_api.drafting import (
    BY_COMMAND,
    Approval,
    approval,
    claim_annotations,
    describe,
    from_file,
    measurement,
    type_uri,
)
from placet_api.errors import UsageError
from placet_attestations.measure import MetricResult
from placet_attestations.predicate_types import SHORT_TYPES
from placet_attestations.predicates import short_type, validate
from tests.builders import NOW, a_digest

MODEL = Resolved(a_digest("model"), "model.bin", Path("dir/model.bin"))
NAMED = Resolved(a_digest("model"), "churn-model")


def test_a_short_type_is_its_uri_and_a_uri_is_itself() -> None:
    assert type_uri("dataset") == "https://placet.dev/attestation/dataset/v1"
    assert type_uri("training") == type_uri("package") == "https://slsa.dev/provenance/v1"
    assert type_uri("https://example.org/x/v1") == "https://example.org/x/v1"
    with pytest.raises(UsageError) as caught:
        type_uri("datset")
    assert caught.value.code == "attest.type"
    assert caught.value.hint is not None
    assert "dataset" in caught.value.hint


def test_types_with_a_command_of_their_own_are_short_types() -> None:
    assert set(BY_COMMAND) <= set(SHORT_TYPES)


def test_a_predicate_from_a_file_is_about_the_artifact_as_it_was_called(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("since: 2026-01-01\n")
    for subject, name in ((MODEL, "dir/model.bin"), (NAMED, "churn-model")):
        statement = from_file("https://example.org/x/v1", subject, file)
        assert [(item.name, item.digest) for item in statement.subjects] == [(name, a_digest("model"))]
        assert statement.predicate == {"since": "2026-01-01"}


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("approval", "kind: waiver", "waiver"),
        ("waiver", "kind: change", "approval"),
        ("training", "buildDefinition: {buildType: https://placet.dev/buildtypes/ingest/v1}", "ingest"),
    ],
)
def test_a_file_that_says_something_else_is_not_signed_as_what_it_is_not(
    tmp_path: Path, kind: str, text: str, said: str
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        from_file(kind, MODEL, file)
    assert caught.value.code == "attest.type"
    assert f"makes a {said} statement, not {kind}" in caught.value.message
    assert short_type(from_file(said, MODEL, file)) == said
    if said == "ingest":
        assert short_type(from_file("provenance", MODEL, file)) == said


@pytest.mark.parametrize("environment", ["production", None])
@pytest.mark.parametrize("reason", ["all tests passed", None])
def test_an_approval_serves_one_gate_for_some_days(environment: str | None, reason: str | None) -> None:
    said = Approval("promote/production", environment, "CHG-1", days=0.5, reason=reason)
    statement = approval(said, MODEL, NOW)
    validate(statement)
    assert short_type(statement) == "approval"
    predicate: Any = statement.predicate
    scope = {"gate": "promote/production"}
    assert predicate["scope"] == (scope if environment is None else scope | {"environment": environment})
    assert predicate["ticket"] == {"system": "tickets", "id": "CHG-1"}
    assert predicate.get("reason") == reason
    until = dt.datetime.fromisoformat(str(predicate["validUntil"]))
    assert until - dt.datetime.fromisoformat(str(predicate["validFrom"])) == dt.timedelta(hours=12)


@pytest.mark.parametrize("days", [0, -1, 367, 10**12, float("nan"), float("inf")])
def test_an_approval_for_ever_or_for_no_time_is_refused(days: float) -> None:
    with pytest.raises(UsageError) as caught:
        approval(Approval("promote/production", None, "CHG-1", days=days), MODEL, NOW)
    assert caught.value.code == "approve.days"


def test_a_measurement_says_what_was_measured_from_what() -> None:
    statement = measurement(
        "evaluation",
        [("model.bin", a_digest("model"))],
        [("model", "model.bin", a_digest("model")), ("test", "test.csv", a_digest("test"))],
        [MetricResult("accuracy", "accuracy", 0.5, 10), MetricResult("rows", "rows", 10, 10)],
        suite="mine",
        started=NOW,
        finished=NOW,
    )
    validate(statement)
    assert [subject.name for subject in statement.subjects] == ["model.bin"]
    assert statement.predicate["results"] == [
        {"id": "accuracy", "metric": "accuracy", "value": 0.5, "sampleSize": 10},
        {"id": "rows", "metric": "rows", "value": 10, "sampleSize": 10},
    ]


def test_a_claim_says_only_what_is_known() -> None:
    assert claim_annotations("model", None, ()) == {"placet.dev/kind": "model"}
    assert claim_annotations("model", "churn", ("churn@1",)) == {
        "placet.dev/kind": "model",
        "placet.dev/name": "churn",
        "placet.dev/aliases": ["churn@1"],
    }


def test_the_fields_of_a_schema_are_described() -> None:
    scope = {
        "type": "object",
        "properties": {"gate": {"type": "string", "enum": ["x", "y"]}},
        "required": ["gate"],
    }
    schema = {
        "properties": {
            "b": {"description": "bee"},
            "a": {},
            "scope": scope,
            "many": {"type": "array", "items": scope},
        },
        "required": ["b"],
    }
    assert describe(schema) == [
        ("b", "required", "bee"),
        ("a", "optional", ""),
        ("scope", "optional", ""),
        ("scope.gate", "required", "(x, y)"),
        ("many[]", "optional", ""),
        ("many[].gate", "required", "(x, y)"),
    ]
    assert describe({}) == []
