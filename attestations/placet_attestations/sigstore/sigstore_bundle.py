"""Sigstore bundles v0.1, v0.2, v0.3 with everything they may carry, read strictly: the codec before all checks.

Shape only (sigstore/protobuf-specs, `sigstore_bundle.proto`, in proto-JSON): nothing here is believed. Members
that are null or missing have protobuf's default, which writers in Go leave out; a member that is not known is
UnsupportedError, for it may change what the others mean. The bytes stay as they came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from placet_attestations import strictjson
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.sigstore._log_entry import LogEntry, read_entries
from placet_attestations.sigstore._protojson import Members, malformed, unsupported
from placet_attestations.strictjson import JsonValue

_MEDIA_TYPE: Final = re.compile(
    r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=(0\.[123])|\.v(0\.[123])\+json)"
)


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a file. `sha256` is what its writer says the file's digest is, hex, or None."""

    signature: bytes = field(repr=False)
    sha256: str | None


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """The bundle was signed by a key from elsewhere; `hint` is a word about which, and proves nothing."""

    hint: str | None


@dataclass(frozen=True, slots=True)
class CertificateMaterial:
    """The bundle was signed by the key of `leaf` (DER); `others` are what v0.1 and v0.2 call a chain, and what
    model-signing writes into v0.3 (`is_chain`, which verification takes under an own PKI alone).
    """

    leaf: bytes = field(repr=False)
    others: tuple[bytes, ...] = field(repr=False, default=())
    is_chain: bool = False


Content: TypeAlias = Envelope | MessageSignature
Material: TypeAlias = CertificateMaterial | KeyMaterial


@dataclass(frozen=True, slots=True)
class SigstoreBundle:
    """A parsed bundle, not verified. `digest` is of `raw`, the bytes that came; `version` is `0.1` to `0.3`, or
    the other form that it came in (`reading.py`).
    """

    raw: bytes = field(repr=False)
    digest: Digest
    version: str
    material: Material
    content: Content
    entries: tuple[LogEntry, ...]
    timestamps: tuple[bytes, ...] = field(repr=False)

    @property
    def signature(self) -> bytes:
        """The one signature, which time stamps are over."""
        if isinstance(self.content, Envelope):
            return self.content.signatures[0].sig
        return self.content.signature


