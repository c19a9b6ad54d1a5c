"""What is written of an event, and what never is.

A *leaf* is a small JSON record that stays for ever: it names digests and holds salted commitments,
HMAC-SHA-256 under a fresh salt, to the *payloads* (the decision document, the input, the answer), which lie
beside it and may be erased. Every index column of a store is a view of the leaf; `columns` is the one place
that says which.

::

    {"v":1,"type":"evidence","time":"2026-11-23T20:11:02.000000Z","bundle":"sha256:77…","predicateType":"https://…"}
    {"v":1,"type":"decision","time":"…","id":"0193…","gate":"promote/production","subject":"sha256:9c…","verdict":"deny",
     "commitments":{"decision":"<base64>","input":"<base64>","answer":"<base64>"},"reserve":{"sha256:…":"…"},
     …}
    {"v":1,"type":"admission","time":"…","id":"0193…","verdict":"allow","commitments":{"admission":"<base64>"},…}
    {"v":1,"type":"reload","time":"…","before":"sha256:…","after":"sha256:…",…}
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.strictjson import JsonObject, JsonValue, dumps, loads
from placet_engine.entropy import random_bytes
from placet_engine.errors import LimitError, LogError
from placet_engine.log.encoding import to_base64
from placet_engine.log.limits import DEFAULT_LOG_LIMITS, LogLimits

SALT_SIZE = 32
_RESERVED = frozenset(
    {"v", "type", "time", "id", "gate", "subject", "verdict", "bundle", "commitments", "reserve"}
)


class Columns(NamedTuple):
    """What an index may say of an entry: a view of its leaf, never more."""

    kind: str
    time: datetime
    decision_id: str | None
    gate: str | None
    subject: str | None
    verdict: str | None
    evidence: Digest | None


class Reservation(NamedTuple):
    """`key` may serve `value` only, from now on: one approval, one gate, environment and subject."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes beside a leaf, and the salt without which its commitment says nothing about them."""

    salt: bytes = field(repr=False)
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, data: bytes) -> Payload:
        """The bytes under a fresh salt."""
        return cls(random_bytes(SALT_SIZE), data)

    @property
    def commitment(self) -> str:
        """Base64 of HMAC-SHA-256(salt, data): what the leaf holds."""
        # Not `hmac.digest`, which lets go of the interpreter's lock however short the data: on a busy event loop, to
        # get it back costs twenty times as much as the digest.
        return to_base64(hmac.new(self.salt, self.data, "sha256").digest())


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What stays of a decision for ever: columns to find it by, what it used up, and further `fields`.

    The fields must name no person; they may not be called like the parts of a leaf.
    """

    id: str
    time: datetime
    gate: str
    subject: str
    verdict: str
    reservations: tuple[Reservation, ...] = ()
    fields: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_fields(self.fields)
        if len({item.key for item in self.reservations}) != len(self.reservations):
            raise AssertionError("a decision reserves each key once")


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that waits for its place in the log.

    `strict_clock` makes the store refuse the draft when its time stands behind the newest entry
    (clock.rolled_back). Evidence has it, for its time will count; so should a decision that allows. A denial
    has it not: it must get logged.
    """

    leaf: bytes
    columns: Columns
    payloads: Mapping[str, Payload] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()
    strict_clock: bool = False

    @property
    def time(self) -> datetime:
        """When the drafter says it happened."""
        return self.columns.time


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry that is durable. `new` is false when the same entry had been there before."""

    index: int
    time: datetime
    new: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored entry: its place, its exact leaf, and the index columns as the store has them (not proved)."""

    index: int
    leaf: bytes
    columns: Columns


def evidence_draft(
    bundle: Digest, predicate_type: str, time: datetime, limits: LogLimits = DEFAULT_LOG_LIMITS
) -> Draft:
    """The record that a bundle arrived at `time`; its place in the log is what proves that time later."""
    body: JsonObject = {
        "v": 1,
        "type": "evidence",
        "time": format_time(time),
        "bundle": str(bundle),
        "predicateType": predicate_type,
    }
    return replace(_draft(body, limits), strict_clock=True)


def event_draft(
    kind: str, time: datetime, fields: Mapping[str, JsonValue], limits: LogLimits = DEFAULT_LOG_LIMITS
) -> Draft:
    """The record of something that changes how decisions are made. The fields must name no person."""
    if kind in ("evidence", "decision", "admission"):
        raise AssertionError(f"an event may not look like another entry: {kind}")
    _check_fields(fields)
    return _draft({**fields, "v": 1, "type": kind, "time": format_time(time)}, limits)


def admission_draft(
    id: str,
    time: datetime,
    verdict: str,
    fields: Mapping[str, JsonValue],
    document: bytes,
    limits: LogLimits = DEFAULT_LOG_LIMITS,
) -> Draft:
    """The record of what was answered about an object that names artifacts; `document` says what was asked.

    The decisions that it rests on have entries of their own. The fields must name no person. LimitError
    log.leaf_too_large, log.payload_too_large.
    """
    _check_fields(fields)
    payload = _payload("admission", document, limits)
    body: JsonObject = {
        **fields,
        "v": 1,
        "type": "admission",
        "time": format_time(time),
        "id": id,
        "verdict": verdict,
        "commitments": {"admission": payload.commitment},
    }
    leaf = _leaf(body, limits)
    # What `columns` reads out of this leaf, for the many that a cluster writes.
    view = Columns("admission", time.astimezone(UTC), id, None, None, verdict, None)
    return Draft(leaf, view, {"admission": payload}, strict_clock=verdict == "allow")


