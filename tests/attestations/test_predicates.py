from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

from placet_attestations import predicates
from placet_attestations.errors import MalformedError
from placet_attestations.predicate_schemas import json_path, load_schema
from placet_attestations.predicates import Claim, Dependency, claims, dependencies, short_type, validate
from placet_attestations.statement import Statement, Subject
from tests.builders import a_digest, a_predicate, a_provenance, a_statement, a_subject

OWN = ("dataset", "measurement", "approval", "deployment")
SCHEMAS = (
    "dataset",
    "measurement",
    "approval",
    "deployment-spec",
    "provenance",
    "verification-summary",
    "trust",
)


def problem(short: str, predicate: dict[str, Any]) -> str:
    """What `validate` says about this body."""
    with pytest.raises(MalformedError) as caught:
        validate(a_statement(short, predicate=predicate))
    assert caught.value.code == "predicate.schema"
    assert caught.value.hint
    return caught.value.message.partition("schema: ")[2]


def changed(short: str, *path: Any, to: Any) -> dict[str, Any]:
    """A good predicate with one value replaced, or removed when `to` is `...`."""
    body = copy.deepcopy(a_predicate(short))
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return body


@pytest.mark.parametrize("short", sorted(predicates.SHORT_TYPES))
def test_good_predicates_pass_and_have_their_short_type(short: str) -> None:
    statement = a_statement(short)
    validate(statement)
    assert short_type(statement) == short
    assert predicates.is_known(statement.predicate_type)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(load_schema(name))


@pytest.mark.parametrize("short", OWN)
def test_our_own_predicates_take_no_unknown_field(short: str) -> None:
    assert problem(short, {**a_predicate(short), "extra": 1}) == '$ has an unknown field "extra"'


@pytest.mark.parametrize(
    ("short", "required"),
    [
        ("dataset", "name version kind origin rights governance"),
        ("measurement", "kind suite inputs finishedOn results"),
        ("approval", "kind decision ticket role scope validUntil"),
        ("deployment", "environment artifacts"),
        ("provenance", "buildDefinition runDetails"),
    ],
)
def test_required_fields_are_required(short: str, required: str) -> None:
    for field in required.split():
        assert problem(short, changed(short, field, to=...)) == f'$ misses "{field}"'


@pytest.mark.parametrize(
    ("short", "path", "to", "words"),
    [
        ("dataset", ("origin", "source"), ..., '$.origin misses "source"'),
        ("dataset", ("rights", "license"), ..., '$.rights misses "license"'),
        ("dataset", ("governance", "owner"), ..., '$.governance misses "owner"'),
        ("dataset", ("version",), "", "$.version must not be empty"),
        ("dataset", ("version",), 1, "$.version must be of type string"),
        ("dataset", ("kind",), "new", "$.kind must be one of raw, derived, feature, synthetic"),
        ("dataset", ("rows",), -1, "$.rows must be at least 0"),
        (
            "dataset",
            ("origin", "derivedFrom"),
            [{"digest": "sha256:12"}],
            "$.origin.derivedFrom[0].digest must be sha256: and 64 lower-case hex digits",
        ),
        (
            "dataset",
            ("retentionUntil",),
            "2026-11-23",
            "$.retentionUntil must be an RFC 3339 time with a zone, such as 2026-11-23T21:30:00Z",
        ),
        (
            "dataset",
            ("origin", "period"),
            {"from": "2026-02-30"},
            "$.origin.period.from must be a date, such as 2026-11-23",
        ),
        ("measurement", ("results",), [], "$.results must not be empty"),
        ("measurement", ("results", 0, "value"), "0.9", "$.results[0].value must be of type number"),
        ("measurement", ("results", 0, "ci"), [1], "$.results[0].ci must have at least 2 entries"),
        ("measurement", ("results", 0, "ci"), [1, 2, 3], "$.results[0].ci must have at most 2 entries"),
        (
            "measurement",
            ("kind",),
            "Data Quality",
            "$.kind must be lower-case letters, digits and hyphens, such as data-quality",
        ),
        ("approval", ("ticket", "id"), ..., '$.ticket misses "id"'),
        ("approval", ("decision",), "maybe", "$.decision must be one of approve, reject"),
        ("waiver", ("reason",), ..., '$ misses "reason"'),
        ("waiver", ("scope", "rule"), ..., '$.scope misses "rule"'),
        ("training", ("runDetails", "builder"), ..., '$.runDetails misses "builder"'),
        (
            "provenance",
            ("buildDefinition", "buildType"),
            "train",
            "$.buildDefinition.buildType must be a URI",
        ),
        (
            "training",
            ("buildDefinition", "resolvedDependencies"),
            [{"digest": {"sha256": "F" * 64}}],
            "$.buildDefinition.resolvedDependencies[0].digest.sha256 must be 64 lower-case hex digits",
        ),
        (
            "training",
            ("buildDefinition", "resolvedDependencies"),
            [{"digest": {"weird key": 1}}],
            '$.buildDefinition.resolvedDependencies[0].digest["weird key"] must be of type string',
        ),
    ],
)
def test_the_place_and_the_rule_are_named(short: str, path: tuple[Any, ...], to: Any, words: str) -> None:
    assert problem(short, changed(short, *path, to=to)) == words


