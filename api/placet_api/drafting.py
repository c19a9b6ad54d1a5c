"""Statements that people make: from a file, from a measurement, from the few words of an approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from placet_api.artifacts import Resolved
from placet_api.errors import UsageError
from placet_attestations.claims import ANNOTATION_ALIASES, ANNOTATION_KIND, ANNOTATION_NAME
from placet_attestations.digests import Digest
from placet_attestations.measure import MetricResult
from placet_attestations.predicate_types import (
    APPROVAL,
    MEASUREMENT,
    PREDICATE_TYPES,
    SHORT_TYPES,
    short_type,
)
from placet_attestations.statement import Statement, Subject
from placet_attestations.strictjson import JsonValue
from placet_attestations.times import format_time

MAX_DAYS = 366

# Types whose statement is more than a predicate somebody writes down have a command of their own.
BY_COMMAND = {
    "training": "placet record --step train",
    "preprocess": "placet record --step preprocess",
    "ingest": "placet record --step ingest",
    "package": "placet record --step package",
}


def from_file(kind: str, subject: Resolved, file: Path) -> Statement:
    """A statement whose predicate stands in a YAML or JSON file.

    Raises `UsageError` `attest.type`, also when the file says something of another type; `MalformedError` yaml.*.
    """
    from placet_api.yaml_file import read_mapping

    drafted = Statement.build(type_uri(kind), [Subject(_label(subject), subject.digest)], read_mapping(file))
    said = short_type(drafted)
    if kind in SHORT_TYPES and kind not in (said, "provenance"):
        raise UsageError("attest.type", f"the file makes a {said} statement, not {kind}", where=str(file))
    return drafted


def type_uri(kind: str) -> str:
    """The predicate type of a short type, or the URI that was given."""
    if kind in SHORT_TYPES:
        return PREDICATE_TYPES[kind]
    if ":" in kind:
        return kind
    raise UsageError(
        "attest.type",
        f"no statement type is called {kind!r}",
        hint=f"one of {', '.join(sorted(SHORT_TYPES))}, or a URI",
    )


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approver says: for which gate and ticket, in which role, for how long."""

    gate: str
    environment: str | None
    ticket: str
    system: str = "tickets"
    role: str = "approver"
    days: float = 14
    reason: str | None = None


def approval(said: Approval, subject: Resolved, now: datetime) -> Statement:
    """An approval of one artifact for one gate, valid from now for some days. Raises `UsageError` `approve.days`."""
    if not 0 < said.days <= MAX_DAYS:  # NaN is not between anything
        raise UsageError(
            "approve.days", f"an approval is valid for some days up to {MAX_DAYS}, not {said.days}"
        )
    scope: dict[str, JsonValue] = {"gate": said.gate}
    if said.environment is not None:
        scope["environment"] = said.environment
    predicate: dict[str, JsonValue] = {
        "kind": "change",
        "decision": "approve",
        "ticket": {"system": said.system, "id": said.ticket},
        "role": said.role,
        "scope": scope,
        "validFrom": format_time(now),
        "validUntil": format_time(now + timedelta(days=said.days)),
    }
    if said.reason is not None:
        predicate["reason"] = said.reason
    return Statement.build(APPROVAL, [Subject(_label(subject), subject.digest)], predicate)


def measurement(
    kind: str,
    subjects: Sequence[tuple[str, Digest]],
    inputs: Sequence[tuple[str, str, Digest]],
    results: Sequence[MetricResult],
    *,
    suite: str,
    started: datetime,
    finished: datetime,
) -> Statement:
    """A measurement: what was measured (subjects), from what (role, name, digest), and the numbers."""
    from placet_api.version import VERSION

    predicate: dict[str, JsonValue] = {
        "kind": kind,
        "suite": {"name": suite, "version": VERSION},
        "inputs": [{"role": role, "name": name, "digest": digest} for role, name, digest in inputs],
        "startedOn": format_time(started),
        "finishedOn": format_time(finished),
        "results": [_result(result) for result in results],
    }
    return Statement.build(MEASUREMENT, [Subject(name, digest) for name, digest in subjects], predicate)


def _result(result: MetricResult) -> Mapping[str, JsonValue]:
    return {"id": result.id, "metric": result.metric, "value": result.value, "sampleSize": result.sample_size}


def claim_annotations(kind: str, name: str | None, aliases: Sequence[str]) -> dict[str, JsonValue]:
    """The annotations by which a provenance subject claims what it is (`placet_attestations.claims`)."""
    found: dict[str, JsonValue] = {ANNOTATION_KIND: kind}
    if name is not None:
        found[ANNOTATION_NAME] = name
    if aliases:
        found[ANNOTATION_ALIASES] = list(aliases)
    return found


def _label(subject: Resolved) -> str:
    return subject.label if subject.path is None else subject.path.as_posix()


def fields_of(schema: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The schema with what it asks of this kind besides (its `if` and `then`): of a waiver more than of an approval."""
    asked, more = schema.get("if", {}).get("properties", {}).get("kind", {}), schema.get("then", {})
    if asked.get("const") != kind:
        return schema
    fields = {**schema["properties"], "kind": {"enum": [kind]}}
    for name, inner in more.get("properties", {}).items():
        required = [*fields[name].get("required", ()), *inner.get("required", ())]
        fields[name] = {**fields[name], "required": required}
    return {**schema, "properties": fields, "required": [*schema["required"], *more.get("required", ())]}


def describe(schema: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str, str]]:
    """The fields of a predicate schema for `attest --explain`: dotted name, required or optional, words."""
    required = set(schema.get("required", ()))
    rows: list[tuple[str, str, str]] = []
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", {}) if field.get("type") == "array" else field
        dotted = f"{prefix}{name}{'[]' if inner is not field else ''}"
        words = str(field.get("description", "") or inner.get("description", ""))
        if "enum" in inner:
            words = f"{words} ({', '.join(map(str, inner['enum']))})".strip()
        rows.append((dotted, "required" if name in required else "optional", words))
        rows += describe(inner, f"{dotted}.")
    return rows
