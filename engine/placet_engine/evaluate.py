"""The one use case, read top to bottom: a question comes in, a logged decision goes out.

It fails closed and says so: whatever goes wrong before the log is written becomes a denial with a reason code; only
a log that cannot be written leaves no decision at all (`LogError`, which every door answers with a refusal).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.requests import Actor, authenticate
from placet_attestations.strictjson import JsonObject, dumps
from placet_attestations.trust import TrustPolicy
from placet_engine import facts
from placet_engine.decision import Asked, Decision, Failure, Judge, decided, denied_by_error, uuid7
from placet_engine.errors import EngineError, LimitError, LogError, PolicyError, ReservationConflict
from placet_engine.facts import Question, environment_of
from placet_engine.lineage.graph import trace
from placet_engine.lineage.model import Lineage
from placet_engine.lineage.reader import EvidenceReader
from placet_engine.log.entry import DecisionRecord, Reservation, decision_draft
from placet_engine.log.log import DecisionLog
from placet_engine.policy.answer import parse_answer
from placet_engine.policy.port import (
    Answer,
    PolicyEngine,
    Refused,
    Result,
    TimedOut,
    Undefined,
    Unreachable,
    WrongBundle,
)
from placet_engine.uses import reservations_of, uses_in

_TRIES = 3
_MAX_GATE_BYTES = 512
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What a caller asks. `at` judges as of another time and is a dry run by definition.

    Who asks is proved by `signed`, or was found out by the door (`actor`, from a token it checked): not both. `by` is
    the moment of `time.monotonic` at which the caller stops waiting; no evaluation goes on after it.

    Raises `MalformedError` json.surrogate and `LimitError` request.too_large for what no log entry could hold.
    """

    gate: str
    subject: Digest
    context: Mapping[str, str] = field(default_factory=dict)
    signed: bytes | None = None
    at: datetime | None = None
    dry_run: bool = False
    actor: Actor | None = None
    by: float | None = None

    def __post_init__(self) -> None:
        if self.signed is not None and self.actor is not None:
            raise AssertionError("a request is signed, or its caller is known by the door: not both")
        longest = DEFAULT_LIMITS.max_request_bytes
        if len(dumps(self.gate)) > _MAX_GATE_BYTES or len(dumps(dict(self.context))) > longest:
            raise LimitError(
                "request.too_large",
                f"the gate's name has more than {_MAX_GATE_BYTES} bytes, or its context more than {longest:,}",
                hint="give less context: names and ids, not documents",
            )


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that is durable in the log, the index of its entry, and the receipt that proves it."""

    decision: Decision
    index: int
    receipt: bytes = field(repr=False)


class _Closed(Exception):
    """Evaluation ended early: deny, for this reason."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class _Judged(NamedTuple):
    """A decision before it is logged: the bytes of its facts and answer, and what it uses up."""

    decision: Decision
    facts: bytes | None = None
    answer: bytes | None = None
    reserve: Mapping[str, str] = {}
    other: str | None = None
    """The revision of the policy set that OPA judges by, where it was not ours."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Judges artifacts. Holds what a decision needs and nothing that changes between two of them.

    `unusable` says why the policy set may not judge (it does not compile, say): then every decision is a logged denial.
    `successor` gives, for a block, whoever judges by a revision that OPA has instead of ours, if anybody does.
    """

    trust: TrustPolicy
    reader: EvidenceReader
    engine: PolicyEngine
    log: DecisionLog
    judge: Judge
    gates: frozenset[str]
    clock: Callable[[], datetime]
    max_facts: int = 2_000_000
    timeout: float = 5.0
    limits: Limits = DEFAULT_LIMITS
    unusable: Failure | None = None
    successor: Callable[[str], AbstractContextManager[Evaluator | None]] = lambda _: nullcontext()

    def decide(self, request: GateRequest) -> Decided:
        """Decide one request.

        1. Known gate, clock not behind the log, caller authenticated.
        2. Lineage: only verified, admitted, recorded statements.
        3. Facts: the policy input, as bytes.
        4. Ask OPA; only a well-formed answer of the expected bundle can allow. Where OPA has the next bundle, whoever
           judges by that begins anew.
        5. Log, durably, with what is used up reserved in the same transaction; somebody else's use starts again at 2.
        6. Receipt.

        Raises `LogError` when the log cannot be written: then there is no decision.
        """
        for _ in range(_TRIES):
            try:
                judged = self._evaluate(request)
                if judged.other is not None:
                    with self.successor(judged.other) as following:
                        if following is not None:
                            return following.decide(request)
                return self._record(judged)
            except ReservationConflict:
                _log.info("an approval was used by somebody else; judging again")
            except (LimitError, LogError) as error:
                # Too large for an entry, or overtaken by a clock ahead: it cannot stand in the log, but a denial can.
                if isinstance(error, LogError) and error.code != "clock.rolled_back":
                    raise
                return self._deny(request, Failure(error.code, str(error), error.hint))
        return self._deny(
            request,
            Failure("log.reserved", "the approval was being used by others at the same time", "ask again"),
        )

    def facts_of(self, question: Question, lineage: Lineage) -> bytes:
        """The policy input, with what the log says of uses now. Raises `LimitError` facts.too_large."""
        as_of, uses = uses_in(self.log, lineage)
        return facts.encode(facts.build(question, lineage, as_of=as_of, uses=uses), max_bytes=self.max_facts)

    def _deny(self, request: GateRequest, failure: Failure) -> Decided:
        asked = self._asked(request)
        return self._record(_Judged(denied_by_error(asked, self.judge, failure)))

    def _evaluate(self, request: GateRequest) -> _Judged:
        asked, encoded, other = self._asked(request), None, None
        try:
            if self.unusable is not None:
                raise _Closed(self.unusable)
            self._check_gate_and_clock(request, asked.time)
            actor = self._actor(request, asked.time)
            asked = _asked_by(asked, actor)
            lineage = trace(request.subject, self.reader, self.trust, self.limits, as_of=request.at)
            asked = _asked_about(asked, lineage)
            encoded = self.facts_of(
                Question(request.gate, request.subject, asked.time, actor, request.context, asked.dry_run),
                lineage,
            )
            got = self.engine.ask(encoded, timeout=self._patience(request))
            other = got.got if isinstance(got, WrongBundle) else None
            result = _result_or_close(got)
            answer = parse_answer(result.raw, gate=request.gate, subject=request.subject)
            decision = decided(asked, self.judge, encoded, result.raw, answer)
            return _Judged(decision, encoded, result.raw, reservations_of(decision, lineage))
        except _Closed as closed:
            failure = closed.failure
        except (AttestationError, EngineError) as error:
            failure = Failure(error.code, str(error), error.hint)
        except Exception as error:  # noqa: BLE001 - a bug must deny, too, and be logged as what it is
            _log.exception("a decision failed inside Placet")
            failure = Failure(
                "internal.error", f"{type(error).__name__}: {error}", "report this; run again with --debug"
            )
        return _Judged(denied_by_error(asked, self.judge, failure, encoded), encoded, other=other)

    def _asked(self, request: GateRequest) -> Asked:
        return Asked(
            id=uuid7(self.clock()),
            gate=request.gate,
            subject=request.subject,
            time=(request.at or self.clock()).astimezone(UTC),
            dry_run=request.dry_run or request.at is not None,
            context=request.context,
            environment=environment_of(request.gate),
            actor=None if request.actor is None else _told(request.actor),
        )

    def _check_gate_and_clock(self, request: GateRequest, now: datetime) -> None:
        if request.gate not in self.gates:
            raise PolicyError(
                "gate.unknown",
                f"the policy set knows no gate {request.gate}",
                hint=f"one of {', '.join(sorted(self.gates))}",
            )
        self.log.check_clock(now if request.at is None else self.clock())

    def _patience(self, request: GateRequest) -> float:
        """Seconds that OPA has: the setting's, or what is left of the caller's."""
        if request.by is None:
            return self.timeout
        left = request.by - time.monotonic()
        if left <= 0:
            raise _Closed(
                Failure(
                    "request.deadline", "the caller's time was over before OPA was asked", "give it more time"
                )
            )
        return min(self.timeout, left)

    def _actor(self, request: GateRequest, now: datetime) -> Actor | None:
        if request.signed is None:
            return request.actor
        # The proof of possession is about the clock on the wall, also when a decision is asked as of another time.
        at = now if request.at is None else self.clock()
        return authenticate(
            request.signed,
            self.trust,
            gate=request.gate,
            subject=request.subject,
            context=request.context,
            now=at,
        )

    def _record(self, judged: _Judged) -> Decided:
        decision = judged.decision
        record = DecisionRecord(
            id=decision.id,
            gate=decision.gate,
            subject=decision.subject,
            verdict=decision.verdict,
            time=self.clock() if decision.dry_run else decision.time,
            reservations=tuple(Reservation(key, value) for key, value in judged.reserve.items()),
            fields=self._leaf_fields(decision),
        )
        draft = decision_draft(
            record,
            decision.document,
            input=judged.facts,
            answer=judged.answer,
            strict_clock=decision.allowed,
        )
        appended = self.log.append(draft)
        return Decided(decision, appended.index, self.log.receipt(appended.index))

    def _leaf_fields(self, decision: Decision) -> JsonObject:
        """What the leaf says for ever, beside the verdict: no name of a person."""
        return {
            "would": decision.would,
            "mode": decision.mode,
            "cause": decision.cause,
            "dryRun": decision.dry_run,
            "reasons": list(decision.reasons),
            "policy": self.judge.policy_revision,
            "policyArchive": self.judge.policy_archive,
            "opa": self.judge.anchors.opa,
            "anchors": self.judge.anchors.digest,
            "placet": self.judge.placet_version,
        }


