"""The decision: what was asked, what was answered, on what, under what.

The document is made once, as bytes; those bytes are committed to by the log, kept, shown and carried by the receipt.
Deny is what a decision says unless an answer of the policy, parsed strictly, says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from placet_attestations.digests import Digest
from placet_attestations.strictjson import JsonObject, JsonValue, dumps
from placet_attestations.times import format_time
from placet_engine.entropy import random_bytes
from placet_engine.policy.answer import PolicyAnswer

Verdict = Literal["allow", "deny"]


def uuid7(now: datetime, entropy: bytes | None = None) -> str:
    """A UUID version 7 (RFC 9562 section 5.7): milliseconds of `now`, then 74 random bits."""
    random = int.from_bytes(random_bytes(10) if entropy is None else entropy, "big")
    value = (int(now.timestamp() * 1000) & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & ((1 << 62) - 1)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a decision rests on and the judged must not choose (design.md section 1, promise 8).

    Every value is a digest or a name as it was configured; `digest` pins all of them at once.
    """

    trust: str
    policy: str
    settings: str
    roots: str
    opa: str
    store: str
    log_key: str
    caller: str = "none"

    def as_json(self) -> JsonObject:
        """The anchors by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def digest(self) -> Digest:
        """SHA-256 over the canonical JSON of all anchors."""
        return Digest.of(dumps(self.as_json()))


@dataclass(frozen=True, slots=True)
class Judge:
    """Which policy and which engine judged: versions and digests that every decision records."""

    anchors: Anchors
    policy_revision: str
    policy_archive: str
    opa_version: str
    placet_version: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request could not be evaluated: the reason code of a `cause: error` denial."""

    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, with the exact bytes of its document.

    `document` is canonical JSON; every other field is a view of it. `reasons` are the codes that denied.
    """

    id: str
    gate: str
    subject: Digest
    verdict: Verdict
    would: Verdict
    mode: str
    cause: Literal["policy", "error"]
    reasons: tuple[str, ...]
    dry_run: bool
    time: datetime
    document: bytes = field(repr=False)
    body: JsonObject = field(repr=False)

    @property
    def allowed(self) -> bool:
        """True only for the verdict allow."""
        return self.verdict == "allow"


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as it was understood, before anybody judged it."""

    id: str
    gate: str
    subject: Digest
    time: datetime
    dry_run: bool
    context: Mapping[str, str]
    environment: str | None = None
    actor: Mapping[str, JsonValue] | None = None
    kind: str | None = None
    name: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """The fields that every document carries."""
        named = (("digest", self.subject), ("kind", self.kind), ("name", self.name))
        subject: JsonObject = {key: value for key, value in named if value is not None}
        return {
            "version": 1,
            "id": self.id,
            "gate": self.gate,
            "subject": subject,
            "time": format_time(self.time),
            "dry_run": self.dry_run,
            "context": dict(self.context),
            "environment": self.environment,
            "actor": None if self.actor is None else dict(self.actor),
            "lineage": dict(self.counts),
        }


def _judge_json(judge: Judge, facts: bytes | None, answer: bytes | None) -> JsonObject:
    return {
        "anchors": dict(judge.anchors.as_json()) | {"digest": judge.anchors.digest},
        "policy": {"revision": judge.policy_revision, "archive": judge.policy_archive},
        "versions": {"opa": judge.opa_version, "placet": judge.placet_version},
        "digests": {
            "input": None if facts is None else Digest.of(facts),
            "answer": None if answer is None else Digest.of(answer),
        },
    }


def denied_by_error(asked: Asked, judge: Judge, failure: Failure, facts: bytes | None = None) -> Decision:
    """The decision of a gate that could not evaluate: closed, and it says why."""
    error: JsonObject = {"code": failure.code, "message": failure.message, "hint": failure.hint}
    body: JsonObject = {
        **asked.as_json(),
        **_judge_json(judge, facts, None),
        "verdict": "deny",
        "would": "deny",
        "mode": "enforce",
        "cause": "error",
        "error": error,
        "checks": [],
        "waivers": [],
        "obligations": [],
        "reserve": [],
    }
    return _seal(asked, body, (failure.code,))


def decided(asked: Asked, judge: Judge, facts: bytes, raw: bytes, answer: PolicyAnswer) -> Decision:
    """The decision that an answer of the policy makes. `raw` is its bytes, `answer` the same, parsed strictly."""
    told = {part: answer.document[part] for part in ("checks", "waivers", "obligations", "reserve")}
    body: JsonObject = {
        **asked.as_json(),
        **_judge_json(judge, facts, raw),
        "verdict": answer.verdict,
        "would": answer.would,
        "mode": answer.mode,
        "cause": "policy",
        **told,
    }
    reasons = tuple(check.code for check in answer.checks if check.status in ("fail", "skipped"))
    return _seal(asked, body, reasons)


def _seal(asked: Asked, body: JsonObject, reasons: tuple[str, ...]) -> Decision:
    return Decision(
        id=asked.id,
        gate=asked.gate,
        subject=asked.subject,
        verdict="allow" if body["verdict"] == "allow" else "deny",
        would="allow" if body["would"] == "allow" else "deny",
        mode=str(body["mode"]),
        cause="error" if body["cause"] == "error" else "policy",
        reasons=reasons,
        dry_run=asked.dry_run,
        time=asked.time,
        document=dumps(body),
        body=body,
    )
