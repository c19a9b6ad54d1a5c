"""DSSE 1.0.2: a payload, its type, and signatures over both (https://github.com/secure-systems-lab/dsse).

The shape and the rule of counting; the cryptography is in `keys.py`. Whoever parses a payload must take it
from the very `Envelope` that was verified: the bytes are kept as they were decoded and never encoded again
for checking.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from placet_attestations.errors import MalformedError, UnsupportedError, VerificationError
from placet_attestations.keys import PublicKey
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.strictjson import JsonObject, JsonValue

_FROM_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature. `keyid` is whatever the writer put there: it proves nothing and selects nothing here."""

    sig: bytes = field(repr=False)
    keyid: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its signatures, none of them checked yet."""

    payload_type: str
    payload: bytes = field(repr=False)
    signatures: tuple[Signature, ...]

    @classmethod
    def from_json(cls, value: JsonValue, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read the JSON form (protocol.md, envelope.md) as `strictjson.loads` gives it; unknown members are
        ignored, as the spec asks.

        Raises MalformedError dsse.shape, dsse.base64, dsse.no_signature, dsse.too_many_signatures.
        """
        if not isinstance(value, dict):
            raise _malformed("shape", "an envelope is an object")
        signatures = value.get("signatures")
        if not isinstance(signatures, list) or not signatures:
            raise _malformed("no_signature", "an envelope has at least one signature")
        if len(signatures) > limits.max_envelope_signatures:
            raise _malformed(
                "too_many_signatures",
                f"signatures holds {len(signatures):,}, the limit is {limits.max_envelope_signatures}",
            )
        return cls(
            _text(value, "payloadType"),
            decode_base64(_text(value, "payload"), "payload"),
            tuple([_signature(item, index) for index, item in enumerate(signatures)]),
        )

    def to_json(self) -> JsonObject:
        """The JSON form, standard base64 with padding; a missing keyid is left out."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [_signature_json(signature) for signature in self.signatures],
        }

    @property
    def pae(self) -> bytes:
        """The bytes that each signature is over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding. Lengths count bytes, not characters."""
    try:
        kind = payload_type.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _malformed("shape", "payloadType holds half of a surrogate pair") from error
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def verify_envelope(
    envelope: Envelope, keys: Sequence[PublicKey], *, payload_types: Collection[str], threshold: int = 1
) -> tuple[PublicKey, ...]:
    """The distinct keys whose signatures hold, in the order of `keys`; at least `threshold` of them, or an
    error.

    Every signature is tried with every key, whatever its keyid says, so a wrong hint can neither help nor
    hurt; a key counts once however often it signed. Costs one verification for each pair: bound both before
    calling. Raises UnsupportedError dsse.payload_type; VerificationError dsse.signature, dsse.threshold.
    """
    check_payload_type(envelope, payload_types)
    message = envelope.pae
    distinct = {key.fingerprint: key for key in keys}
    good = tuple(
        key
        for key in distinct.values()
        if any(key.verify(signature.sig, message) for signature in envelope.signatures)
    )
    if not good:
        raise VerificationError(
            "dsse.signature",
            "no signature is by a trusted key over this payload",
            hint="either the content changed after it was signed, or its signer is not trusted here",
        )
    if len(good) < max(threshold, 1):
        raise VerificationError(
            "dsse.threshold",
            f"{len(good)} of {threshold} needed keys signed",
            hint="more of the trusted keys must sign; one key counts once",
        )
    return good


def check_payload_type(envelope: Envelope, payload_types: Collection[str]) -> None:
    """Refuse payloads of other types, and of none: UnsupportedError dsse.payload_type."""
    if not envelope.payload_type or envelope.payload_type not in payload_types:
        raise UnsupportedError(
            "dsse.payload_type",
            f"the payload type {envelope.payload_type[:120]!a} is not one that is read here",
            where="DSSE envelope",
            hint=f"expected {' or '.join(sorted(payload_types))}",
        )


def decode_base64(text: str, what: str) -> bytes:
    """Decode padded base64 of either alphabet, one spelling for each value; raises MalformedError
    dsse.base64.

    Encoding again and comparing refuses what decoders let through: foreign characters, stray bits.
    """
    try:
        return _exactly(text.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        # Perhaps in the other alphabet, and then wholly so.
        if ("-" not in text and "_" not in text) or "+" in text or "/" in text:
            raise _malformed("base64", f"{what} is not base64 in its one padded spelling") from None
    try:
        return _exactly(text.encode("ascii").translate(_FROM_URL_SAFE))
    except (UnicodeEncodeError, binascii.Error):
        raise _malformed("base64", f"{what} is not base64 in its one padded spelling") from None


def _exactly(encoded: bytes) -> bytes:
    data = binascii.a2b_base64(encoded, strict_mode=True)
    if binascii.b2a_base64(data, newline=False) != encoded:
        raise binascii.Error("stray bits")
    return data


def _signature(value: JsonValue, index: int) -> Signature:
    if not isinstance(value, dict):
        raise _malformed("shape", f"signature {index} is not an object")
    keyid = value.get("keyid")
    if keyid is not None and not isinstance(keyid, str):
        raise _malformed("shape", f"the keyid of signature {index} is not a string")
    return Signature(decode_base64(_text(value, "sig"), f"signature {index}"), keyid or None)


def _signature_json(signature: Signature) -> JsonObject:
    encoded = base64.b64encode(signature.sig).decode()
    return {"sig": encoded} if signature.keyid is None else {"sig": encoded, "keyid": signature.keyid}


def _text(value: JsonObject, key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise _malformed("shape", f"{key} must be a string")
    return text


def _malformed(code: str, message: str) -> MalformedError:
    return MalformedError(
        f"dsse.{code}", message, where="DSSE envelope", hint="whoever made the envelope must make it again"
    )