def decision_leaf(record: DecisionRecord, commitments: Mapping[str, str]) -> JsonObject:
    """The leaf of a decision, with the commitments to its payloads by name."""
    return {
        **record.fields,
        "v": 1,
        "type": "decision",
        "time": format_time(record.time),
        "id": record.id,
        "gate": record.gate,
        "subject": record.subject,
        "verdict": record.verdict,
        "commitments": dict(commitments),
        "reserve": {item.key: item.value for item in record.reservations},
    }


def decision_draft(
    record: DecisionRecord,
    document: bytes,
    *,
    input: bytes | None = None,
    answer: bytes | None = None,
    strict_clock: bool = False,
    limits: LogLimits = DEFAULT_LOG_LIMITS,
) -> Draft:
    """The draft of a decision: its document, the policy input and the answer, each committed to under its own
    salt.

    LimitError log.leaf_too_large, log.payload_too_large.
    """
    parts = {"decision": document, "input": input, "answer": answer}
    payloads = {name: _payload(name, data, limits) for name, data in parts.items() if data is not None}
    body = decision_leaf(record, {name: payload.commitment for name, payload in payloads.items()})
    return replace(
        _draft(body, limits), payloads=payloads, reservations=record.reservations, strict_clock=strict_clock
    )


def parse_leaf(leaf: bytes, *, where: str = "log entry") -> JsonObject:
    """The record in a leaf, of version 1; LogError log.corrupt when it is none."""
    try:
        body = loads(leaf, max_bytes=DEFAULT_LOG_LIMITS.max_leaf_bytes * 16, where=where)
    except AttestationError as error:
        raise _corrupt(f"a leaf is not JSON: {error.message}", where) from error
    if not isinstance(body, dict) or body.get("v") != 1 or not isinstance(body.get("type"), str):
        raise _corrupt("a leaf is not a record of version 1", where)
    return body


def columns(body: JsonObject, *, where: str = "log entry") -> Columns:
    """The index columns that follow from a leaf; LogError log.corrupt when a field has the wrong type."""
    bundle = _text(body, "bundle", where)
    try:
        evidence = None if bundle is None else Digest.parse(bundle)
        time = parse_time(_text(body, "time", where) or "")
    except (AttestationError, ValueError) as error:
        raise _corrupt(f"a leaf holds a field that does not parse: {error}", where) from error
    return Columns(
        kind=str(body["type"]),
        time=time,
        decision_id=_text(body, "id", where),
        gate=_text(body, "gate", where),
        subject=_text(body, "subject", where),
        verdict=_text(body, "verdict", where),
        evidence=evidence,
    )


def string_map(body: JsonObject, key: str, *, where: str = "log entry") -> dict[str, str]:
    """The object under `key` whose values are all strings, empty when absent; LogError log.corrupt."""
    value = body.get(key, {})
    if not isinstance(value, dict):
        raise _corrupt(f"{key} of a leaf is not an object", where)
    found: dict[str, str] = {}
    for name, item in value.items():
        if not isinstance(item, str):
            raise _corrupt(f"{key}.{name} of a leaf is not a string", where)
        found[name] = item
    return found


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of a second: its order as text is its order in time."""
    if moment.tzinfo is None:
        raise AssertionError("a time without a zone cannot be logged")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """The inverse of `format_time`, and of nothing else; ValueError otherwise."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or format_time(moment) != text:
        raise ValueError(f"{text!r} is not a time of the log")
    return moment


def _draft(body: JsonObject, limits: LogLimits) -> Draft:
    return Draft(_leaf(body, limits), columns(body))


def _check_fields(fields: Mapping[str, JsonValue]) -> None:
    if clash := sorted(_RESERVED & fields.keys()):
        raise AssertionError(f"these leaf fields are taken: {clash}")


def _payload(name: str, data: bytes, limits: LogLimits) -> Payload:
    if len(data) > limits.max_payload_bytes:
        raise LimitError(
            "log.payload_too_large",
            f"{name} has {len(data)} bytes, the log takes {limits.max_payload_bytes}",
            hint="give the decision fewer facts",
        )
    return Payload.of(data)


def _leaf(body: JsonObject, limits: LogLimits) -> bytes:
    leaf = dumps(body)
    if len(leaf) > limits.max_leaf_bytes:
        raise LimitError(
            "log.leaf_too_large",
            f"a log entry has {len(leaf)} bytes, the bound is {limits.max_leaf_bytes}",
            hint="shorten its gate, reasons or reservations; payloads belong beside the leaf",
        )
    return leaf


def _text(body: JsonObject, key: str, where: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise _corrupt(f"{key} of a leaf is not a string", where)
    return value


def _corrupt(message: str, where: str) -> LogError:
    return LogError(
        "log.corrupt", message, where=where, hint="run `placet log verify` to find the first bad entry"
    )
