from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_api.report import render
from placet_api.report.shown import Shown, headline, shortest_way

SUBJECT = f"sha256:{'5' * 64}"
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07`rm -rf ~` $(id) | <script>&amp;</script> \"'*_[x](javascript:1) # @all "
    "\u202e\x00\ud800 ]]>"
)
STATUSES = ("fail", "skipped", "warn", "waived", "pass", "not_applicable")


def a_check(status: str, **changes: Any) -> dict[str, Any]:
    code = f"topic.{status}"
    message = {} if status == "pass" else {"message": f"why {status}"}
    return {
        "code": code,
        "title": f"Title of {status}",
        "status": status,
        "severity": "error",
        "solution": f"mend it:  placet show {SUBJECT}",
        "results": [{"status": status, "target": SUBJECT, "evidence": [], **message}],
        **message,
        **changes,
    }


def a_body(*checks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "0193f2aa-0000-7000-8000-000000000000",
        "gate": "promote/production",
        "subject": {"digest": SUBJECT, "kind": "model", "name": "churn"},
        "time": "2026-11-23T21:30:00Z",
        "verdict": "deny",
        "would": "deny",
        "mode": "enforce",
        "cause": "policy",
        "dry_run": False,
        "policy": {"revision": "f" * 64, "archive": SUBJECT},
        "versions": {"opa": "1.22.2", "placet": "0.1.0"},
        "checks": list(checks),
        "obligations": [],
        **changes,
    }


def an_error(message: str, hint: str | None = "ask again") -> dict[str, Any]:
    return a_body(cause="error", error={"code": "opa.timeout", "message": message, "hint": hint})


def shown(*checks: dict[str, Any], **changes: Any) -> Shown:
    return Shown(a_body(*checks, **changes), "churn", 42, ".placet/receipts/x", "model.bin")


EVERY = tuple(a_check(status) for status in STATUSES)


def test_text_says_what_failed_why_and_what_to_do_and_how_often_it_went_well() -> None:
    waived = a_check("waived", waiver={"statement": SUBJECT, "until": "2027-01-31T00:00:00Z", "by": "risk"})
    checks = (*(check for check in EVERY if check["status"] != "waived"), waived, a_check("pass"))
    assert render("text", shown(*checks)) == (
        "NON PLACET  promote/production  churn  sha256:555555555555…  (policy placet@ffffffffffff…, OPA 1.22.2)\n"
        "  ✗ topic.fail            why fail\n"
        "      mend it:  placet show model.bin\n"
        "  ✗ topic.skipped         why skipped\n"
        "      mend it:  placet show model.bin\n"
        "  ! topic.warn            why warn\n"
        "      mend it:  placet show model.bin\n"
        "  w topic.waived          waived: why waived\n"
        "  ~ topic.not_applicable  not applicable: why not_applicable\n"
        "  ✓ 2 checks passed, 1 waived (until 2027-01-31, by risk), 1 skipped\n"
        "decision 0193f2aa-0000-7000-8000-000000000000  log entry 42  receipt .placet/receipts/x\n"
    )


def test_text_names_each_target_once_with_its_notes() -> None:
    results = [
        {
            "status": "fail",
            "target": "a",
            "message": "no word on a",
            "notes": ["there is one, but"],
            "evidence": [],
        },
        {"status": "fail", "target": "b", "message": "no word on b", "evidence": []},
        {"status": "fail", "target": "c", "message": "no word on b", "evidence": []},
        {"status": "pass", "target": "d", "evidence": []},
    ]
    text = render("text", Shown(a_body(a_check("fail", results=results)), "churn"))
    assert text.count("no word on a") == text.count("no word on b") == 1
    assert "      there is one, but\n" in text
    assert "log entry" not in text
    assert "receipt" not in text


def test_text_counts_what_has_nothing_to_look_at_when_it_is_much() -> None:
    checks = [a_check("not_applicable", code=f"topic.{number}") for number in range(5)]
    text = render("text", shown(*checks))
    assert "5 checks have nothing to look at here" in text
    assert "topic.0" not in text


