"""Small true things for tests: keys, statements, bundles, a trust policy. Keys and statements are the same in
every run.

    bundle = a_bundle(a_statement("dataset", [a_subject("train.csv")]), a_key("owner"))
    trust = a_trust(tmp_path)                     # the people of TEAM, with the rules of RULES
    verified = a_verified("approval", [subject], by="approver")
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet_attestations.digests import Digest
from placet_attestations.keys import LocalSigner, PublicKey, Signer, SigningAlgorithm
from placet_attestations.predicate_types import BUILD_TYPES, LOCAL_BUILDER, PREDICATE_TYPES
from placet_attestations.signing import sign_statement
from placet_attestations.statement import Statement, Subject
from placet_attestations.trust import TrustPolicy, load_trust
from placet_attestations.trust_file import parse_trust
from placet_attestations.verify import VerifiedStatement, verify

NOW = datetime(2026, 11, 23, 21, 30, tzinfo=UTC)

TEAM: tuple[Mapping[str, Any], ...] = (
    {"id": "owner", "principal": "owner@example.org", "roles": ["data-owner"]},
    {"id": "ci", "principal": "ci", "roles": ["builder", "trainer"], "builders": [LOCAL_BUILDER]},
    {"id": "evaluator", "principal": "evaluator@example.org", "roles": ["evaluator"]},
    {"id": "approver", "principal": "approver@example.org", "roles": ["approver", "risk-officer"]},
    {"id": "dev", "principal": "dev@example.org", "roles": ["gate"]},
)
RULES: tuple[Mapping[str, Any], ...] = (
    {
        "roles": ["data-owner"],
        "types": ["dataset"],
        "kinds": ["dataset"],
        "may_name": ["*"],
        "may_alias": True,
    },
    {
        "roles": ["builder", "trainer"],
        "types": ["training", "preprocess", "ingest", "package", "provenance"],
        "kinds": ["model", "dataset", "image", "code", "environment"],
        "may_name": ["*"],
        "may_alias": True,
    },
    {"roles": ["evaluator"], "types": ["measurement"], "kinds": ["model", "dataset", "image"]},
    {"roles": ["approver"], "types": ["approval"], "kinds": ["model", "image", "dataset"]},
    {"roles": ["risk-officer"], "types": ["waiver"], "kinds": ["model", "image", "dataset"]},
)


@functools.cache
def a_key(name: str = "dev", algorithm: SigningAlgorithm = "ecdsa-p256") -> LocalSigner:
    """The key of this name: the same in every run, another for another name or algorithm."""
    seed = hashlib.sha256(f"placet test key {algorithm} {name}".encode()).digest()
    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if algorithm == "ed25519":
        private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    else:
        private = ec.derive_private_key(int.from_bytes(seed[:31], "big") + 1, ec.SECP256R1())
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return LocalSigner(PublicKey(algorithm, der), private)


def a_digest(text: str = "artifact") -> Digest:
    """The digest of this text."""
    return Digest.of(text.encode())


def a_subject(path: str = "artifact", /, **annotations: Any) -> Subject:
    """A subject whose digest follows from its path; `kind="model"` becomes the annotation placet.dev/kind."""
    return Subject(path, a_digest(path), {f"placet.dev/{key}": value for key, value in annotations.items()})


def a_predicate(short: str, **changes: Any) -> dict[str, Any]:
    """A predicate that fits the schema of this short type (empty for a URI); `changes` replace its fields."""
    return {**_PREDICATES.get(short, dict)(), **changes}


def a_provenance(short: str, dependencies: Mapping[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """SLSA provenance of this stage; `dependencies` are names with their roles, digests follow from the
    names.
    """
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPES.get(short, "https://example.org/build/v1"),
            "externalParameters": {
                "entryPoint": "python train.py",
                "hyperparameters": {"C": 1.0},
                "seeds": {"numpy": 7},
            },
            "resolvedDependencies": [
                {
                    "name": name,
                    "digest": {"sha256": a_digest(name).hex},
                    "annotations": {"placet.dev/role": role},
                }
                for name, role in (dependencies or {}).items()
            ],
        },
        "runDetails": {
            "builder": {"id": LOCAL_BUILDER},
            "metadata": {"startedOn": "2026-11-23T20:00:00Z", "finishedOn": "2026-11-23T20:10:00Z"},
        },
        **changes,
    }


def a_statement(
    short: str = "dataset",
    subjects: Sequence[Subject] | None = None,
    predicate: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Statement:
    """A statement of this short type that fits its schema; `changes` replace top-level fields of the
    predicate.
    """
    body = dict(predicate) if predicate is not None else a_predicate(short, **changes)
    return Statement.build(PREDICATE_TYPES.get(short, short), subjects or [a_subject()], body)


def a_bundle(statement: Statement | None = None, signer: Signer | None = None) -> bytes:
    """The bytes of a bundle; by the key "owner" when no signer is given."""
    return sign_statement(statement or a_statement(), signer or a_key("owner"))


def a_trust(
    folder: Path,
    *,
    signers: Sequence[Mapping[str, Any]] = TEAM,
    rules: Sequence[Mapping[str, Any]] = RULES,
    revoked: Sequence[Mapping[str, Any]] = (),
) -> TrustPolicy:
    """Write trust.yaml and `keys/<id>.pub` to a folder and load them. A signer's key is `a_key(id)`."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    for signer in signers:
        (folder / "keys" / f"{signer['id']}.pub").write_text(a_key(signer["id"]).public_key.pem)
    (folder / "trust.yaml").write_bytes(trust_text(signers=signers, rules=rules, revoked=revoked))
    return load_trust(folder / "trust.yaml")


