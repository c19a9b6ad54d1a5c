"""An own PKI in this process: authorities, intermediates and signers, the wrong ones too; bundles without a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from placet_attestations.envelope import pae
from placet_attestations.statement import PAYLOAD_TYPE
from tests.fakes.sigstore import NOW, SigningKey, new_key, signed, text
from tests.fakes.timestamper import Timestamper, encoded

DAY = timedelta(days=1)
SPIFFE = "spiffe://acme.example/ns/ml/sa/trainer"
CODE = (ExtendedKeyUsageOID.CODE_SIGNING,)


@dataclass(frozen=True, slots=True)
class Node:
    """A certificate with its key: an authority's, or a signer's."""

    key: SigningKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return encoded(self.certificate)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def node(
    name: str,
    issuer: Node | None = None,
    *,
    key: SigningKey | None = None,
    ca: bool | None = True,
    length: int | None = None,
    start: datetime = NOW - 100 * DAY,
    end: datetime = NOW + 100 * DAY,
    names: Sequence[x509.GeneralName] = (),
    use: Sequence[x509.ObjectIdentifier] = (),
    signs: bool | None = None,
    crl: bool = False,
    critical_use: bool = False,
    identifier: bool = True,
    usage: bool = True,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Node:
    """A certificate by `issuer`, or self-signed; `ca` None leaves basic constraints out."""
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    above = subject if issuer is None else issuer.certificate.subject
    signer = key if issuer is None else issuer.key
    certifies = bool(ca) if signs is None else signs
    builder = x509.CertificateBuilder(
        above, subject, key.public_key(), x509.random_serial_number(), start, end
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    if usage:
        builder = builder.add_extension(
            x509.KeyUsage(not ca, False, False, False, False, certifies, certifies or crl, False, False), True
        )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, length), True)
    if identifier and issuer is not None:
        hint = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(hint, False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), not name)
    if use:
        builder = builder.add_extension(x509.ExtendedKeyUsage(use), critical_use)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Node(key, builder.sign(signer, digest))


def signer(issuer: Node, **changes: Any) -> Node:
    """A signer's certificate, for code signing and a workload, from a day before NOW to a day after."""
    usual: dict[str, Any] = {
        "ca": None,
        "start": NOW - DAY,
        "end": NOW + DAY,
        "names": (x509.UniformResourceIdentifier(SPIFFE),),
        "use": CODE,
    }
    return node(changes.pop("name", ""), issuer, **{**usual, **changes})


def stamper(issuer: Node, **changes: Any) -> tuple[Timestamper, Node]:
    """A time stamp authority under `issuer`."""
    key = new_key()
    usual = {"ca": None, "use": (ExtendedKeyUsageOID.TIME_STAMPING,), "critical_use": True, "key": key}
    made = node("tsa", issuer, **{**usual, **changes})
    assert isinstance(made.key, ec.EllipticCurvePrivateKey)
    return Timestamper(made.key, made.certificate), made


def bundle(leaf: Node, payload: bytes, *brought: Node, version: str = "0.3") -> dict[str, Any]:
    """A statement signed as model-signing's certificate method does: the chain in the bundle, and no log."""
    chain = [{"rawBytes": text(item.der)} for item in (leaf, *brought)]
    media = (
        "application/vnd.dev.sigstore.bundle.v0.3+json"
        if version == "0.3"
        else f"application/vnd.dev.sigstore.bundle+json;version={version}"
    )
    return {
        "mediaType": media,
        "verificationMaterial": {"x509CertificateChain": {"certificates": chain}, "tlogEntries": []},
        "dsseEnvelope": {
            "payloadType": PAYLOAD_TYPE,
            "payload": text(payload),
            "signatures": [{"sig": text(signed(leaf.key, pae(PAYLOAD_TYPE, payload)))}],
        },
    }


def stamped(made: dict[str, Any], by: Timestamper, *instants: datetime) -> dict[str, Any]:
    """The bundle with time stamps over its signature."""
    from base64 import b64decode

    signature = b64decode(made["dsseEnvelope"]["signatures"][0]["sig"])
    tokens = [{"signedTimestamp": text(by.answer(signature, instant))} for instant in instants]
    made["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": tokens}
    return made
