"""The policy input for one request: what OPA sees, and all that it sees (`policies/schemas/input.json`).

Maps are keyed by digest so that rules look up and never search. Bodies are projections: a rule gets what rules read,
because bytes of facts are what an evaluation costs. Time comes in as a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from placet_attestations.claims import Dependency
from placet_attestations.digests import Digest
from placet_attestations.predicate_types import build_type_of
from placet_attestations.requests import Actor
from placet_attestations.strictjson import JsonObject, JsonValue, dumps
from placet_attestations.times import format_time
from placet_attestations.verify import VerifiedStatement
from placet_engine.errors import LimitError
from placet_engine.lineage.model import Admitted, Artifact, Finding, Lineage

STAGES = {"training": "train", "preprocess": "preprocess", "ingest": "ingest", "package": "package"}
_WITH_ENVIRONMENT = ("promote", "deploy", "running")
_ROLES = ("dataset", "model", "base-model", "image", "code", "lock", "environment", "other")


@dataclass(frozen=True, slots=True)
class Use:
    """What an approval was used for: one gate, environment and subject."""

    gate: str
    environment: str | None
    subject: Digest


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a gate, with everything that is not evidence."""

    gate: str
    subject: Digest
    now: datetime
    actor: Actor | None
    context: Mapping[str, str]
    dry_run: bool


def environment_of(gate: str) -> str | None:
    """The environment in a gate's name: `deploy/eu-prod` is about `eu-prod`; `register` is about none."""
    point, _, environment = gate.partition("/")
    return environment if point in _WITH_ENVIRONMENT and environment else None


def build(question: Question, lineage: Lineage, *, as_of: int, uses: Mapping[Digest, Use]) -> JsonObject:
    """The facts of one request. `as_of` is the size of the log from which `uses` was read."""
    request: dict[str, JsonValue] = {"context": dict(question.context), "dry_run": question.dry_run}
    environment = environment_of(question.gate)
    if environment is not None:
        request["environment"] = environment
    if question.actor is not None:
        actor = question.actor
        request["actor"] = {"id": actor.id, "principal": actor.principal, "roles": sorted(actor.roles)}
    return {
        "version": 1,
        "gate": question.gate,
        "now": format_time(question.now),
        "request": request,
        "subject": question.subject,
        "artifacts": {
            digest: _artifact(artifact, question.now) for digest, artifact in lineage.artifacts.items()
        },
        "statements": {digest: _statement(admitted) for digest, admitted in lineage.statements.items()},
        "by_type": _by_type(lineage),
        "lineage": {
            "cycle": list(lineage.cycle),
            "truncated": lineage.truncated,
            "unpinned": [
                {"artifact": artifact.digest, "name": name}
                for artifact in lineage.artifacts.values()
                for name in artifact.unpinned
            ],
        },
        "history": {
            "as_of": as_of,
            "uses": {digest: _use(use) for digest, use in uses.items()},
            "deployed": {},
            "budget": {},
            "incidents": [],
        },
        "findings": [_finding(finding) for finding in lineage.findings],
    }


def encode(facts: JsonObject, *, max_bytes: int) -> bytes:
    """The bytes that OPA is asked with and the log commits to. Raises `LimitError` `facts.too_large`."""
    data = dumps(facts)
    if len(data) > max_bytes:
        raise LimitError(
            "facts.too_large",
            f"the facts of this decision have {len(data):,} bytes, the limit is {max_bytes:,}",
            hint="raise limits.facts, or find out who attached so many statements to the lineage",
        )
    return data


def _artifact(artifact: Artifact, now: datetime) -> JsonObject:
    found: dict[str, JsonValue] = {
        "kinds": list(artifact.kinds),
        "aliases": list(artifact.aliases),
        "statements": list(artifact.statements),
        "parents": list(artifact.parents),
        "roles": list(artifact.roles),
        "distance": artifact.distance,
    }
    if artifact.kind is not None:
        found["kind"] = artifact.kind
    if artifact.name is not None:
        found["name"] = artifact.name
    # A revocation that lies ahead is none yet.
    if artifact.revoked is not None and artifact.revoked.covers(now):
        since = artifact.revoked.since
        found["revoked"] = {
            "since": "always" if since is None else format_time(since),
            "reason": artifact.revoked.reason or "",
        }
    return found


def _statement(admitted: Admitted) -> JsonObject:
    verified = admitted.verified
    # A role counts only when it holds for every subject: rules look a statement up by one of them.
    roles = sorted(frozenset.intersection(*admitted.roles.values()))
    return {
        "type": verified.statement.predicate_type,
        "short_type": verified.type,
        "subjects": sorted(admitted.roles),
        "signers": [_signer(verified, roles)],
        "since": format_time(admitted.arrived.since),
        "body": body(verified),
    }