def a_trust_policy(
    *,
    signers: Sequence[Mapping[str, Any]] = TEAM,
    rules: Sequence[Mapping[str, Any]] = RULES,
    revoked: Sequence[Mapping[str, Any]] = (),
) -> TrustPolicy:
    """The same policy without files. A signer's `key` names the key when it is not its id."""
    text = trust_text(signers=signers, rules=rules, revoked=revoked)
    return parse_trust(text, lambda path, _: a_key(Path(path).stem).public_key)


def trust_text(
    *,
    signers: Sequence[Mapping[str, Any]] = TEAM,
    rules: Sequence[Mapping[str, Any]] = RULES,
    revoked: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """The bytes of a trust.yaml (JSON is YAML)."""
    document = {
        "version": 1,
        "signers": [{"key": f"keys/{signer['id']}.pub", **signer} for signer in signers],
        "rules": list(rules),
        "revoked": list(revoked),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def a_verified(
    short: str = "dataset",
    subjects: Sequence[Subject] | None = None,
    *,
    by: str = "owner",
    trust: TrustPolicy | None = None,
    **changes: Any,
) -> VerifiedStatement:
    """A statement signed by the key of this name and verified under a trust policy, the team's by default."""
    return verify(a_bundle(a_statement(short, subjects, **changes), a_key(by)), trust or a_trust_policy())


def _dataset() -> dict[str, Any]:
    return {
        "name": "churn-train",
        "version": "2026.11",
        "kind": "raw",
        "origin": {"issuer": "Acme", "source": "https://example.org/churn", "method": "export"},
        "rights": {"license": "CC-BY-4.0", "intendedUse": ["training"], "personalData": False},
        "governance": {"owner": "owner@example.org"},
    }


def _measurement() -> dict[str, Any]:
    return {
        "kind": "evaluation",
        "suite": {"name": "placet", "version": "1"},
        "inputs": [
            {"role": "model", "digest": a_digest("model")},
            {"role": "test", "digest": a_digest("test.csv")},
        ],
        "finishedOn": "2026-11-23T20:20:00Z",
        "results": [{"id": "accuracy", "metric": "accuracy", "value": 0.95, "sampleSize": 114}],
    }


def _approval() -> dict[str, Any]:
    return {
        "kind": "change",
        "decision": "approve",
        "ticket": {"system": "jira", "id": "CHG-1042"},
        "role": "approver",
        "scope": {"gate": "promote/production"},
        "validFrom": "2026-11-23T00:00:00Z",
        "validUntil": "2026-12-23T00:00:00Z",
    }


def _waiver() -> dict[str, Any]:
    scope = {"gate": "promote/production", "rule": "quality.evaluation_threshold"}
    return {**_approval(), "kind": "waiver", "scope": scope, "reason": "first release, ticket CHG-1042"}


def _deployment() -> dict[str, Any]:
    return {
        "environment": {"name": "production"},
        "artifacts": [{"role": "model", "digest": a_digest("model")}],
    }


_PREDICATES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "dataset": _dataset,
    "measurement": _measurement,
    "approval": _approval,
    "waiver": _waiver,
    "deployment": _deployment,
    **{short: functools.partial(a_provenance, short) for short in (*BUILD_TYPES, "provenance")},
}