def _asked_by(asked: Asked, actor: Actor | None) -> Asked:
    return asked if actor is None else replace(asked, actor=_told(actor))


def _told(actor: Actor) -> JsonObject:
    return {"id": actor.id, "principal": actor.principal}


def _asked_about(asked: Asked, lineage: Lineage) -> Asked:
    subject = lineage.artifacts[lineage.subject]
    counts = {
        "artifacts": len(lineage.artifacts),
        "statements": len(lineage.statements),
        "findings": len(lineage.findings),
    }
    return replace(asked, kind=subject.kind, name=subject.name, counts=counts)


def _result_or_close(answer: Answer) -> Result:
    """The bytes of a result, or the reason why there are none. Every kind of answer stands here; a new one must too."""
    failure: Failure
    match answer:
        case Result():
            return answer
        case Undefined():
            failure = Failure("opa.undefined", "the policy set gave no answer", "run  placet policy test")
        case Refused(status, text):
            failure = Failure("opa.refused", f"OPA answered {status}: {text}", "run  placet policy test")
        case TimedOut():
            failure = Failure("opa.timeout", "OPA did not answer in time", "ask again, or raise opa.timeout")
        case Unreachable(text):
            failure = Failure(
                "opa.unreachable", f"OPA cannot be reached: {text}", "ask again;  placet doctor  says more"
            )
        case WrongBundle(got):
            failure = Failure(
                "opa.wrong_bundle",
                f"OPA judged by another policy set: {got or 'unnamed'}",
                "ask again once it has the new one",
            )
    raise _Closed(failure)
