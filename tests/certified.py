"""Statements signed by certificate, with the instances and authorities that vouch for them, and a trust.yaml.

trust = a_realm(tmp_path, signers=WORKFLOW)        # roots: acme (a whole Sigstore), other, pki
verify(by_workflow(), trust)
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from placet_attestations.statement import Statement
from placet_attestations.trust import TrustPolicy, load_trust
from tests.builders import a_key, a_statement, a_subject
from tests.fakes import pki
from tests.fakes.der import utf8
from tests.fakes.sigstore import IDENTITY, ISSUER, NOW, Sigstore

FULCIO: Final = "1.3.6.1.4.1.57264.1"
CLAIMS: Final = {
    "runnerEnvironment": (11, "github-hosted"),
    "sourceRepositoryURI": (12, "https://ci.example/acme/model"),
    "sourceRepositoryRef": (14, "refs/tags/v1.2"),
}
ACME, OTHER = Sigstore(), Sigstore()
AUTHORITY = pki.node("acme authority")
STAMPERS = pki.node("acme stampers")
STAMPER, STAMPER_NODE = pki.stamper(STAMPERS)
TRAINER = pki.signer(AUTHORITY)

ROOTS: Final = """\
roots:
  - {id: acme, file: acme.json}
  - {id: other, file: other.json}
  - {id: both, file: both.jsonl}
  - {id: pki, authority: authority.pem}
  - {id: stamped, authority: authority.pem, timestamps: stampers.pem}
"""
WORKFLOW: Final = (
    f"{{id: ci, principal: ci, issuer: {ISSUER}, identity: {IDENTITY}, root: acme, roles: [trainer]}}"
)
RULES: Final = """\
rules:
  - {roles: [trainer], types: [training, dataset, approval], kinds: [model, dataset], may_name: ["*"], may_alias: true}
"""


def a_realm(
    folder: Path, *signers: str, roots: str = ROOTS, rules: str = RULES, revoked: str = ""
) -> TrustPolicy:
    """Write the roots and a trust.yaml with these signers, each a line, and read it. The first signer is in line 9."""
    files = {
        "acme.json": json.dumps(ACME.root()).encode(),
        "other.json": json.dumps(OTHER.root()).encode(),
        "both.jsonl": b"\n".join(json.dumps(instance.root()).encode() for instance in (OTHER, ACME)),
        "authority.pem": AUTHORITY.pem,
        "stampers.pem": STAMPER_NODE.pem + STAMPERS.pem,
        "owner.pub": a_key("owner").public_key.pem.encode(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    lines = [
        "version: 1",
        roots.rstrip("\n"),
        "signers:",
        *(f"  - {signer}" for signer in signers or (WORKFLOW,)),
    ]
    (folder / "trust.yaml").write_text("\n".join([*lines, rules.rstrip("\n"), revoked]), encoding="utf-8")
    return load_trust(folder / "trust.yaml")


def line_of(folder: Path, where: str) -> str:
    """What stands in the line of trust.yaml that an error names."""
    name, _, number = where.partition(":")
    return (folder / name).read_text(encoding="utf-8").splitlines()[int(number) - 1]


def training(name: str = "model") -> Statement:
    """A statement that the rules admit from a trainer."""
    return a_statement("dataset", [a_subject(name)])


def by_workflow(
    statement: Statement | None = None,
    *,
    instance: Sigstore = ACME,
    instant: datetime = NOW,
    claims: Mapping[str, tuple[int, str]] = CLAIMS,
) -> bytes:
    """A bundle by the workflow's certificate, logged at `instant`."""
    said = {f"{FULCIO}.8": utf8(ISSUER)}
    said |= {f"{FULCIO}.{number}": utf8(text) for number, text in claims.values()}
    leaf = instance.leaf(extensions=said)
    return json.dumps(instance.sign(leaf, (statement or training()).raw, instant)).encode()


def by_trainer(statement: Statement | None = None, *stamps: datetime, leaf: pki.Node = TRAINER) -> bytes:
    """A bundle by a certificate of the own authority, time stamped as often as is said."""
    made = pki.bundle(leaf, (statement or training()).raw)
    return json.dumps(pki.stamped(made, STAMPER, *stamps) if stamps else made).encode()


def by_managed_key(bundle: bytes, *, logged: datetime | None = None, stamp: datetime | None = None) -> bytes:
    """A key's bundle with an entry in the log of `ACME`, or a time stamp of its authority."""
    document: dict[str, Any] = json.loads(bundle)
    envelope = document["dsseEnvelope"]
    signature = b64decode(envelope["signatures"][0]["sig"])
    if logged is not None:
        import hashlib

        from tests.fakes.sigstore import text

        key = a_key("owner").public_key
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                "payloadHash": {
                    "algorithm": "sha256",
                    "value": hashlib.sha256(b64decode(envelope["payload"])).hexdigest(),
                },
                "signatures": [{"signature": text(signature), "verifier": text(key.pem.encode())}],
            },
        }
        document["verificationMaterial"]["tlogEntries"] = [ACME.entry(body, logged)]
    if stamp is not None:
        ACME.stamp(document, signature, stamp)
    return json.dumps(document).encode()
