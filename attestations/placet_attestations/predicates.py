"""Predicates: the one door to their types and claims, and the check that a body is what its type promises.

Types that are read here have a JSON Schema in `schemas/` and, where a schema cannot say it, a rule here. Others pass
untouched: they are kept, shown, and satisfy nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from placet_attestations import oms
from placet_attestations.claims import Claim, Dependency, check_name, claims, dependencies
from placet_attestations.errors import MalformedError
from placet_attestations.predicate_schemas import first_problem, schema
from placet_attestations.predicate_types import (
    APPROVAL,
    BUILD_TYPE_INGEST,
    BUILD_TYPE_PACKAGE,
    BUILD_TYPE_PREPROCESS,
    BUILD_TYPE_TRAIN,
    BUILD_TYPES,
    DATASET,
    DEPENDENCY_ROLES,
    DEPLOYMENT_SPEC,
    KINDS,
    LOCAL_BUILDER,
    MEASUREMENT,
    PREDICATE_TYPES,
    PROVENANCE,
    SHORT_TYPES,
    VERIFICATION_SUMMARY,
    is_known,
    short_type,
)
from placet_attestations.statement import Statement
from placet_attestations.strictjson import JsonObject
from placet_attestations.times import parse_time

__all__ = [
    "APPROVAL",
    "BUILD_TYPES",
    "BUILD_TYPE_INGEST",
    "BUILD_TYPE_PACKAGE",
    "BUILD_TYPE_PREPROCESS",
    "BUILD_TYPE_TRAIN",
    "DATASET",
    "DEPENDENCY_ROLES",
    "DEPLOYMENT_SPEC",
    "KINDS",
    "LOCAL_BUILDER",
    "MEASUREMENT",
    "PREDICATE_TYPES",
    "PROVENANCE",
    "SHORT_TYPES",
    "VERIFICATION_SUMMARY",
    "Claim",
    "Dependency",
    "check_name",
    "claims",
    "dependencies",
    "is_known",
    "schema",
    "short_type",
    "validate",
]


def validate(statement: Statement) -> None:
    """Raise MalformedError predicate.schema, naming the path and the rule, when a predicate that has a schema
    misses it; and what `oms.read_model` raises about a model signature.
    """
    if statement.predicate_type == oms.PREDICATE_TYPE:
        oms.read_model(statement)
    if schema(statement.predicate_type) is None:
        return
    problem = first_problem(statement.predicate_type, statement.predicate) or _own_problem(statement)
    if problem is None:
        return
    path, rule = problem
    short = short_type(statement)
    raise MalformedError(
        "predicate.schema",
        f"the {short} predicate does not fit its schema: {path} {rule}",
        where="statement",
        hint=f"`placet attest {short} --explain` lists the fields",
    )


def _own_problem(statement: Statement) -> tuple[str, str] | None:
    """What no schema can say; looks only at predicates that fit theirs."""
    if statement.predicate_type == MEASUREMENT:
        return _repeated_result(statement.predicate)
    if statement.predicate_type == APPROVAL:
        return _empty_window(statement.predicate)
    return None


def _repeated_result(predicate: JsonObject) -> tuple[str, str] | None:
    # Policy reads results by id. Of two with one id it would see one, and nobody could say which.
    results = predicate["results"]
    assert isinstance(results, list)
    seen: set[str] = set()
    for index, result in enumerate(results):
        assert isinstance(result, Mapping)
        name = str(result["id"])
        if name in seen:
            return f"$.results[{index}].id", "names a result that stands there already"
        seen.add(name)
    return None


def _empty_window(predicate: JsonObject) -> tuple[str, str] | None:
    start, end = predicate.get("validFrom"), predicate["validUntil"]
    if isinstance(start, str) and parse_time(start) >= parse_time(str(end)):
        return "$.validUntil", "must be after validFrom"
    return None