def test_text_falls_back_on_titles() -> None:
    bare = {
        "message": None,
        "results": [{"status": "fail", "target": SUBJECT, "evidence": []}],
        "solution": None,
    }
    quiet = a_check("not_applicable", message=None, results=[{"status": "not_applicable", "target": SUBJECT}])
    text = render("text", shown(a_check("fail", **bare), a_check("waived", message=None), quiet))
    assert "topic.fail            Title of fail\n" in text
    assert "waived: Title of waived" in text
    assert "not applicable: Title of not_applicable" in text
    assert "1 waived (until ?, by ?)" in text


def test_obligations_are_shown() -> None:
    told = {"code": "monitor.watch", "message": "watch it"}
    assert "  → monitor.watch  watch it\n" in render("text", shown(obligations=[told]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verdict": "allow", "would": "allow"}, "PLACET  promote"),
        ({"verdict": "allow", "would": "deny", "mode": "warn"}, "PLACET (warn mode; would deny)  promote"),
        (
            {"verdict": "allow", "would": "deny", "mode": "dry_run"},
            "PLACET (dry_run mode; would deny)  promote",
        ),
        ({"dry_run": True, "verdict": "allow", "would": "allow"}, "PLACET (dry run)  promote"),
        ({"dry_run": True}, "NON PLACET (dry run)  promote"),
        ({}, "NON PLACET  promote"),
        ({"verdict": "ALLOW"}, "NON PLACET"),
        ({"verdict": None}, "NON PLACET"),
    ],
)
def test_the_headline_says_the_verdict_and_how_it_is_meant(changes: dict[str, Any], words: str) -> None:
    assert headline(shown(**changes)).startswith(words)


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
@pytest.mark.parametrize("verdict", ["allow", "deny"])
def test_the_verdict_is_the_decisions_own(form: str, verdict: str) -> None:
    text = render(form, shown(*EVERY, verdict=verdict, would=verdict))
    assert ("NON PLACET" in text or '"deny"' in text) == (verdict == "deny")


@pytest.mark.parametrize(
    ("checks", "changes", "warned"),
    [
        (("pass",), {"verdict": "allow", "would": "allow"}, False),
        (("pass", "warn"), {"verdict": "allow", "would": "allow"}, True),
        (("waived",), {"verdict": "allow", "would": "allow"}, True),
        (("fail",), {"verdict": "allow", "would": "deny", "mode": "warn"}, True),
        (("fail", "warn"), {}, False),
    ],
)
def test_an_allow_with_warnings_is_known(
    checks: tuple[str, ...], changes: dict[str, Any], warned: bool
) -> None:
    assert shown(*map(a_check, checks), **changes).warnings() is warned


def test_colour_is_only_where_it_is_asked_for() -> None:
    for verdict in ("allow", "deny"):
        body = shown(*EVERY, verdict=verdict)
        assert "\x1b" not in render("text", body)
        painted = render("text", body, colour=True)
        assert painted.startswith("\x1b[3")
        assert "\x1b" not in render("markdown", body, colour=True)


@pytest.mark.parametrize("hint", ["ask again", None])
def test_an_error_is_told_in_every_form(hint: str | None) -> None:
    body = Shown(an_error("OPA did not answer", hint), "churn")
    for form in ("text", "markdown", "junit"):
        assert "OPA did not answer" in render(form, body)
        assert "opa.timeout" in render(form, body)
        assert ("ask again" in render(form, body)) == (hint is not None and form != "junit")
    (suite,) = ElementTree.fromstring(render("junit", body))
    assert (suite.get("errors"), suite.get("tests"), suite.get("failures")) == ("1", "1", "0")


def test_json_is_the_document_with_where_it_stands() -> None:
    document = json.loads(render("json", shown(*EVERY)))
    assert document.pop("entry") == 42
    assert document.pop("receipt") == ".placet/receipts/x"
    assert document.pop("label") == "churn"
    assert document == a_body(*EVERY)


