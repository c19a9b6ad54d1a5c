"""The one contract between Python and Rego: whatever the engine builds fits `policies/schemas/input.json`."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.predicate_types import DEPENDENCY_ROLES, KINDS
from placet_attestations.requests import Actor
from placet_attestations.times import parse_time
from placet_attestations.verify import VerifiedStatement
from placet_engine.facts import Question, Use, build, encode
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Finding, Lineage
from placet_engine.policy.shipped import shipped_policies
from tests.builders import NOW, TEAM, a_digest, a_provenance, a_subject, a_trust_policy, a_verified
from tests.engine.houses import GATE, Shelf, approval, dataset, evaluation, splits

NAMES = [f"artifact {number}" for number in range(8)]
TEAM_IDS = [signer["id"] for signer in TEAM]
STAGES = ["training", "preprocess", "ingest", "package", "provenance"]
OPTIONAL = {  # what FACTS documents beside the schema: what rules may read of a body, by short type
    "provenance": {
        *("stage", "build_type", "builder", "entry_point", "started", "finished", "parameters", "seeds"),
        *("determinism", "dependencies", "unpinned", "byproducts"),
    },
    "measurement": {"kind", "suite", "inputs", "started", "finished", "valid_until", "results"},
}


@functools.cache
def schema() -> Mapping[str, Any]:
    loaded: dict[str, Any] = json.loads((shipped_policies() / "schemas" / "input.json").read_bytes())
    return loaded


@functools.cache
def validator() -> Draft202012Validator:
    formats = FormatChecker(formats=())

    @formats.checks("date-time", raises=AttestationError)
    def _is_time(value: object) -> bool:
        return not isinstance(value, str) or bool(parse_time(value))

    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema(), format_checker=formats)


def fits(facts: object) -> dict[str, Any]:
    """The facts as OPA reads them; they must fit the schema."""
    assert isinstance(facts, dict)
    read: dict[str, Any] = json.loads(encode(facts, max_bytes=10_000_000))
    problems = [f"{error.json_path}: {error.message}" for error in validator().iter_errors(read)]
    assert problems == []
    return read


@functools.cache
def measured(kind: str, about: tuple[str, ...]) -> Mapping[str, Any]:
    return splits(about[0], about[-1]) if kind == "splits" else evaluation(model=about[0])


@st.composite
def provenance(draw: st.DrawFn, short: str) -> dict[str, Any]:
    predicate = a_provenance(short)
    dependencies: list[dict[str, Any]] = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=4)):
        role = draw(st.sampled_from(sorted(DEPENDENCY_ROLES)))
        item: dict[str, Any] = {"name": name, "annotations": {"placet.dev/role": role}}
        if draw(st.integers(0, 4)):
            item["digest"] = {"sha256": a_digest(name).hex}
        dependencies.append(item)
    predicate["buildDefinition"]["resolvedDependencies"] = dependencies
    if draw(st.booleans()):
        predicate["buildDefinition"]["externalParameters"] = {}
        predicate["runDetails"].pop("metadata")
    return predicate


@st.composite
def statements(draw: st.DrawFn) -> VerifiedStatement:
    """Any statement by anybody about anything, well-formed."""
    kinds = st.none() | st.sampled_from(sorted(KINDS))
    about = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    short = draw(st.sampled_from(["dataset", "measurement", "approval", "waiver", "deployment", *STAGES]))
    subjects = [a_subject(name) for name in about]
    predicate: Mapping[str, Any] = {}
    if short in STAGES:
        predicate = draw(provenance(short))
        claimed = [(name, draw(kinds)) for name in about]
        subjects = [
            a_subject(name) if kind is None else a_subject(name, kind=kind, name=f"a {kind}", aliases=["a@1"])
            for name, kind in claimed
        ]
    elif short == "measurement":
        predicate = measured(draw(st.sampled_from(["splits", "evaluation"])), tuple(about))
    elif short == "dataset":
        predicate = dataset(
            about[0], draw(st.sampled_from(["raw", "derived"])), draw(st.lists(st.sampled_from(NAMES)))
        )
    elif short == "approval":
        predicate = approval()
    return a_verified(short, subjects, by=draw(st.sampled_from(TEAM_IDS)), **predicate)


questions = st.builds(
    Question,
    gate=st.sampled_from([GATE, "register", "deploy/eu-prod", "recheck"]),
    subject=st.just(a_digest(NAMES[0])),
    now=st.just(NOW) | st.datetimes(timezones=st.just(NOW.tzinfo)),
    actor=st.none() | st.just(Actor("dev", "dev@example.org", ("gate",))),
    context=st.dictionaries(
        st.sampled_from(["ticket", "é", ""]), st.text(st.characters(codec="utf-8"), max_size=5)
    ),
    dry_run=st.booleans(),
)
findings = st.builds(
    Finding,
    code=st.just("trust.role_missing"),
    text=st.text(st.characters(codec="utf-8"), max_size=10),
    statement=st.none() | st.just(a_digest("bundle")),
    artifact=st.none() | st.sampled_from([a_digest(name) for name in NAMES]),
    type=st.none() | st.sampled_from(["approval", "https://example.org/x"]),
    signer=st.none() | st.just("dev"),
)
revocations = st.lists(
    st.fixed_dictionaries(
        {
            "artifact": st.sampled_from([a_digest(name) for name in NAMES]),
            "from": st.sampled_from(["always", "2026-11-01", "2027-01-01T00:00:00.5Z"]),
        },
        optional={"reason": st.just("retracted")},
    ),
    max_size=2,
)
uses = st.dictionaries(
    st.sampled_from([a_digest("one"), a_digest("two")]),
    st.builds(
        Use, gate=st.just(GATE), environment=st.none() | st.just("production"), subject=st.just(a_digest("x"))
    ),
)
limits = st.builds(
    Limits, max_lineage_depth=st.sampled_from([1, 64]), max_lineage_artifacts=st.sampled_from([3, 4096])
) | st.just(DEFAULT_LIMITS)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    held=st.lists(statements(), max_size=12),
    found=st.lists(findings, max_size=3),
    revoked=revocations,
    question=questions,
    used=uses,
    bounds=limits,
    as_of=st.integers(0, 2**53),
)
def test_the_facts_of_any_lineage_fit_the_schema(
    held: list[VerifiedStatement],
    found: list[Finding],
    revoked: list[dict[str, Any]],
    question: Question,
    used: dict[Digest, Use],
    bounds: Limits,
    as_of: int,
) -> None:
    shelf = Shelf().put(*held)
    shelf.findings[question.subject] += found
    lineage = trace(question.subject, shelf, a_trust_policy(revoked=revoked), bounds)
    facts = fits(build(question, lineage, as_of=as_of, uses=used))
    consistent(facts, lineage)


def consistent(facts: Mapping[str, Any], lineage: Lineage) -> None:
    """What rules rely on and a schema cannot say."""
    artifacts, held = facts["artifacts"], facts["statements"]
    assert facts["subject"] in artifacts
    listed = {
        (short, subject, digest)
        for short, by_subject in facts["by_type"].items()
        for subject, digests in by_subject.items()
        for digest in digests
    }
    assert listed == {
        (told["short_type"], subject, digest) for digest, told in held.items() for subject in told["subjects"]
    }
    for digest, artifact in artifacts.items():
        assert digest not in artifact["parents"]
        assert artifact.get("kind") == (artifact["kinds"][0] if len(artifact["kinds"]) == 1 else None)
        assert all(digest in held[statement]["subjects"] for statement in artifact["statements"])
        assert facts["lineage"]["truncated"] or set(artifact["parents"]) <= set(artifacts)
    for told in held.values():
        assert set(told["subjects"]) <= set(artifacts)
        (signer,) = told["signers"]
        assert signer["roles"] == sorted(signer["roles"])
        assert set(told["body"]) <= documented(told["short_type"])
    assert set(held) == set(lineage.statements)


def documented(short: str) -> set[str]:
    """The fields of a body; those that are told as written have their predicate's own schema."""
    from placet_attestations.predicate_schemas import schema as predicate_schema
    from placet_attestations.predicate_types import PREDICATE_TYPES

    told = OPTIONAL.get("provenance" if short in STAGES else short)
    if told is not None:
        return told
    described = predicate_schema(PREDICATE_TYPES[short])
    assert described is not None
    properties = described["properties"]
    assert isinstance(properties, dict)
    return set(properties)


