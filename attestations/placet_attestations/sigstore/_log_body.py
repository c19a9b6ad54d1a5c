"""What a log entry says was signed, held against the bundle: the guard against CVE-2022-36056.

A log proves that it holds some bytes; only their comparison with the signature, the content and the signer of
this bundle makes it proof about this bundle. Bodies are compared by what they mean (decoded base64, DER), and
must say nothing else: an unknown member is a refusal.

Kinds: hashedrekord/0.0.1, dsse/0.0.1 and intoto/0.0.2 of Rekor v1, hashedrekord/0.0.2 of Rekor v2 (for an
envelope: over its PAE).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from placet_attestations import strictjson
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope
from placet_attestations.errors import AttestationError, UnsupportedError, VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.sigstore._log_entry import LogEntry
from placet_attestations.sigstore._protojson import Members, decode
from placet_attestations.x509._schemes import Scheme

_PEM: Final = re.compile(
    r"-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\n((?:[A-Za-z0-9+/=]+\n)+)-----END \1-----\n?"
)
# The hashes that Rekor v2 puts into a hashedrekord: which one follows from the key (rekor-tiles, CLIENTS.md).
_HASHES: Final[Mapping[str, str]] = {"sha256": "SHA2_256", "sha384": "SHA2_384"}


@dataclass(frozen=True, slots=True)
class Signed:
    """What this bundle says: the signature, over an envelope or a file's digest, by a certificate or a key."""

    signature: bytes = field(repr=False)
    content: Envelope | Digest
    verifier: bytes = field(repr=False)  # DER of the certificate, or of the SubjectPublicKeyInfo
    is_certificate: bool
    scheme: Scheme


def check_body(entry: LogEntry, signed: Signed, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise unless the entry's body is about exactly this signature.

    VerificationError log.body when it is about another; UnsupportedError log.kind for kinds not read here.
    """
    check = _KINDS.get((entry.kind, isinstance(signed.content, Envelope)))
    if check is None:
        raise UnsupportedError(
            "log.kind",
            f"a log entry of kind {entry.kind[:60]!a} for this content is not verified by this version",
            where="log entry",
            hint="hashedrekord, dsse and intoto entries are; sign again with a current tool",
        )
    try:
        document = strictjson.loads(
            entry.body, max_bytes=limits.max_bundle_bytes, max_depth=limits.max_json_depth, where="log entry"
        )
        body = Members.of(document, "the entry's body")
        kind, version = body.text("kind"), body.text("apiVersion")
        spec = Members.of(body.take("spec"), "spec")
        body.done()
        if f"{kind}/{version}" != entry.kind:
            raise _other("kind")
        check(spec, signed)
        spec.done()
    except VerificationError:
        raise
    except AttestationError as error:
        raise VerificationError(
            "log.body", f"the body of the log entry: {error.message}", where="log entry", hint=_HINT
        ) from error


def _hashedrekord_1(spec: Members, signed: Signed) -> None:
    data, signature = _object(spec, "data"), _object(spec, "signature")
    _same_hash(data, "hash", _sha256(signed))
    data.done()
    _same(signature.bytes("content"), signed.signature, "signature")
    key = _object(signature, "publicKey")
    _same_verifier(key.bytes("content"), signed)
    key.done()
    signature.done()


def _hashedrekord_2(spec: Members, signed: Signed) -> None:
    # Rekor v2 records neither pure Ed25519 nor odd sizes of RSA (its algorithmregistry).
    key_details, name = signed.scheme.details, signed.scheme.hash
    hash_name = _HASHES.get(name)
    if not key_details or hash_name is None:
        raise _other("key's algorithm")
    record = _object(spec, "hashedRekordV002")
    data, signature = _object(record, "data"), _object(record, "signature")
    record.done()
    if isinstance(signed.content, Envelope):
        digest = hashlib.new(name, signed.content.pae).digest()
    elif name == "sha256":
        digest = bytes.fromhex(signed.content.hex)
    else:
        raise _other("hash")
    _same(data.text("algorithm"), hash_name, "hash")
    _same(data.bytes("digest"), digest, "digest")
    data.done()
    _same(signature.bytes("content"), signed.signature, "signature")
    verifier = _object(signature, "verifier")
    signature.done()
    _same(verifier.text("keyDetails"), key_details, "key's algorithm")
    der = _object(verifier, "x509Certificate" if signed.is_certificate else "publicKey")
    verifier.done()
    _same(der.bytes("rawBytes"), signed.verifier, "signer")
    der.done()


def _dsse_1(spec: Members, signed: Signed) -> None:
    # The envelope's own hash is over JSON that nobody can spell again; payload and signature say all of it.
    spec.take("envelopeHash")
    _same_hash(spec, "payloadHash", _sha256(signed))
    signature = _one(spec)
    _same(signature.bytes("signature"), signed.signature, "signature")
    _same_verifier(signature.bytes("verifier"), signed)
    signature.done()


def _intoto_2(spec: Members, signed: Signed) -> None:
    assert isinstance(signed.content, Envelope)  # as _KINDS says
    content = _object(spec, "content")
    content.take("hash")  # as envelopeHash above
    _same_hash(content, "payloadHash", _sha256(signed))
    envelope = _object(content, "envelope")
    content.done()
    _same(envelope.text("payloadType"), signed.content.payload_type, "payload type")
    payload = envelope.bytes("payload")
    if payload and decode(_ascii(payload), "payload") != signed.content.payload:
        raise _other("payload")
    signature = _one(envelope)
    envelope.done()
    signature.take("keyid")
    _same(decode(_ascii(signature.bytes("sig")), "sig"), signed.signature, "signature")
    _same_verifier(signature.bytes("publicKey"), signed)
    signature.done()


_KINDS: Final[Mapping[tuple[str, bool], Callable[[Members, Signed], None]]] = {
    ("hashedrekord/0.0.1", False): _hashedrekord_1,
    ("hashedrekord/0.0.2", False): _hashedrekord_2,
    ("hashedrekord/0.0.2", True): _hashedrekord_2,
    ("dsse/0.0.1", True): _dsse_1,
    ("intoto/0.0.2", True): _intoto_2,
}
_HINT = "the log entry belongs to another signature: whoever made the bundle must make it again"


def _sha256(signed: Signed) -> str:
    if isinstance(signed.content, Envelope):
        return hashlib.sha256(signed.content.payload).hexdigest()
    return signed.content.hex


def _object(members: Members, name: str) -> Members:
    return Members.of(members.take(name), name)


def _one(members: Members) -> Members:
    listed = members.items("signatures")
    if len(listed) != 1:
        raise _other("number of signatures")
    return Members.of(listed[0], "a signature")


def _same_hash(members: Members, name: str, expected: str) -> None:
    stated = _object(members, name)
    _same(stated.text("algorithm"), "sha256", "hash")
    _same(stated.text("value"), expected, "digest")
    stated.done()


def _same_verifier(pem: bytes, signed: Signed) -> None:
    match = _PEM.fullmatch(_ascii(pem))
    label = "CERTIFICATE" if signed.is_certificate else "PUBLIC KEY"
    if match is None or match[1] != label:
        raise _other("signer")
    _same(decode(match[2].replace("\n", ""), "signer"), signed.verifier, "signer")


def _same(actual: str | bytes, expected: str | bytes, what: str) -> None:
    if actual != expected:
        raise _other(what)


def _ascii(data: bytes) -> str:
    return data.decode("ascii", errors="replace")


def _other(what: str) -> VerificationError:
    return VerificationError(
        "log.body", f"the log entry is about another {what}", where="log entry", hint=_HINT
    )
