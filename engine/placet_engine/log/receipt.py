"""The `.placet-proof` file: all that is needed to check one decision offline, but the log's public key.

::

    {"version":1,"proof":"<tlog-proof text>","decision":"<the exact decision
    document>","salts":{"decision":"<base64>"}}

The key comes from whoever checks, never from the file. Only the decision's salt is in it: whoever holds the
receipt learns nothing about the input and the answer beyond what the decision says.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from placet_attestations.errors import AttestationError
from placet_attestations.strictjson import JsonObject, dumps, loads
from placet_engine.errors import LogError, ProofError
from placet_engine.log.encoding import from_base64, to_base64
from placet_engine.log.entry import SALT_SIZE, Columns, Payload, columns, parse_leaf, string_map
from placet_engine.log.limits import DEFAULT_LOG_LIMITS, LogLimits
from placet_engine.log.note import NoteVerifier
from placet_engine.log.proof import Proof, parse_proof

SUFFIX = ".placet-proof"
_FIELDS = {"version", "proof", "decision", "salts"}
_AGREE = {"id": "decision_id", "gate": "gate", "verdict": "verdict"}


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """A decision that stands in a log: the document, where it stands, and of which log."""

    decision: JsonObject
    document: bytes = field(repr=False)
    columns: Columns
    index: int
    size: int
    origin: str


def make_receipt(proof: Proof, decision: Payload) -> bytes:
    """The receipt of the decision that `proof` is about."""
    body: JsonObject = {
        "version": 1,
        "proof": proof.as_text(),
        "decision": decision.data.decode(),
        "salts": {"decision": to_base64(decision.salt)},
    }
    return dumps(body)


def check_receipt(
    raw: bytes, verifier: NoteVerifier, *, origin: str | None = None, limits: LogLimits = DEFAULT_LOG_LIMITS
) -> CheckedReceipt:
    """Check a receipt under the log key of whoever checks.

    Steps: 1. the file has the agreed shape. 2. its leaf stands in a log that this key signed. 3. the leaf is
    of a decision, and commits to the document under its salt. 4. document and leaf tell the same. ProofError
    receipt.malformed, receipt.commitment, receipt.mismatch, and what `Proof.check` raises.
    """
    body = _open(raw, limits)
    proof = parse_proof(_text(body, "proof"))
    checkpoint = proof.check(verifier, origin)
    view, leaf = _leaf(proof)
    document = _text(body, "decision").encode()
    if not hmac.compare_digest(Payload(_salt(body), document).commitment, leaf.get("decision", "")):
        raise ProofError(
            "receipt.commitment",
            f"the decision in this receipt is not the one that log entry {proof.index} records",
            hint="the document or its salt were changed; get the receipt again from the log",
        )
    decision = _document(document, limits)
    _agree(decision, view, proof.index)
    return CheckedReceipt(decision, document, view, proof.index, checkpoint.size, checkpoint.origin)


def _open(raw: bytes, limits: LogLimits) -> Mapping[str, object]:
    try:
        body = loads(raw, max_bytes=limits.max_receipt_bytes, where="receipt")
    except AttestationError as error:
        raise _malformed(error.message) from error
    if (
        not isinstance(body, dict)
        or set(body) != _FIELDS
        or body["version"] != 1
        or isinstance(body["version"], bool)
    ):
        raise _malformed("it has not the fields of version 1")
    return body


def _text(body: Mapping[str, object], key: str) -> str:
    value = body[key]
    if not isinstance(value, str):
        raise _malformed(f"{key} is not a string")
    return value


def _salt(body: Mapping[str, object]) -> bytes:
    salts = body["salts"]
    text = salts.get("decision") if isinstance(salts, dict) else None
    salt = from_base64(text) if isinstance(text, str) else None
    if salt is None or len(salt) != SALT_SIZE:
        raise _malformed(f"it has no salt of {SALT_SIZE} bytes for the decision")
    return salt


def _leaf(proof: Proof) -> tuple[Columns, dict[str, str]]:
    where = f"log entry {proof.index}"
    try:
        body = parse_leaf(proof.leaf, where=where)
        view, commitments = columns(body, where=where), string_map(body, "commitments", where=where)
    except LogError as error:
        raise _malformed(error.message) from error
    if view.kind != "decision":
        raise _malformed(f"{where} records {view.kind}, not a decision")
    return view, commitments


def _document(document: bytes, limits: LogLimits) -> JsonObject:
    try:
        decision = loads(document, max_bytes=limits.max_payload_bytes, where="decision")
    except AttestationError as error:
        raise _malformed(f"its decision is not JSON: {error.message}") from error
    if not isinstance(decision, dict):
        raise _malformed("its decision is not an object")
    return decision


def _agree(decision: JsonObject, view: Columns, index: int) -> None:
    subject = decision.get("subject")
    told = {name: decision.get(key) for key, name in _AGREE.items()}
    told["subject"] = subject.get("digest") if isinstance(subject, dict) else subject
    for name, value in told.items():
        if value != getattr(view, name):
            raise ProofError(
                "receipt.mismatch",
                f"{name} is {value!r} in the decision, but {getattr(view, name)!r} in log entry {index}",
                hint="whoever runs this log recorded something else than it answered; ask them",
            )


def _malformed(why: str) -> ProofError:
    return ProofError(
        "receipt.malformed", f"this is not a receipt: {why}", hint="get the receipt again from the log"
    )