def _signer(verified: VerifiedStatement, roles: Iterable[str]) -> JsonObject:
    signer, certificate = verified.signer, verified.certificate
    found: dict[str, JsonValue] = {"id": signer.id, "principal": signer.principal, "roles": list(roles)}
    if certificate is not None:
        found["certificate"] = {
            "issuer": certificate.issuer,
            "identity": certificate.identity,
            "claims": dict(certificate.claims),
        }
    return found


def _by_type(lineage: Lineage) -> JsonObject:
    found: dict[str, dict[str, list[JsonValue]]] = {}
    for admitted in lineage.statements.values():
        for subject in admitted.roles:
            found.setdefault(admitted.verified.type, {}).setdefault(subject, []).append(admitted.digest)
    return {
        short: {subject: sorted(map(str, held)) for subject, held in by.items()}
        for short, by in found.items()
    }


def _use(use: Use) -> JsonObject:
    found: dict[str, JsonValue] = {"gate": use.gate, "subject": use.subject}
    if use.environment is not None:
        found["environment"] = use.environment
    return found


def _finding(finding: Finding) -> JsonObject:
    named = {
        "code": finding.code,
        "text": finding.text,
        "statement": finding.statement,
        "artifact": finding.artifact,
        "type": finding.type,
        "signer": finding.signer,
    }
    return {key: value for key, value in named.items() if value is not None}


def body(verified: VerifiedStatement) -> JsonObject:
    """What rules read of a statement's predicate, by its short type. The predicate has passed its schema."""
    predicate = verified.statement.predicate
    if verified.type in STAGES or verified.type == "provenance":
        return _provenance(verified, predicate)
    if verified.type == "measurement":
        return _measurement(predicate)
    return predicate


def _provenance(verified: VerifiedStatement, predicate: JsonObject) -> JsonObject:
    definition, details = _object(predicate, "buildDefinition"), _object(predicate, "runDetails")
    external, metadata = _object(definition, "externalParameters"), _object(details, "metadata")
    build_type = build_type_of(verified.statement)
    used = verified.dependencies
    found: dict[str, JsonValue] = {
        "stage": STAGES.get(verified.type, "other"),
        "build_type": build_type if isinstance(build_type, str) else "",
        "builder": _object(details, "builder").get("id"),
        "parameters": _object(external, "hyperparameters"),
        "seeds": _object(external, "seeds"),
        "determinism": _object(external, "determinism"),
        "dependencies": _dependencies(used),
        "unpinned": [item.name for item in used if item.digest is None],
        "byproducts": [
            text for item in _objects(details.get("byproducts")) if isinstance(text := item.get("name"), str)
        ],
    }
    optional = {
        "entry_point": external.get("entryPoint"),
        "started": metadata.get("startedOn"),
        "finished": metadata.get("finishedOn"),
    }
    return found | {key: value for key, value in optional.items() if isinstance(value, str)}


def _dependencies(used: Iterable[Dependency]) -> JsonObject:
    """By digest. What was used in two roles is judged in the one that rules ask most about: none hides another."""
    weakest_first = sorted(used, key=lambda item: -_ROLES.index(item.role))
    return {
        item.digest: {"name": item.name, "role": item.role}
        for item in weakest_first
        if item.digest is not None
    }


def _measurement(predicate: JsonObject) -> JsonObject:
    inputs: dict[str, JsonValue] = {}
    for item in _objects(predicate.get("inputs")):
        role = key = str(item.get("role"))
        count = 1
        while key in inputs:
            count += 1
            key = f"{role}#{count}"
        inputs[key] = item.get("digest")
    results: dict[str, JsonValue] = {}
    for item in _objects(predicate.get("results")):
        result: dict[str, JsonValue] = {"metric": item.get("metric"), "value": item.get("value")}
        for key, name in (("sample_size", "sampleSize"), ("slice", "slice")):
            if name in item:
                result[key] = item[name]
        results[str(item.get("id"))] = result
    found: dict[str, JsonValue] = {
        "kind": predicate.get("kind"),
        "suite": _object(predicate, "suite"),
        "inputs": inputs,
        "results": results,
    }
    for key, name in (("started", "startedOn"), ("finished", "finishedOn"), ("valid_until", "validUntil")):
        if name in predicate:
            found[key] = predicate[name]
    return found


def _object(value: JsonObject, key: str) -> JsonObject:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _objects(value: JsonValue) -> Iterable[JsonObject]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
