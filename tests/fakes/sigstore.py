"""A whole Sigstore instance in this process: CA, certificate log, Rekor v1 log, time stamp authority, root.

It signs what a test asks for, the wrong things too. One tree with one entry: the proofs are real and short.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from placet_attestations.envelope import pae
from placet_attestations.statement import PAYLOAD_TYPE
from tests.fakes.der import octets, utf8
from tests.fakes.timestamper import Timestamper, encoded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISSUER = "https://issuer.example"
IDENTITY = "https://ci.example/acme/model/.workflow@refs/heads/main"
ORIGIN = "log.example"
_SHA256 = ec.ECDSA(hashes.SHA256())
_FULCIO = "1.3.6.1.4.1.57264.1"


SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def text(data: bytes) -> str:
    return b64encode(data).decode()


def spki(key: SigningKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signed(key: SigningKey, message: bytes, hash_: hashes.HashAlgorithm | None = None) -> bytes:
    """A signature as Sigstore's clients make them, or by another hash."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hash_ or hashes.SHA256())
    usual = hashes.SHA384() if key.curve.name == "secp384r1" else hashes.SHA256()
    return key.sign(message, ec.ECDSA(hash_ or usual))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A signer: the key, and the certificate that names it."""

    key: SigningKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return encoded(self.certificate)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(slots=True)
class Sigstore:
    """The instance; `window` is everybody's, from a year before NOW and open."""

    ca_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    tsa_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    log_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    ct_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    ca: x509.Certificate = field(init=False)
    timestamper: Timestamper = field(init=False)

    def __post_init__(self) -> None:
        self.ca = authority("acme root", self.ca_key)
        self.timestamper = Timestamper(self.tsa_key, self._tsa_certificate())

    def root(self, **windows: Mapping[str, str]) -> dict[str, Any]:
        """trusted_root.json; `ca`, `log`, `ct`, `tsa` give another window."""
        usual = {"start": (NOW - timedelta(days=365)).isoformat()}
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.log_key, windows.get("log", usual))],
            "ctlogs": [_log(self.ct_key, windows.get("ct", usual))],
            "certificateAuthorities": [_authority([self.ca], windows.get("ca", usual))],
            "timestampAuthorities": [
                _authority([self.timestamper.certificate, self.ca], windows.get("tsa", usual))
            ],
        }

    def leaf(
        self,
        *names: x509.GeneralName,
        extensions: Mapping[str, bytes] | None = None,
        logged: bool = True,
        is_ca: bool = False,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        key: SigningKey | None = None,
    ) -> Leaf:
        """A certificate for ten minutes from NOW, as Fulcio makes them."""
        key = key or new_key()
        builder = _builder(x509.Name([]), self.ca.subject, key, NOW, NOW + timedelta(minutes=10))
        names = names or (x509.UniformResourceIdentifier(IDENTITY),)
        builder = (
            builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_usage(signing=True, ca=is_ca), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key()), critical=False
            )
        )
        if is_ca:
            builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        for dotted, value in ({f"{_FULCIO}.8": utf8(ISSUER)} if extensions is None else extensions).items():
            builder = builder.add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value), critical=False
            )
        if logged:
            builder = builder.add_extension(self._sct(builder), critical=False)
        return Leaf(key, builder.sign(self.ca_key, hashes.SHA256()))

    def sign(
        self,
        leaf: Leaf,
        payload: bytes,
        instant: datetime = NOW,
        hash_: hashes.HashAlgorithm | None = None,
    ) -> dict[str, Any]:
        """A v0.3 bundle over a statement with a dsse/0.0.1 entry, its time in the log."""
        signature = signed(leaf.key, pae(PAYLOAD_TYPE, payload), hash_)
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                "signatures": [{"signature": text(signature), "verifier": text(leaf.pem)}],
            },
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": text(leaf.der)},
                "tlogEntries": [self.entry(body, instant)],
            },
            "dsseEnvelope": {
                "payloadType": PAYLOAD_TYPE,
                "payload": text(payload),
                "signatures": [{"sig": text(signature)}],
            },
        }

    def entry(self, body: Mapping[str, Any], instant: datetime = NOW) -> dict[str, Any]:
        """The first entry of a log of one, with its promise; index 0 is left out, as Go's writers do."""
        raw = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        log_id = hashlib.sha256(spki(self.log_key)).digest()
        seconds = int(instant.timestamp())
        promised = {"body": text(raw), "integratedTime": seconds, "logID": log_id.hex(), "logIndex": 0}
        promise = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        leaf_hash = hashlib.sha256(b"\0" + raw).digest()
        return {
            "logId": {"keyId": text(log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": text(self.log_key.sign(promise, _SHA256))},
            "inclusionProof": {
                "treeSize": "1",
                "rootHash": text(leaf_hash),
                "checkpoint": {"envelope": self.checkpoint(leaf_hash, 1)},
            },
            "canonicalizedBody": text(raw),
        }

    def checkpoint(self, root_hash: bytes, size: int, origin: str = ORIGIN, signer: str = ORIGIN) -> str:
        """A signed note over a tree."""
        note = f"{origin}\n{size}\n{text(root_hash)}\n"
        hint = hashlib.sha256(spki(self.log_key)).digest()[:4]
        return f"{note}\n\u2014 {signer} {text(hint + self.log_key.sign(note.encode(), _SHA256))}\n"

    def stamp(self, bundle: dict[str, Any], signature: bytes, instant: datetime) -> None:
        """Add a time stamp over the signature."""
        bundle["verificationMaterial"]["timestampVerificationData"] = {
            "rfc3161Timestamps": [{"signedTimestamp": text(self.timestamper.answer(signature, instant))}]
        }

    def _sct(self, builder: x509.CertificateBuilder) -> x509.UnrecognizedExtension:
        """RFC 6962 section 3.3: the log's word over the certificate without this extension."""
        tbs = builder.sign(self.ca_key, hashes.SHA256()).tbs_certificate_bytes
        instant = int(NOW.timestamp() * 1000).to_bytes(8, "big")
        entry = hashlib.sha256(spki(self.ca_key)).digest() + len(tbs).to_bytes(3, "big") + tbs
        word = self.ct_key.sign(b"\0\0" + instant + b"\0\1" + entry + b"\0\0", _SHA256)
        log_id = hashlib.sha256(spki(self.ct_key)).digest()
        sct = b"\0" + log_id + instant + b"\0\0" + b"\4\3" + len(word).to_bytes(2, "big") + word
        listed = len(sct).to_bytes(2, "big") + sct
        value = octets(len(listed).to_bytes(2, "big") + listed)
        return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), value)

    def _tsa_certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme tsa")])
        builder = _builder(
            name, self.ca.subject, self.tsa_key, NOW - timedelta(days=365), NOW + timedelta(days=365)
        )
        return (
            builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(_usage(signing=True, ca=False), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key()), critical=False
            )
            .sign(self.ca_key, hashes.SHA256())
        )


def pep740(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """The attestation object that Python packaging makes of a v0.3 bundle."""
    material, envelope = bundle["verificationMaterial"], bundle["dsseEnvelope"]
    return {
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {"statement": envelope["payload"], "signature": envelope["signatures"][0]["sig"]},
    }


def authority(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A self-signed certificate authority, valid around NOW for years."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, NOW - timedelta(days=2000), NOW + timedelta(days=2000))
    return (
        builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(_usage(signing=False, ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: SigningKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(*, signing: bool, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(signing, False, False, False, False, ca, ca, False, False)


def _log(key: ec.EllipticCurvePrivateKey, window: Mapping[str, str]) -> dict[str, Any]:
    return {
        "baseUrl": f"https://{ORIGIN}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": text(spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": dict(window),
        },
        "logId": {"keyId": text(hashlib.sha256(spki(key)).digest())},
    }


def _authority(chain: list[x509.Certificate], window: Mapping[str, str]) -> dict[str, Any]:
    return {
        "subject": {"organization": "acme", "commonName": "acme"},
        "uri": "https://ca.example",
        "certChain": {"certificates": [{"rawBytes": text(encoded(item))} for item in chain]},
        "validFor": dict(window),
    }
