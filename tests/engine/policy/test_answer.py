from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from placet_engine.errors import PolicyError
from placet_engine.policy.answer import CheckResult, CheckWaiver, Obligation, parse_answer

SUBJECT = "sha256:" + "a" * 64
STATEMENT = "sha256:" + "b" * 64
OTHER = "sha256:" + "c" * 64
SCHEMA = Path(__file__).parents[3] / "policies" / "schemas" / "answer.json"


def check(code: str, status: str, **more: Any) -> dict[str, Any]:
    """A well-formed check, whose one result goes with its status."""
    outcome = {"warn": "fail", "waived": "fail"}.get(status, status)
    result = {"status": outcome, "target": SUBJECT, "evidence": [STATEMENT]}
    found: dict[str, Any] = {
        "code": code,
        "title": "Something holds",
        "status": status,
        "severity": "error",
        "solution": "do it",
        "controls": ["C1"],
        "requirements": ["R1"],
        "results": [result],
    }
    if status != "pass":
        found["message"] = result["message"] = "it does not"
    if status == "waived":
        found["waiver"] = {"statement": STATEMENT, "until": "2027-01-31T00:00:00Z", "by": "risk-officer"}
    return found | more


def answer(*checks: dict[str, Any], verdict: str, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "gate": "register",
        "subject": SUBJECT,
        "verdict": verdict,
        "would": verdict,
        "mode": "enforce",
        "checks": list(checks),
        "waivers": [],
        "obligations": [],
        "reserve": [],
    } | more


ALLOW = answer(
    check("a.one", "pass"),
    check("b.two", "not_applicable"),
    check("c.three", "waived"),
    check("d.four", "warn"),
    verdict="allow",
    waivers=[STATEMENT],
    obligations=[{"code": "log.keep", "message": "keep the log"}],
    reserve=[OTHER],
)
DENY = answer(check("a.one", "fail"), check("b.two", "skipped"), verdict="deny")


def parse(document: object) -> Any:
    return parse_answer(json.dumps(document).encode())


def changed(document: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    copied = copy.deepcopy(document)
    change(copied)
    return copied


def test_an_allow_is_read_whole() -> None:
    got = parse_answer(json.dumps(ALLOW).encode(), gate="register", subject=SUBJECT)
    assert (got.verdict, got.would, got.mode) == ("allow", "allow", "enforce")
    assert [one.code for one in got.checks] == ["a.one", "b.two", "c.three", "d.four"]
    assert got.checks[0].results == (CheckResult("pass", SUBJECT, None, (), (STATEMENT,)),)
    assert got.checks[2].waiver == CheckWaiver(STATEMENT, "2027-01-31T00:00:00Z", "risk-officer")
    assert got.obligations == (Obligation("log.keep", "keep the log"),)
    assert (got.waivers, got.reserve) == ((STATEMENT,), (OTHER,))


def test_a_denial_is_read_with_its_notes() -> None:
    document = changed(DENY, lambda d: d["checks"][0]["results"][0].update(notes=["there is one, but"]))
    got = parse(document)
    assert got.verdict == "deny"
    assert got.checks[0].message == "it does not"
    assert got.checks[0].results[0].notes == ("there is one, but",)


def test_a_gate_that_only_warns_allows_what_it_would_deny() -> None:
    got = parse(answer(check("a.one", "fail"), verdict="allow", would="deny", mode="warn"))
    assert (got.verdict, got.would, got.mode) == ("allow", "deny", "warn")


def test_a_tolerated_skip_stands_beside_an_allow() -> None:
    assert (
        parse(answer(check("a.one", "pass"), check("b.two", "skipped"), verdict="allow")).verdict == "allow"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("mode"), "lacks mode"),
        (lambda d: d.update(surprise=1), "unknown surprise"),
        (lambda d: d.update(version=2), "answer.version is not 1"),
        (lambda d: d.update(version=True), "answer.version is not 1"),
        (lambda d: d.update(verdict="maybe"), "answer.verdict is 'maybe'"),
        (lambda d: d.update(mode=None), "answer.mode is None"),
        (lambda d: d.update(gate=""), "answer.gate is not a text"),
        (lambda d: d.update(gate=7), "answer.gate is not a text"),
        (lambda d: d.update(subject="sha256:ABC"), "answer.subject is not a sha256 digest"),
        (lambda d: d.update(checks=[]), "answer.checks is empty"),
        (lambda d: d.update(checks="none"), "answer.checks is not an array"),
        (lambda d: d.update(checks=[1]), r"checks\[0\] is not an object"),
        (lambda d: d.update(waivers=[STATEMENT, STATEMENT]), "names one digest twice"),
        (lambda d: d.update(reserve={}), "answer.reserve is not an array"),
        (lambda d: d.update(obligations=[{"code": "x"}]), "lacks message"),
        (lambda d: d["checks"][0].update(code="Upper.case"), r"checks\[0\].code is not a dotted code"),
        (lambda d: d["checks"][0].update(status="ok"), r"checks\[0\].status is 'ok'"),
        (lambda d: d["checks"][0].update(severity="fatal"), "severity is 'fatal'"),
        (lambda d: d["checks"][0].update(controls=[""]), r"controls\[0\] is not a text"),
        (lambda d: d["checks"][0].update(results=[]), "results is empty"),
        (lambda d: d["checks"][0]["results"][0].update(status="waived"), "status is 'waived'"),
        (lambda d: d["checks"][0]["results"][0].pop("evidence"), "lacks evidence"),
        (lambda d: d["checks"][0]["results"][0].update(notes=[]), "notes is empty"),
        (lambda d: d["checks"][2]["waiver"].update(until="tomorrow"), "until is not an RFC 3339 time"),
    ],
)
def test_what_has_not_the_agreed_shape_is_refused(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        parse(changed(ALLOW, change))
    assert caught.value.code == "policy.answer"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (answer(check("a.one", "fail"), verdict="allow"), "would allow although a check failed"),
        (answer(check("a.one", "not_applicable"), verdict="allow"), "no check passed"),
        (answer(check("a.one", "skipped"), verdict="allow"), "no check passed"),
        (answer(check("a.one", "pass"), verdict="deny"), "no check failed"),
        (answer(check("a.one", "fail"), verdict="allow", would="deny"), "says allow in mode enforce"),
        (answer(check("a.one", "pass"), verdict="deny", would="allow"), "says deny in mode enforce"),
        (answer(check("a.one", "fail"), verdict="deny", mode="dry_run"), "says deny in mode dry_run"),
        (answer(check("b.b", "pass"), check("a.a", "pass"), verdict="allow"), "not sorted by code"),
        (answer(check("a.a", "pass"), check("a.a", "pass"), verdict="allow"), "one code reported twice"),
        (answer(check("a.one", "fail"), verdict="deny", reserve=[OTHER]), "reserves an approval without"),
        (
            answer(check("a.one", "pass", results=check("a.one", "fail")["results"]), verdict="allow"),
            "is fail",
        ),
        (
            answer(check("a.one", "pass", results=check("a.b", "skipped")["results"]), verdict="allow"),
            "is skip",
        ),
        (
            answer(
                check("a.one", "pass", results=check("a.b", "not_applicable")["results"]), verdict="allow"
            ),
            "the worst of its results is not_applicable",
        ),
        (
            answer({**check("a.one", "pass"), "waiver": check("b.b", "waived")["waiver"]}, verdict="allow"),
            "waiver",
        ),
    ],
)
def test_a_verdict_that_its_checks_do_not_support_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words) as caught:
        parse(document)
    assert caught.value.code == "policy.answer_inconsistent"


