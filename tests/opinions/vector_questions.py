"""Other people's bundles as questions: sigstore-conformance, several producers, DSSE, OpenSSF Model Signing."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet_attestations.digests import Digest
from tests.conformance.cases import IDENTITY, ISSUER, cases
from tests.conformance.roots import Instance, trusted_root_bytes
from tests.opinions.questions import Identity, Key, Question
from tests.vectors import vectors_dir

_ISSUER_1: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_2: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_INSTANCES: Final[tuple[Instance, ...]] = ("production", "staging")
# The files that lie beside their bundles.
_FILES: Final = {
    "conda-attestation.sigstore.json": "signed-package-2.1.0-hb0f4dca_0.conda",
    "cosign-v3-blob.sigstore.json": "cosign-v3-blob.txt",
}


def vector_questions() -> list[Question]:
    """All of them, by name."""
    return [*_conformance(), *_producers(), *_github(), *_dsse(), *_model_signing()]


def _conformance() -> Iterator[Question]:
    for case in cases():
        yield Question(
            f"conformance/{case.name}",
            case.bundle.read_bytes(),
            Key(case.key.read_bytes()) if case.key else Identity(case.identity, case.issuer),
            case.root.read_bytes() if case.root else trusted_root_bytes("production"),
            case.artifact.read_bytes(),
        )


def _producers() -> Iterator[Question]:
    """Each against both public instances: at most one of them can be right."""
    folder = vectors_dir() / "bundles"
    for path in sorted(folder.glob("*sigstore*")):
        if path.name.startswith("github-private"):
            continue
        raw = path.read_bytes()
        file = _FILES.get(path.name)
        artifact = (folder / file).read_bytes() if file else _said_digest(raw)
        for instance in _INSTANCES:
            yield Question(
                f"bundles/{path.name} by {instance}",
                raw,
                _said_signer(raw),
                trusted_root_bytes(instance),
                artifact,
            )
    conda = folder / "conda-attestation.sigstore.json"
    raw = conda.read_bytes()
    for name, other in (("no file", None), ("another file", b"other")):
        yield Question(
            f"bundles/{conda.name} over {name}",
            raw,
            _said_signer(raw),
            trusted_root_bytes("production"),
            other,
        )


def _github() -> Iterator[Question]:
    folder = vectors_dir() / "bundles"
    raw = (folder / "github-private-attestation.sigstore.json").read_bytes()
    root = (folder / "github_trusted_root.json").read_bytes()
    for logged in (False, True):
        name = f"bundles/github-private-attestation {'with' if logged else 'without'} a log"
        yield Question(name, raw, _said_signer(raw), root, None, logged)


def _dsse() -> Iterator[Question]:
    """Put into bundles, for no other verifier here reads bare envelopes; each by the first key it trusts."""
    document = json.loads((vectors_dir() / "dsse" / "vectors.json").read_bytes())
    for vector in document["vectors"]:
        key = Ed25519PublicKey.from_public_bytes(
            bytes.fromhex(document["keys"][vector["trustedKeys"][0]]["public"])
        )
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "A"}},
            "dsseEnvelope": vector["envelope"],
        }
        yield Question(
            f"dsse/{vector['id']}",
            json.dumps(bundle).encode(),
            Key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
            None,
        )


def _model_signing() -> Iterator[Question]:
    oms = vectors_dir() / "oms"
    key = Key((oms / "historic" / "keys" / "signing-key-pub.pem").read_bytes())
    by_key = [oms / "valid" / "key.bundle.json", *oms.glob("historic/*-key/model.sig")]
    keyless = [oms / "valid" / "sigstore.bundle.json", *oms.glob("historic/*-sigstore/model.sig")]
    invalid = [*oms.glob("invalid/*.json"), *oms.glob("invalid-payload/*.json")]
    for path in sorted([*by_key, *keyless, *invalid]):
        raw = path.read_bytes()
        certified = path in keyless or path.name.startswith("missing-tlog")
        yield Question(
            f"oms/{path.relative_to(oms)}",
            raw,
            _said_signer(raw) if certified else key,
            trusted_root_bytes("production") if certified else None,
        )


def _said_signer(raw: bytes) -> Identity:
    """By whom the bundle's certificate says it is; the suite's usual signer where there is none."""
    material = json.loads(raw)["verificationMaterial"]
    chain = (material.get("x509CertificateChain") or {}).get("certificates") or [material.get("certificate")]
    if chain[0] is None:
        return Identity(IDENTITY, ISSUER)
    found = x509.load_der_x509_certificate(b64decode(chain[0]["rawBytes"]))
    [name] = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return Identity(name.value, _issuer(found))


def _issuer(found: x509.Certificate) -> str:
    values: dict[x509.ObjectIdentifier, Any] = {item.oid: item.value for item in found.extensions}
    if _ISSUER_2 in values:
        return str(values[_ISSUER_2].value[2:].decode())  # one UTF8String of less than 128 bytes
    return str(values[_ISSUER_1].value.decode()) if _ISSUER_1 in values else ""


def _said_digest(raw: bytes) -> Digest | None:
    """The digest that a bundle over a file says itself, so that the file's absence is not what refuses it."""
    signed = json.loads(raw).get("messageSignature")
    if signed is None:
        return None
    return Digest.from_hex(b64decode(signed["messageDigest"]["digest"]).hex())
