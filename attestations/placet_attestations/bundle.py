"""Sigstore bundle v0.3, for signatures by keys: the file format in which statements travel.

A bundle says which key to try (`hint`) and never brings the key; which algorithm holds is the trusted key's
own business. Bundles with certificates are well-formed and not verified by this version: UnsupportedError, so
that nobody takes "cannot check" for "forged".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from placet_attestations import strictjson
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.keys import PublicKey
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.strictjson import JsonObject, JsonValue

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"

_MEDIA_TYPES = frozenset({MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
_MEDIA_FAMILY = "application/vnd.dev.sigstore.bundle"
_MEMBERS = frozenset({"mediaType", "verificationMaterial", "dsseEnvelope"})
# Log entries and time stamps may stand there: without a trusted root they prove nothing and are not read.
_MATERIAL = frozenset({"publicKey", "tlogEntries", "timestampVerificationData"})
# Some writers put the key itself beside the hint, and its algorithm. Neither is ever read: a key is trusted
# because trust.yaml lists it, and its algorithm is the one it has there.
_PUBLIC_KEY = frozenset({"hint", "rawBytes", "keyDetails", "validFor"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle, not verified. `digest` is of `raw`, the bytes that came; `hint` is None when none was
    given.
    """

    raw: bytes = field(repr=False)
    digest: Digest
    envelope: Envelope
    hint: str | None


def parse_bundle(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Bundle:
    """Read a bundle with exactly one DSSE signature by a key.

    Members that are null count as absent, as protobuf JSON has it. Raises MalformedError json.*,
    bundle.shape, bundle.content, bundle.signatures, dsse.*; UnsupportedError bundle.unsupported.
    """
    document = strictjson.loads(
        raw, max_bytes=limits.max_bundle_bytes, max_depth=limits.max_json_depth, where="bundle"
    )
    members = _present(document, "a bundle")
    _check_media_type(members.get("mediaType"))
    if "messageSignature" in members:
        raise _unsupported("a bundle with a messageSignature: it signs a file, not a statement")
    _only(members, _MEMBERS, "the bundle")
    if "dsseEnvelope" not in members:
        raise _malformed("content", "the bundle has no dsseEnvelope")
    hint = _hint(members.get("verificationMaterial"))
    envelope = Envelope.from_json(members["dsseEnvelope"])
    if len(envelope.signatures) != 1:
        raise _malformed("signatures", f"{len(envelope.signatures)} signatures, a bundle has exactly one")
    return Bundle(raw, Digest.of(raw), envelope, hint)


def make_bundle(envelope: Envelope, public_key: PublicKey) -> bytes:
    """The bundle of an envelope that this key signed once; the caller has checked the signature."""
    if len(envelope.signatures) != 1:
        raise _malformed("signatures", f"{len(envelope.signatures)} signatures, a bundle has exactly one")
    document: JsonObject = {
        "mediaType": MEDIA_TYPE,
        # Other readers insist on the empty list.
        "verificationMaterial": {"publicKey": {"hint": public_key.hint}, "tlogEntries": []},
        "dsseEnvelope": envelope.to_json(),
    }
    return strictjson.dumps(document)


def _check_media_type(value: JsonValue) -> None:
    if not isinstance(value, str) or not value.startswith(_MEDIA_FAMILY):
        raise _malformed("shape", "mediaType is not that of a Sigstore bundle")
    if value not in _MEDIA_TYPES:
        raise _unsupported(f"a bundle of type {value[:120]!a}")


def _hint(value: JsonValue) -> str | None:
    material = _present(value, "verificationMaterial")
    if "certificate" in material or "x509CertificateChain" in material:
        raise _unsupported("a bundle signed with a certificate")
    _only(material, _MATERIAL, "verificationMaterial")
    key = _present(material.get("publicKey"), "publicKey")
    _only(key, _PUBLIC_KEY, "publicKey")
    hint = key.get("hint")
    if hint is not None and not isinstance(hint, str):
        raise _malformed("shape", "the hint of the public key is not a string")
    return hint or None


def _present(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise _malformed("shape", f"{what} must be an object")
    return {key: member for key, member in value.items() if member is not None}


def _only(members: JsonObject, known: frozenset[str], what: str) -> None:
    # A member from a later version may change what the others mean, so it is not skipped.
    unknown = sorted(set(members) - known)
    if unknown:
        raise _unsupported(f"{what} has a member {unknown[0][:60]!a}")


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(
        "bundle.unsupported",
        f"{what} is not verified by this version",
        where="bundle",
        hint="sign with a key that trust.yaml lists: `placet attest` writes such bundles",
    )


def _malformed(code: str, message: str) -> MalformedError:
    return MalformedError(
        f"bundle.{code}", message, where="bundle", hint="whoever made the bundle must make it again"
    )