def test_junit_counts_each_check_once() -> None:
    root = ElementTree.fromstring(render("junit", shown(*EVERY)))
    (suite,) = root
    assert root.tag == "testsuites"
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "2", "errors": "0", "skipped": "1",
    }  # fmt: skip
    cases = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert cases == {
        "topic.fail": ["failure"],
        "topic.skipped": ["failure"],
        "topic.warn": ["system-out"],
        "topic.waived": ["system-out"],
        "topic.pass": [],
        "topic.not_applicable": ["skipped"],
    }
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert (properties["verdict"], properties["subject"]) == ("deny", SUBJECT)


def test_markdown_is_a_table_with_the_bad_news_first() -> None:
    lines = render("markdown", shown(*EVERY)).splitlines()
    rows = [line.split("|")[2].strip() for line in lines if line.startswith("| ")][1:]
    assert rows == [f"`topic.{status}`" for status in STATUSES]
    assert "Decision `0193f2aa-0000-7000-8000-000000000000`, log entry 42" in lines
    assert "| |" not in render("markdown", Shown(a_body(), "x"))


def test_for_an_artifact_nobody_vouched_for_the_shortest_way_is_shown() -> None:
    known = a_check("fail", code="lineage.subject_known")
    body = shown(known, a_check("fail", code="change.approved"), subject={"digest": SUBJECT})
    assert body.unknown
    assert 0 < len(shortest_way(body)) <= 5
    for command in shortest_way(body):
        assert command in render("text", body)
        assert f"`{command}`" in render("markdown", body)
    assert "placet approve promote/production model.bin --ticket CHG-1 --as approver" in shortest_way(body)
    by_digest = shortest_way(Shown(body.body, "churn"))
    assert f"placet approve promote/production {SUBJECT} --ticket CHG-1 --as approver" in by_digest
    assert any("--model MODEL" in command for command in by_digest)
    assert not any("approve" in command for command in shortest_way(shown(known)))


def hostile(form: str, text: str = HOSTILE) -> str:
    checks = [
        a_check(status, title=text, message=text, solution=text,
                results=[{"status": status, "target": text, "message": text, "notes": [text], "evidence": []}])
        for status in STATUSES
    ]  # fmt: skip
    checks.append(a_check("fail", code="lineage.subject_known", message=text))
    checks.append(a_check("waived", waiver={"by": text, "until": "2027-01-01T00:00:00Z"}))
    body = a_body(
        *checks, obligations=[{"code": "x.y", "message": text}], subject={"digest": SUBJECT, "name": text}
    )
    return render(form, Shown(body, text, 1, text, text))


def test_hostile_words_send_nothing_to_a_terminal() -> None:
    text = hostile("text")
    assert all(line.isprintable() for line in text.split("\n"))
    assert "\\x1b[2J" in text
    text.encode()


def test_hostile_words_form_no_markdown() -> None:
    text = hostile("markdown")
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.splitlines()[0].startswith("## NON PLACET")
    assert sum(line.startswith("#") for line in text.splitlines()) == 1
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {5}
    for line in table:
        assert "<script>" not in line.replace("\\<script\\>", "")
    steps = {f"{number}." for number in range(1, 6)}
    way = [line for line in text.splitlines() if line[:2] in steps and "rm -rf" in line]
    # The fence of a code span is longer than any run of backticks in it.
    assert len(way) == 2
    assert all(line[3:].startswith("`` ") and line.endswith(" ``") for line in way)


def test_hostile_words_form_no_xml() -> None:
    root = ElementTree.fromstring(hostile("junit"))
    assert {element.tag for element in root.iter()} == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "skipped", "system-out",
    }  # fmt: skip
    failure = next(root.iter("failure"))
    assert "<script>" in str(failure.get("message"))
    assert "�" in str(failure.get("message"))


def test_hostile_words_survive_json() -> None:
    assert json.loads(hostile("json"))["checks"][0]["message"] == HOSTILE


@given(st.text(st.characters(exclude_categories=())))
def test_no_words_at_all_break_a_report(text: str) -> None:
    ElementTree.fromstring(hostile("junit", text))
    assert all(
        line.isprintable() for form in ("text", "markdown") for line in hostile(form, text).split("\n")
    )
    assert json.loads(hostile("json", text))["label"] == text