def test_a_misspelt_field_gets_the_right_one() -> None:
    body = changed("dataset", "rights", to={"licence": "MIT"})
    assert problem("dataset", body) == '$.rights has an unknown field "licence"; did you mean "license"?'


def test_what_a_stranger_wrote_is_not_quoted_at_length() -> None:
    message = problem("dataset", {**a_predicate("dataset"), "x" * 10_000: 1})
    assert len(message) < 120


def test_a_result_id_is_used_once() -> None:
    result = a_predicate("measurement")["results"][0]
    body = changed("measurement", "results", to=[result, {**result, "value": 1}])
    assert problem("measurement", body) == "$.results[1].id names a result that stands there already"


def test_an_approval_is_valid_for_some_time() -> None:
    body = changed("approval", "validUntil", to="2026-11-23T00:00:00Z")
    assert problem("approval", body) == "$.validUntil must be after validFrom"
    validate(a_statement("approval", predicate=changed("approval", "validFrom", to=...)))


def test_slsa_provenance_may_say_more_than_we_read() -> None:
    body = a_provenance("training", internalThings={"x": 1})
    body["buildDefinition"]["internalParameters"] = {"gpu": "none"}
    body["runDetails"]["metadata"]["region"] = "eu"
    validate(a_statement("training", predicate=body))


def a_summary(**changes: Any) -> Statement:
    """A verification summary with no more than the standard requires; `changes` replace its fields, `...` removes."""
    body: dict[str, Any] = {
        "verifier": {"id": "https://example.org/verifier"},
        "resourceUri": "https://example.org/model",
        "policy": {"uri": "https://example.org/policy"},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        **changes,
    }
    kept = {key: value for key, value in body.items() if value is not ...}
    return Statement.build(predicates.VERIFICATION_SUMMARY, [a_subject()], kept)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"https://example.org/more": {"a": 1}, "later": 2},
        {"verifier": {"id": "https://example.org/v", "version": {"a": "1"}, "later": 1}},
        {"timeVerified": "1985-04-12T23:20:50.52Z", "slsaVersion": "1.0"},
        {"inputAttestations": [{"digest": {"sha256": "ab"}, "uri": "https://example.org/a"}]},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_2": 7}},
        {"dependencyLevels": None},
        {"verificationResult": "FAILED", "verifiedLevels": ["FAILED"]},
    ],
)
def test_a_verification_summary_is_what_the_standard_says(changes: dict[str, Any]) -> None:
    statement = a_summary(**changes)
    validate(statement)
    # It has a schema and no short word: which rule reads it, trust.yaml says by its URI.
    assert short_type(statement) == predicates.VERIFICATION_SUMMARY
    assert not predicates.is_known(statement.predicate_type)
    assert (claims(statement), dependencies(statement)) == ((), ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verifier": ...}, '$ misses "verifier"'),
        ({"verifier": {}}, '$.verifier misses "id"'),
        ({"verifier": {"id": "me"}}, "$.verifier.id must be a URI"),
        ({"resourceUri": ...}, '$ misses "resourceUri"'),
        ({"policy": {"digest": {"sha256": "ab"}}}, '$.policy misses "uri"'),
        ({"inputAttestations": [{"uri": "https://example.org/a"}]}, '$.inputAttestations[0] misses "digest"'),
        ({"verificationResult": "passed"}, "$.verificationResult must be one of PASSED, FAILED"),
        ({"verifiedLevels": ...}, '$ misses "verifiedLevels"'),
        ({"verifiedLevels": "FAILED"}, "$.verifiedLevels must be of type array"),
        ({"dependencyLevels": {"SLSA_BUILD_LEVEL_2": -1}}, "must be at least 0"),
        ({"timeVerified": "yesterday"}, "$.timeVerified must be an RFC 3339 time"),
    ],
)
def test_a_verification_summary_that_misses_the_standard_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        validate(a_summary(**changes))
    assert caught.value.code == "predicate.schema"
    assert words in caught.value.message


def test_an_unknown_type_passes_untouched_and_says_nothing() -> None:
    statement = Statement.build("https://example.org/other/v1", [a_subject()], {"name": 1})
    validate(statement)
    assert not predicates.is_known(statement.predicate_type)
    assert predicates.schema(statement.predicate_type) is None
    assert short_type(statement) == "https://example.org/other/v1"
    assert claims(statement) == ()
    assert dependencies(statement) == ()


@pytest.mark.parametrize(
    ("build", "short"),
    [({}, "provenance"), ({"buildType": ["x"]}, "provenance"), ([], "provenance")],
)
def test_a_malformed_build_type_has_the_widest_word(build: Any, short: str) -> None:
    statement = Statement.build(predicates.PROVENANCE, [a_subject()], {"buildDefinition": build})
    assert short_type(statement) == short
    assert dependencies(statement) == ()


def test_a_dataset_claims_its_kind_name_and_version() -> None:
    subject = a_subject("train.csv")
    expected = Claim(subject.digest, "dataset", "churn-train", ("churn-train@2026.11",))
    assert claims(a_statement("dataset", [subject])) == (expected,)