def test_a_failure_without_a_message_and_a_waiver_without_a_statement_are_refused() -> None:
    with pytest.raises(PolicyError, match="without a message"):
        parse(changed(DENY, lambda d: d["checks"][0].pop("message")))
    with pytest.raises(PolicyError, match="does not go with its waiver"):
        parse(changed(ALLOW, lambda d: d["checks"][2].pop("waiver")))


def test_results_are_sorted_by_target() -> None:
    first, second = ({"status": "pass", "target": target, "evidence": []} for target in (OTHER, SUBJECT))
    with pytest.raises(PolicyError, match="not sorted by target"):
        parse(answer(check("a.one", "pass", results=[first, second]), verdict="allow"))
    assert parse(answer(check("a.one", "pass", results=[second, first]), verdict="allow")).verdict == "allow"


@pytest.mark.parametrize("asked", [{"gate": "promote/production"}, {"subject": OTHER}])
def test_an_answer_to_another_question_is_refused(asked: Any) -> None:
    with pytest.raises(PolicyError, match="answered about") as caught:
        parse_answer(json.dumps(ALLOW).encode(), **asked)
    assert caught.value.code == "policy.answer_mismatch"


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[]", b'"allow"', b"true", b"\xff", b'{"version":1,"version":1}']
)
def test_bytes_that_are_no_answer_are_refused(raw: bytes) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_answer(raw)
    assert caught.value.code == "policy.answer"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "pass", "fail", "allow", SUBJECT]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "status", "x"]), inner)
    ),
    max_leaves=8,
)


def _paths(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [at, *(path for key, inner in items for path in _paths(inner, (*at, key)))]


@given(data=st.data(), base=st.sampled_from([ALLOW, DENY]))
def test_what_the_schema_refuses_is_refused(data: st.DataObject, base: dict[str, Any]) -> None:
    """One part of a good answer is replaced by anything; whatever we accept, the schema accepts as well."""
    path = data.draw(st.sampled_from([path for path in _paths(base) if path]))
    document: Any = copy.deepcopy(base)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = data.draw(JSON)
    fits = Draft202012Validator(json.loads(SCHEMA.read_bytes())).is_valid(document)
    try:
        parse(document)
        accepted = True
    except PolicyError as error:
        accepted = error.code == "policy.answer_inconsistent"
    assert accepted == fits
