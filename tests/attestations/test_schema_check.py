"""The compiled schemas say of every value what jsonschema says of it."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet_attestations import predicate_schemas
from placet_attestations._schema_check import Check, compile_schema
from placet_attestations.errors import MalformedError
from placet_attestations.predicate_schemas import first_problem
from placet_attestations.predicate_types import PREDICATE_TYPES, VERIFICATION_SUMMARY
from tests.builders import a_digest, a_predicate, a_provenance

SUMMARY: Mapping[str, Any] = {
    "verifier": {"id": "https://example.org/verifier", "version": {"placet": "1"}},
    "timeVerified": "2026-11-01T00:00:00Z",
    "resourceUri": "https://example.org/gates/register",
    "policy": {"uri": "https://example.org/policy", "digest": {"sha256": "5" * 64}},
    "inputAttestations": [{"uri": "https://example.org/a", "digest": {"sha256": "5" * 64}}],
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    "dependencyLevels": {"SLSA_BUILD_LEVEL_3": 1},
    "slsaVersion": "1.0",
}
GOOD: Mapping[str, Mapping[str, Any]] = {
    **{
        PREDICATE_TYPES[short]: a_predicate(short)
        for short in ("dataset", "measurement", "approval", "deployment")
    },
    PREDICATE_TYPES["waiver"] + "#waiver": a_predicate("waiver"),
    PREDICATE_TYPES["training"]: a_provenance("training", {"a": "dataset", "b": "code"}),
    VERIFICATION_SUMMARY: SUMMARY,
}
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    0.5,
    10**30,
    "",
    "x",
    "2026-11-01",
    "2026-11-01T00:00:00Z",
]
ODD = st.sampled_from(
    [*VALUES, "a:b", [], {}, ["x"], [{}], {"x": 1}, "approve", "waiver", a_digest(), "5" * 64]
)


@functools.cache
def judge(predicate_type: str) -> Any:
    """jsonschema's own, whatever the shortcut says."""
    return predicate_schemas._validator(predicate_type)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places(member, (*path, key))


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, Any]:
    """A good predicate with something replaced, removed or added, once or several times."""
    name = draw(st.sampled_from(sorted(GOOD)))
    document: Any = json.loads(json.dumps(GOOD[name]))
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(document))[1:]
        if not found:
            break
        path = draw(st.sampled_from(found))
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[path[-1]] = copy.deepcopy(draw(ODD))
            case "remove":
                del holder[path[-1]]
            case "add" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["x", "sampleSize", "version", "reason", "path"]))] = (
                    copy.deepcopy(draw(ODD))
                )
            case _:
                holder.append(copy.deepcopy(draw(ODD)))
    return name.partition("#")[0], document


@settings(max_examples=1500)
@given(changed())
def test_it_says_what_jsonschema_says(case: tuple[str, Any]) -> None:
    name, document = case
    assert predicate_schemas._check(name)(document) == judge(name).is_valid(document)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_good_fits_and_every_single_change_is_judged_alike(name: str) -> None:
    kind = name.partition("#")[0]
    assert first_problem(kind, GOOD[name]) is None
    check, counts = predicate_schemas._check(kind), {True: 0, False: 0}
    for path in list(places(GOOD[name]))[1:]:
        for odd in (..., None, True, 0, -1, 0.5, "", "x", [], {}, ["x"], {"x": None}):
            document: Any = json.loads(json.dumps(GOOD[name]))
            holder = document
            for step in path[:-1]:
                holder = holder[step]
            if odd is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = odd
            fits = judge(kind).is_valid(document)
            assert check(document) == fits, (path, odd)
            counts[fits] += 1
    assert all(counts.values())


def test_every_shipped_schema_is_compiled() -> None:
    for uri in {*PREDICATE_TYPES.values(), VERIFICATION_SUMMARY}:
        assert predicate_schemas._check(uri)({}) == judge(uri).is_valid({})


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": []},
        {"type": "text"},
        {"type": ["string", "any"]},
        {"format": "email"},
        {"enum": [1]},
        {"const": True},
        {"properties": {"x": {"maximum": 1}}},
        {"items": {"uniqueItems": True}},
        {"additionalProperties": {"$ref": "#/x"}},
        {"if": {"not": {}}},
    ],
)
def test_a_schema_with_something_else_is_not_passed_over(schema: Mapping[str, Any]) -> None:
    with pytest.raises(NotImplementedError):
        compile_schema(schema, {})


RULES: list[tuple[dict[str, Any], Any, Any]] = [
    ({}, None, ...),
    ({"type": "boolean"}, True, 1),
    ({"type": "integer"}, 2.0, True),
    ({"type": ["string", "integer"]}, "x", 0.5),
    ({"minLength": 2}, "ab", "a"),
    ({"maxItems": 1}, [1], [1, 2]),
    ({"minItems": 1}, [1], []),
    ({"minProperties": 1}, {"a": 1}, {}),
    ({"minimum": 0}, 0, -1),
    ({"const": "x"}, "x", "y"),
    ({"properties": {"a": {"type": "string"}}}, {"b": 1}, {"a": 1}),
    ({"additionalProperties": {"type": "string"}}, {"b": ""}, {"a": 1}),
    ({"additionalProperties": False}, {}, {"a": 1}),
    ({"if": {"type": "string"}, "then": {"minLength": 1}}, 1, ""),
    ({"if": {"type": "string"}}, "", ...),
    ({"format": "odd"}, "x", ""),
]


@pytest.mark.parametrize(("schema", "good", "bad"), RULES)
def test_each_rule_takes_and_refuses(schema: dict[str, Any], good: Any, bad: Any) -> None:
    def odd(value: object) -> bool:
        if value == "":
            raise MalformedError("test.odd", "empty")
        return True

    formats: Mapping[str, Check] = {"odd": odd}
    check = compile_schema({"title": "a test", **schema}, formats)
    assert check(good)
    assert bad is ... or not check(bad)