def test_every_fact_is_described_and_nothing_else_may_stand_there() -> None:
    undescribed, open_objects = [], []
    for path, node in nodes(schema(), "$"):
        if "$ref" not in node and "description" not in node and not path.endswith(".propertyNames"):
            undescribed.append(path)
        # A body is a projection of a predicate, which has a schema of its own.
        if "properties" in node and "additionalProperties" not in node and ".body" not in path:
            open_objects.append(path)
    assert undescribed == []
    assert open_objects == []


def nodes(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object or field of a JSON Schema with its path; array items that are plain texts are left out."""
    yield path, node
    for key in ("properties", "$defs"):
        for name, inner in node.get(key, {}).items():
            yield from nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties", "propertyNames"):
        inner = node.get(key)
        if isinstance(inner, dict) and inner != {"type": "string"}:
            yield from nodes(inner, f"{path}.{key}")


@pytest.mark.parametrize("extra", ["trust", "secret", "Version"])
def test_the_schema_refuses_what_is_not_documented(extra: str) -> None:
    lineage = trace(a_digest("x"), Shelf(), a_trust_policy())
    question = Question(GATE, a_digest("x"), NOW + timedelta(seconds=1), None, {}, dry_run=False)
    facts = dict(build(question, lineage, as_of=0, uses={}))
    fits(facts)
    with pytest.raises(AssertionError):
        fits({**facts, extra: 1})