def test_a_dataset_that_misses_its_schema_still_claims_no_name() -> None:
    statement = a_statement("dataset", predicate={"name": 5})
    assert claims(statement) == (Claim(a_digest("artifact"), "dataset"),)
    assert claims(a_statement("dataset", predicate={"name": "a"}))[0].aliases == ()


@pytest.mark.parametrize(
    ("short", "kind"),
    [("training", "model"), ("preprocess", "dataset"), ("ingest", "dataset"), ("package", "image")],
)
def test_a_stage_claims_the_kind_it_makes(short: str, kind: str) -> None:
    assert claims(a_statement(short, [a_subject("x")])) == (Claim(a_digest("x"), kind),)


def test_annotations_say_kind_name_and_aliases() -> None:
    subjects = [
        a_subject("model.joblib", kind="model", name="churn-model", aliases=["churn-model@2026.11"]),
        a_subject("metrics.json", kind="code"),
    ]
    assert claims(a_statement("training", subjects)) == (
        Claim(a_digest("model.joblib"), "model", "churn-model", ("churn-model@2026.11",)),
        Claim(a_digest("metrics.json"), "code"),
    )


def test_other_builds_claim_nothing_without_a_kind() -> None:
    assert claims(a_statement("provenance", [a_subject("x")])) == ()
    assert claims(a_statement("provenance", [a_subject("x", kind="image")]))[0].kind == "image"


@pytest.mark.parametrize("short", ["measurement", "approval", "waiver", "deployment"])
def test_these_claim_nothing(short: str) -> None:
    assert claims(a_statement(short, [a_subject("x", kind="model", name="m")])) == ()


@pytest.mark.parametrize(
    ("annotations", "code"),
    [
        ({"kind": "modle"}, "statement.annotation"),
        ({"kind": ""}, "statement.annotation"),
        ({"kind": 5}, "statement.annotation"),
        ({"name": ["x"]}, "statement.annotation"),
        ({"aliases": "a,b"}, "statement.annotation"),
        ({"aliases": [1]}, "statement.annotation"),
        ({"name": ""}, "statement.name"),
        ({"name": " x"}, "statement.name"),
        ({"name": "a\x1b[31m"}, "statement.name"),
        ({"name": "a\nb"}, "statement.name"),
        ({"name": "x" * 257}, "statement.name"),
        ({"name": "sha256:" + "5" * 64}, "statement.name"),
        ({"name": "oci:registry/repo"}, "statement.name"),
        ({"aliases": ["ok", "\u202ebad"]}, "statement.name"),
    ],
)
def test_a_bad_annotation_is_an_error_and_not_a_shrug(annotations: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        claims(a_statement("training", [a_subject("x", **annotations)]))
    assert caught.value.code == code


@pytest.mark.parametrize("annotations", [{"name": "x"}, {"aliases": ["x"]}])
def test_a_name_needs_a_kind_beside_it(annotations: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match=r"needs placet\.dev/kind beside it"):
        claims(a_statement("provenance", [a_subject("x", **annotations)]))


def test_dependencies_have_digest_name_and_role() -> None:
    body = a_provenance("training", {"data/train.csv": "dataset", "train.py": "code"})
    body["buildDefinition"]["resolvedDependencies"] += [
        {"uri": "git+https://example.org/repo", "digest": {"gitCommit": "beef"}},
        {"name": "base", "downloadLocation": "https://example.org/base"},
        {},
    ]
    assert dependencies(a_statement("training", predicate=body)) == (
        Dependency(a_digest("data/train.csv"), "data/train.csv", "dataset"),
        Dependency(a_digest("train.py"), "train.py", "code"),
        Dependency(None, "git+https://example.org/repo", "other"),
        Dependency(None, "base", "other"),
        Dependency(None, "", "other"),
    )


@pytest.mark.parametrize("role", ["datset", "", 5])
def test_a_misspelt_role_is_an_error_and_not_other(role: Any) -> None:
    body = a_provenance("training", {"train.csv": role})
    with pytest.raises(MalformedError) as caught:
        dependencies(a_statement("training", predicate=body))
    assert caught.value.code == "statement.annotation"


def test_a_dataset_depends_on_what_it_was_derived_from() -> None:
    body = changed(
        "dataset", "origin", "derivedFrom", to=[{"digest": a_digest("raw"), "name": "raw.csv"}, {"name": "x"}]
    )
    assert dependencies(a_statement("dataset", predicate=body)) == (
        Dependency(a_digest("raw"), "raw.csv", "dataset"),
        Dependency(None, "x", "dataset"),
    )


@pytest.mark.parametrize("short", ["measurement", "approval", "waiver", "deployment"])
def test_these_depend_on_nothing(short: str) -> None:
    assert dependencies(a_statement(short)) == ()


def test_json_paths() -> None:
    assert json_path([]) == "$"
    assert json_path(["a", 0, "b c"]) == '$.a[0]["b c"]'


def test_a_subject_is_its_annotations_too() -> None:
    assert Subject("a", a_digest()) != Subject("a", a_digest(), {"placet.dev/kind": "model"})