def parse_sigstore_bundle(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> SigstoreBundle:
    """Read a bundle, whoever signed it and over whatever.

    Raises MalformedError json.*, dsse.*, bundle.shape, bundle.content, bundle.material, bundle.certificate,
    bundle.signatures, bundle.entries, bundle.entry, bundle.proof, bundle.promise, bundle.timestamps,
    bundle.base64, bundle.number; UnsupportedError bundle.unsupported.
    """
    document = strictjson.loads(
        raw, max_bytes=limits.max_bundle_bytes, max_depth=limits.max_json_depth, where="bundle"
    )
    return read_sigstore_bundle(raw, document, limits)


def read_sigstore_bundle(raw: bytes, document: JsonValue, limits: Limits) -> SigstoreBundle:
    """The same from what `strictjson.loads` made of `raw`."""
    members = Members.of(document, "the bundle")
    version = _version(members.take("mediaType"))
    material = Members.of(members.take("verificationMaterial"), "verificationMaterial")
    content = _content(members, limits)
    members.done()
    signer = _signer(material, version, limits)
    entries = _entries(material, limits)
    timestamps = _timestamps(material, limits)
    material.done()
    if (
        version == "0.1"
        and isinstance(signer, CertificateMaterial)
        and any(e.promise is None for e in entries)
    ):
        raise malformed("promise", "a log entry of a v0.1 bundle has no inclusion promise")
    return SigstoreBundle(raw, Digest.of(raw), version, signer, content, entries, timestamps)


def _version(value: JsonValue) -> str:
    if not isinstance(value, str) or not value.startswith("application/vnd.dev.sigstore.bundle"):
        raise malformed("shape", "mediaType is not that of a Sigstore bundle")
    match = _MEDIA_TYPE.fullmatch(value)
    if match is None:
        raise unsupported(f"a bundle of type {value[:120]!a}")
    return match[1] or match[2]


def _content(members: Members, limits: Limits) -> Content:
    envelope, message = members.take("dsseEnvelope"), members.take("messageSignature")
    if (envelope is None) is (message is None):
        raise malformed("content", "a bundle has exactly one of dsseEnvelope and messageSignature")
    if message is not None:
        return _message(Members.of(message, "messageSignature"))
    parsed = Envelope.from_json(envelope, limits)
    if len(parsed.signatures) > limits.max_signatures:
        raise malformed(
            "signatures",
            f"signatures of dsseEnvelope holds {len(parsed.signatures)}, the limit is {limits.max_signatures}",
        )
    if not parsed.signatures[0].sig:
        raise malformed("signatures", "the signature is empty")
    return parsed


def _message(members: Members) -> MessageSignature:
    signature = members.bytes("signature")
    digest = members.take("messageDigest")
    members.done()
    if not signature:
        raise malformed("signatures", "the signature is empty")
    if digest is None:
        return MessageSignature(signature, None)
    stated = Members.of(digest, "messageDigest")
    algorithm, value = stated.text("algorithm"), stated.bytes("digest")
    stated.done()
    if algorithm != "SHA2_256":
        raise unsupported(f"a message digest by {algorithm[:60]!a}")
    if len(value) != 32:
        raise malformed("content", f"a SHA-256 of {len(value)} bytes")
    return MessageSignature(signature, value.hex())


def _signer(material: Members, version: str, limits: Limits) -> Material:
    key, chain = material.take("publicKey"), material.take("x509CertificateChain")
    one = material.take("certificate")
    if (key is not None) + (chain is not None) + (one is not None) != 1:
        raise malformed(
            "material", "a bundle has exactly one of publicKey, x509CertificateChain, certificate"
        )
    if key is not None:
        return _key(Members.of(key, "publicKey"))
    if one is not None and version != "0.3":
        raise malformed("material", "v0.3 bundles have one certificate, v0.1 and v0.2 a chain")
    if one is not None:
        return CertificateMaterial(_certificate(one, limits))
    members = Members.of(chain, "x509CertificateChain")
    listed = members.items("certificates")
    members.done()
    if not 0 < len(listed) <= limits.max_certificates:
        raise malformed(
            "certificate",
            f"x509CertificateChain holds {len(listed)} certificates, the limit is {limits.max_certificates}",
        )
    leaf, *others = (_certificate(item, limits) for item in listed)
    return CertificateMaterial(leaf, tuple(others), is_chain=True)


def _key(members: Members) -> KeyMaterial:
    hint = members.text("hint")
    # Some writers put the key itself beside the hint. It is never read: who trusts a key has it already.
    for name in ("rawBytes", "keyDetails", "validFor"):
        members.take(name)
    members.done()
    return KeyMaterial(hint or None)


def _certificate(value: JsonValue, limits: Limits) -> bytes:
    members = Members.of(value, "a certificate")
    data = members.bytes("rawBytes")
    members.done()
    return check_certificate(data, "rawBytes", limits)


def check_certificate(data: bytes, name: str, limits: Limits) -> bytes:
    """A certificate's bytes if there are any and not too many; `name` is the member that they came in."""
    if not 0 < len(data) <= limits.max_certificate_bytes:
        raise malformed(
            "certificate",
            f"{name}, a certificate of {len(data):,} bytes, the limit is {limits.max_certificate_bytes:,}",
        )
    return data


def _entries(material: Members, limits: Limits) -> tuple[LogEntry, ...]:
    listed = material.items("tlogEntries")
    return read_entries(listed, "tlogEntries", limits) if listed else ()


def _timestamps(material: Members, limits: Limits) -> tuple[bytes, ...]:
    data = material.take("timestampVerificationData")
    if data is None:
        return ()
    members = Members.of(data, "timestampVerificationData")
    listed: Sequence[JsonValue] = members.items("rfc3161Timestamps")
    members.done()
    if len(listed) > limits.max_timestamps:
        raise malformed(
            "timestamps",
            f"rfc3161Timestamps holds {len(listed)} time stamps, the limit is {limits.max_timestamps}",
        )
    tokens = tuple(_timestamp(item, limits) for item in listed)
    if len(set(tokens)) != len(tokens):
        raise malformed("timestamps", "a time stamp stands there twice")
    return tokens


def _timestamp(value: JsonValue, limits: Limits) -> bytes:
    members = Members.of(value, "a time stamp")
    token = members.bytes("signedTimestamp")
    members.done()
    if not 0 < len(token) <= limits.max_timestamp_bytes:
        raise malformed(
            "timestamps",
            f"signedTimestamp, a time stamp of {len(token):,} bytes, the limit is {limits.max_timestamp_bytes:,}",
        )
    return token
