"""The answer of `data.placet.main.decision`, read strictly: only a well-formed, consistent answer can become
an allow.

The shape is `policies/schemas/answer.json`; it is decoded by hand because a JSON Schema check would cost as
much as the evaluation. What the schema cannot say is checked here too: a verdict must follow from the checks
beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal, NoReturn, get_args

from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import JsonObject, JsonValue, loads
from placet_engine.errors import PolicyError
from placet_engine.policy import answer_shape as shape
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits

Status = Literal["pass", "fail", "warn", "waived", "skipped", "not_applicable"]
Outcome = Literal["pass", "fail", "skipped", "not_applicable"]
Severity = Literal["error", "warning"]
Verdict = Literal["allow", "deny"]
Mode = Literal["enforce", "warn", "dry_run"]

WORST_FIRST: Final[tuple[Status, ...]] = ("fail", "skipped", "warn", "waived", "pass", "not_applicable")
"""The status of a check is the worst of its results, in this order."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found about one target (an artifact's digest, or a code, collection or gate).

    A waiver or leniency is of the whole check and hides nothing here.
    """

    status: Outcome
    target: str
    message: str | None
    notes: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckWaiver:
    """The signed waiver that a waived check rests on."""

    statement: str
    until: str
    by: str


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of the gate: its words from METADATA and what it found."""

    code: str
    title: str
    status: Status
    severity: Severity
    message: str | None
    solution: str
    controls: tuple[str, ...]
    requirements: tuple[str, ...]
    results: tuple[CheckResult, ...]
    waiver: CheckWaiver | None


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something the caller has to do after an allow."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """A whole answer. `verdict` counts; `would` is what enforcement would say; both follow from `checks`.

    `document` is the object that all the rest was read from.
    """

    gate: str
    subject: str
    verdict: Verdict
    would: Verdict
    mode: Mode
    checks: tuple[Check, ...]
    waivers: tuple[str, ...]
    obligations: tuple[Obligation, ...]
    reserve: tuple[str, ...]
    document: JsonObject = field(repr=False, compare=False)


def parse_answer(
    raw: bytes,
    *,
    gate: str | None = None,
    subject: str | None = None,
    limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
) -> PolicyAnswer:
    """Read the bytes of a `Result`; `gate` and `subject` are what was asked, and an answer to something else
    is refused.

    Raises PolicyError policy.answer (not the agreed shape), policy.answer_inconsistent (a verdict that its
    checks do not support), policy.answer_mismatch (another gate or subject).
    """
    try:
        document = loads(
            raw,
            max_bytes=limits.max_answer_bytes,
            max_depth=limits.max_answer_depth,
            where="the policy's answer",
        )
    except MalformedError as error:
        raise PolicyError("policy.answer", error.message, where=error.where, hint=shape.HINT) from error
    answer = _answer(document)
    for what, asked, got in (("gate", gate, answer.gate), ("subject", subject, answer.subject)):
        if asked is not None and asked != got:
            raise PolicyError(
                "policy.answer_mismatch", f"asked about {what} {asked}, answered about {got}", hint=shape.HINT
            )
    _require_consistent(answer)
    return answer


def _answer(document: JsonValue) -> PolicyAnswer:
    fields, where = shape.mapping(document, "answer", required=_ANSWER_FIELDS), "answer"
    if fields["version"] != 1 or isinstance(fields["version"], bool):
        shape.refuse("answer.version", "is not 1")
    checks = shape.filled(fields, "checks", where)
    obligations = shape.array(fields, "obligations", where)
    return PolicyAnswer(
        gate=shape.text(fields, "gate", where),
        subject=shape.matching(shape.DIGEST, fields, "subject", where, "a sha256 digest"),
        verdict=shape.choice(fields, "verdict", where, get_args(Verdict)),
        would=shape.choice(fields, "would", where, get_args(Verdict)),
        mode=shape.choice(fields, "mode", where, get_args(Mode)),
        checks=tuple(_check(item, f"checks[{i}]") for i, item in enumerate(checks)),
        waivers=shape.digests(fields, "waivers", where),
        obligations=tuple(_obligation(item, f"obligations[{i}]") for i, item in enumerate(obligations)),
        reserve=shape.digests(fields, "reserve", where),
        document=fields,
    )


_ANSWER = "version gate subject verdict would mode checks waivers obligations reserve"
_CHECK = "code title status severity solution controls requirements results"
_ANSWER_FIELDS: Final = tuple(_ANSWER.split())
_CHECK_FIELDS: Final = tuple(_CHECK.split())
_RESULT_FIELDS: Final = ("status", "target", "evidence")
_STATUSES: Final[tuple[Status, ...]] = get_args(Status)
_OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
_SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)


def _check(value: JsonValue, where: str) -> Check:
    fields = shape.mapping(value, where, required=_CHECK_FIELDS, optional=("message", "waiver"))
    results = shape.filled(fields, "results", where)
    return Check(
        code=shape.matching(shape.CODE, fields, "code", where, "a dotted code"),
        title=shape.text(fields, "title", where),
        status=shape.choice(fields, "status", where, _STATUSES),
        severity=shape.choice(fields, "severity", where, _SEVERITIES),
        message=shape.optional_text(fields, "message", where),
        solution=shape.text(fields, "solution", where),
        controls=shape.texts(fields, "controls", where),
        requirements=shape.texts(fields, "requirements", where),
        results=tuple(_result(item, f"{where}.results[{i}]") for i, item in enumerate(results)),
        waiver=_waiver(fields["waiver"], f"{where}.waiver") if "waiver" in fields else None,
    )


def _result(value: JsonValue, where: str) -> CheckResult:
    fields = shape.mapping(value, where, required=_RESULT_FIELDS, optional=("message", "notes"))
    if "notes" in fields:
        shape.filled(fields, "notes", where)
    return CheckResult(
        status=shape.choice(fields, "status", where, _OUTCOMES),
        target=shape.text(fields, "target", where),
        message=shape.optional_text(fields, "message", where),
        notes=shape.texts(fields, "notes", where) if "notes" in fields else (),
        evidence=shape.digests(fields, "evidence", where),
    )


def _obligation(value: JsonValue, where: str) -> Obligation:
    fields = shape.mapping(value, where, required=("code", "message"))
    return Obligation(
        code=shape.matching(shape.CODE, fields, "code", where, "a dotted code"),
        message=shape.text(fields, "message", where),
    )


def _waiver(value: JsonValue, where: str) -> CheckWaiver:
    fields = shape.mapping(value, where, required=("statement", "until", "by"))
    return CheckWaiver(
        statement=shape.matching(shape.DIGEST, fields, "statement", where, "a sha256 digest"),
        until=shape.matching(shape.TIME, fields, "until", where, "an RFC 3339 time in UTC"),
        by=shape.text(fields, "by", where),
    )


def _require_consistent(answer: PolicyAnswer) -> None:
    """A verdict must follow from the checks: nothing is allowed by an answer that contradicts itself.

    A skipped check may stand beside an allow: a gate's setting can tolerate it.
    """
    codes = [check.code for check in answer.checks]
    if any(left >= right for left, right in pairwise(codes)):
        _contradiction("checks are not sorted by code, or one code reported twice")
    for check in answer.checks:
        _require_consistent_check(check)
    statuses = {check.status for check in answer.checks}
    if answer.would == "allow" and "fail" in statuses:
        _contradiction("would allow although a check failed")
    if answer.would == "allow" and not statuses & {"pass", "warn", "waived"}:
        _contradiction("would allow although no check passed")
    if answer.would == "deny" and not statuses & {"fail", "skipped"}:
        _contradiction("would deny although no check failed")
    if answer.verdict != (answer.would if answer.mode == "enforce" else "allow"):
        _contradiction(f"says {answer.verdict} in mode {answer.mode} where it would say {answer.would}")
    if answer.reserve and answer.verdict != "allow":
        _contradiction("reserves an approval without allowing")


def _require_consistent_check(check: Check) -> None:
    found = {result.status for result in check.results}
    if check.status in ("pass", "not_applicable"):
        worst = next((status for status in WORST_FIRST if status in found), "not_applicable")
        if worst != check.status:
            _contradiction(f"{check.code} says {check.status}, the worst of its results is {worst}")
    elif check.message is None:
        _contradiction(f"{check.code} says {check.status} without a message")
    if (check.status == "waived") != (check.waiver is not None):
        _contradiction(f"{check.code} says {check.status}, which does not go with its waiver")
    targets = [result.target for result in check.results]
    if targets != sorted(targets):
        _contradiction(f"the results of {check.code} are not sorted by target")


def _contradiction(what: str) -> NoReturn:
    raise PolicyError("policy.answer_inconsistent", f"the policy's answer {what}", hint=shape.HINT)
