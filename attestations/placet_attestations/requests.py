"""Who is asking the gate? A local caller proves it by signing the very question, moments ago.

The signature is over gate, subject, context and time, under a payload type of its own: it can be taken
neither for a statement nor for another question. Within the allowed skew the same question may be repeated;
that asks nothing new.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from placet_attestations import strictjson
from placet_attestations.envelope import Envelope, check_payload_type, verify_envelope
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.keys import Signer
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.signing import sign_payload
from placet_attestations.strictjson import JsonObject
from placet_attestations.times import format_time, parse_time
from placet_attestations.trust import SignerRecord, TrustPolicy

PAYLOAD_TYPE: Final = "application/vnd.placet.gate-request.v1+json"
SKEW: Final = timedelta(seconds=60)
"""How far the clocks of caller and gate may lie apart, the way of the request included."""

_MEMBERS: Final = frozenset({"version", "gate", "subject", "context", "time", "nonce"})


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated caller: the signer's id, the principal it belongs to, and its roles in trust.yaml,
    sorted.
    """

    id: str
    principal: str
    roles: tuple[str, ...]


def sign_request(
    signer: Signer, *, gate: str, subject: str, context: JsonObject, now: datetime, nonce: str | None = None
) -> bytes:
    """The DSSE envelope, as JSON, by which the holder of this key asks this gate about this subject now."""
    body: JsonObject = {
        "version": 1,
        "gate": gate,
        "subject": subject,
        "context": context,
        "time": format_time(now),
        "nonce": nonce or secrets.token_hex(16),
    }
    return strictjson.dumps(sign_payload(PAYLOAD_TYPE, strictjson.dumps(body), signer).to_json())


def authenticate(
    raw: bytes,
    trust: TrustPolicy,
    *,
    gate: str,
    subject: str,
    context: JsonObject,
    now: datetime,
    skew: timedelta = SKEW,
    limits: Limits = DEFAULT_LIMITS,
) -> Actor:
    """The caller who signed exactly this question within `skew` of `now`.

    Raises MalformedError json.*, dsse.*, request.shape; UnsupportedError dsse.payload_type; VerificationError
    request.actor_unknown (no trusted key signed it), trust.signer_revoked, trust.signer_expired,
    request.mismatch (another gate, subject or context was signed), request.expired.
    """
    envelope = Envelope.from_json(_read(raw, limits.max_request_bytes, limits))
    signer = _signer(envelope, trust)
    _check_signer(signer, trust, now)
    body = _body(envelope.payload, limits)
    asked: JsonObject = {"gate": gate, "subject": subject, "context": context}
    for member, expected in asked.items():
        if strictjson.dumps(body[member]) != strictjson.dumps(expected):
            raise VerificationError(
                "request.mismatch",
                f"the {member} that was signed is not the one that is asked about",
                where="gate request",
                hint="sign each question anew: gate, subject and context are part of it",
            )
    signed = parse_time(str(body["time"]))
    if abs(now - signed) > skew:
        raise VerificationError(
            "request.expired",
            f"signed at {format_time(signed)}, it is {format_time(now)}",
            where="gate request",
            hint=f"sign it anew; clocks may differ by {skew.total_seconds():g} s",
        )
    return Actor(signer.id, signer.principal, tuple(sorted(signer.roles)))


def _signer(envelope: Envelope, trust: TrustPolicy) -> SignerRecord:
    check_payload_type(envelope, (PAYLOAD_TYPE,))
    if len(envelope.signatures) != 1:
        raise _shape(f"{len(envelope.signatures)} signatures, a request has exactly one")
    try:
        keys = [signer.key for signer in trust.signers if signer.key is not None]
        (key,) = verify_envelope(envelope, keys, payload_types=(PAYLOAD_TYPE,))
    except VerificationError as error:
        raise VerificationError(
            "request.actor_unknown",
            "no key of trust.yaml signed this request",
            where="gate request",
            hint="trust.yaml must list the caller's key, and the request must arrive as it was signed",
        ) from error
    signer = trust.signer_of(key.fingerprint)
    assert signer is not None  # the keys came from there
    return signer


def _check_signer(signer: SignerRecord, trust: TrustPolicy, now: datetime) -> None:
    revoked = trust.signer_revocation(signer.id, now) is not None
    if revoked or not signer.valid_at(now):
        code, word = ("revoked", "revoked") if revoked else ("expired", "not valid at this time")
        raise VerificationError(
            f"trust.signer_{code}",
            f"the caller {signer.id} is {word}",
            where="gate request",
            hint="trust.yaml says so: the caller needs another key, listed there",
        )


def _body(payload: bytes, limits: Limits) -> JsonObject:
    body = _read(payload, limits.max_request_bytes, limits)
    if not isinstance(body, Mapping) or set(body) != _MEMBERS or body["version"] != 1:
        raise _shape(f"a request has version 1 and {', '.join(sorted(_MEMBERS - {'version'}))}")
    if not isinstance(body["time"], str) or not isinstance(body["nonce"], str) or not body["nonce"]:
        raise _shape("time and nonce must be text")
    return body


def _read(data: bytes, max_bytes: int, limits: Limits) -> strictjson.JsonValue:
    return strictjson.loads(data, max_bytes=max_bytes, max_depth=limits.max_json_depth, where="gate request")


def _shape(message: str) -> MalformedError:
    return MalformedError("request.shape", message, where="gate request", hint="make it with `placet gate`")
