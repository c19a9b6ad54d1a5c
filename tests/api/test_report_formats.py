"""SARIF and GitHub: what code scanning and the runner get to read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from placet_api.report import github, render
from placet_api.report.shown import Shown
from placet_api.version import VERSION
from tests.api.test_report import EVERY, HOSTILE, STATUSES, SUBJECT, a_body, a_check, an_error, shown

SCHEMA = Path(__file__).parents[1] / "data" / "sarif" / "sarif-2.1.0-rtm.5.json"
VALIDATOR = Draft4Validator(json.loads(SCHEMA.read_bytes()))
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def sarif(body: Shown) -> dict[str, Any]:
    """The one run of a valid log file."""
    text = render("sarif", body)
    text.encode()
    log: dict[str, Any] = json.loads(text)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def hostile(text: str) -> Shown:
    """Every word that evidence can choose is this text."""
    results = [
        {"status": "fail", "target": text, "message": text, "notes": [text, f"{text}."], "evidence": []}
    ]
    words = {"title": text, "message": text, "solution": text, "results": results}
    waiver = {"by": text, "until": text}
    checks = [a_check(status, **words, waiver=waiver) for status in STATUSES]
    return Shown(a_body(*checks), text, 1, text, text)


def hostile_error(text: str) -> Shown:
    return Shown(an_error(text, text), text, handle=text)


def test_a_run_has_a_rule_for_each_check() -> None:
    run = sarif(shown(*EVERY, a_check("fail", code="change.role_quorum", severity="warning", controls=["ISO-1"],
                                      requirements=["R1"], solution=None)))  # fmt: skip
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("Placet", VERSION)
    assert [rule["id"] for rule in driver["rules"]] == [
        *(f"topic.{status}" for status in STATUSES), "change.role_quorum",
    ]  # fmt: skip
    first, last = driver["rules"][0], driver["rules"][-1]
    assert first == {
        "id": "topic.fail",
        "name": "TopicFail",
        "shortDescription": {"text": "Title of fail"},
        "fullDescription": {"text": "Title of fail."},
        "help": {"text": "mend it:  placet show model.bin".replace("  ", " "),
                 "markdown": "mend it: placet show model.bin"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [], "problem.severity": "error"},
    }  # fmt: skip
    assert last["name"] == "ChangeRoleQuorum"
    assert last["defaultConfiguration"] == {"level": "warning"}
    assert last["properties"] == {"tags": ["R1", "ISO-1"], "problem.severity": "warning"}
    assert "help" not in last


def test_a_result_for_each_check_that_is_not_well() -> None:
    run = sarif(shown(*EVERY))
    levels = {result["ruleId"]: result["level"] for result in run["results"]}
    assert levels == {
        "topic.fail": "error", "topic.skipped": "error", "topic.warn": "warning", "topic.waived": "note",
    }  # fmt: skip
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"] == f"why {result['ruleId'].removeprefix('topic.')}"
        (location,) = result["locations"]
        assert location["physicalLocation"] == {
            "artifactLocation": {"uri": "model.bin"}, "region": {"startLine": 1},
        }  # fmt: skip
        assert location["logicalLocations"][0]["fullyQualifiedName"] == SUBJECT
    assert run["invocations"][0]["executionSuccessful"] is True
    assert run["automationDetails"]["id"] == "placet/promote/production/"
    assert run["properties"]["verdict"] == "deny"


def test_a_waiver_suppresses_and_says_who_and_how_long() -> None:
    waiver = {"statement": SUBJECT, "until": "2027-01-31T00:00:00Z", "by": "risk"}
    (result,) = sarif(shown(a_check("waived", waiver=waiver)))["results"]
    assert result["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "waived by risk until 2027-01-31T00:00:00Z",
        }
    ]
    (result,) = sarif(shown(a_check("fail")))["results"]
    assert "suppressions" not in result


def test_targets_have_their_own_results_with_stable_fingerprints() -> None:
    results = [
        {"status": "fail", "target": "a", "message": "no word on a", "notes": ["there is one, but"]},
        {"status": "fail", "target": "a", "message": "too late"},
        {"status": "fail", "target": "b"},
        {"status": "pass", "target": "c"},
    ]
    check = a_check("fail", results=results)
    first, second = sarif(shown(check))["results"]
    assert first["message"]["text"] == "no word on a; there is one, but; too late"
    assert second["message"]["text"] == "why fail"
    assert first["partialFingerprints"].keys() == {"placet/v1"}
    assert first["partialFingerprints"] != second["partialFingerprints"]
    again = sarif(Shown({**shown(check).body, "id": "other"}, "another", 43))["results"]
    assert [r["partialFingerprints"] for r in again] == [
        r["partialFingerprints"] for r in (first, second)
    ]  # fmt: skip


def test_a_check_without_words_and_results_still_has_a_result() -> None:
    (result,) = sarif(shown(a_check("skipped", message=None, results=[])))["results"]
    assert result["message"]["text"] == "Title of skipped"
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == SUBJECT


@pytest.mark.parametrize("hint", ["ask again", None])
def test_an_error_is_a_result_and_a_notification(hint: str | None) -> None:
    run = sarif(Shown(an_error("OPA did not answer", hint), "churn"))
    words = "OPA did not answer" + (f" {hint}" if hint else "")
    (result,) = run["results"]
    assert (result["ruleId"], result["level"], result["message"]["text"]) == ("opa.timeout", "error", words)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert (told["level"], told["message"]["text"]) == ("error", words)
    rule = run["tool"]["driver"]["rules"][told["associatedRule"]["index"]]
    assert (rule["id"], rule["name"]) == ("opa.timeout", "OpaTimeout")
    assert rule["help"]["text"] == (hint or "The gate could not evaluate, so it is closed.")


@pytest.mark.parametrize(
    ("handle", "uri"),
    [
        ("model.bin", "model.bin"),
        ("./out/model.bin", "out/model.bin"),
        ("'a model #1.bin'", "a%20model%20%231.bin"),
        (None, "placet.yaml"),
        ("/srv/model.bin", "placet.yaml"),
        ("../model.bin", "placet.yaml"),
        ("oci-layout:image", "placet.yaml"),
        (".", "placet.yaml"),
        ("'half", "placet.yaml"),
        ("''", "placet.yaml"),
    ],
)
def test_a_location_is_always_inside_the_repository(handle: str | None, uri: str) -> None:
    (result,) = sarif(Shown(a_body(a_check("fail")), "churn", handle=handle))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_words_from_evidence_are_neither_placeholders_nor_links() -> None:
    (result, *_) = sarif(hostile("{0} [click](https://example.org) \x1b[2J"))["results"]
    text = result["message"]["text"]
    assert text.startswith("{{0}} [click] (https://example.org) \\x1b[2J")


@given(ANY_TEXT)
def test_no_words_at_all_break_a_log_file(text: str) -> None:
    for body in (hostile(text), hostile_error(text)):
        for result in sarif(body)["results"]:
            said = result["message"]["text"]
            assert said.isprintable()
            assert "](" not in said
            assert re.sub(r"\{\{|\}\}", "", said).count("{") == 0
            uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            assert re.fullmatch(r"[A-Za-z0-9_.~%-][A-Za-z0-9_.~%/-]*", uri)


def test_annotations_begin_with_the_verdict_and_the_bad_news() -> None:
    lines = render("github", shown(*EVERY)).splitlines()
    assert lines[0].startswith("::error title=Placet promote/production::NON PLACET  ".replace("  ", " "))
    assert lines[1:] == [
        "::error title=topic.fail::why fail%0Amend it: placet show model.bin",
        "::error title=topic.skipped::why skipped%0Amend it: placet show model.bin",
        "::warning title=topic.warn::why warn%0Amend it: placet show model.bin",
        "::notice title=topic.waived::why waived%0Awaived by ? until ?",
    ]


def test_what_fails_without_denying_is_a_warning() -> None:
    text = render("github", shown(a_check("fail", solution=None), verdict="allow", mode="warn"))
    assert text.startswith("::notice title=Placet promote/production::PLACET (warn mode; would deny)")
    assert text.endswith("\n::warning title=topic.fail::why fail\n")


def test_annotations_name_each_target_and_its_notes() -> None:
    results = [
        {"status": "fail", "target": "a", "message": "50 % of a, b: no", "notes": ["a note"]},
        {"status": "pass", "target": "b", "message": "well"},
    ]
    check = a_check("fail", message=None, results=results, solution=None)
    line = render("github", shown(check)).splitlines()[1]
    assert line == "::error title=topic.fail::Title of fail%0A50 %25 of a, b: no%0Aa note"


@pytest.mark.parametrize("hint", ["ask again", None])
def test_an_error_is_an_annotation(hint: str | None) -> None:
    lines = render("github", Shown(an_error("OPA did not answer", hint), "churn")).splitlines()
    assert lines[1] == "::error title=opa.timeout::OPA did not answer" + (f"%0A{hint}" if hint else "")


def test_a_gates_name_is_only_a_title() -> None:
    text = render("github", shown(gate="x,file=a::b\n::set-env name=A::1"))
    assert text.count("\n") == 1
    assert text.startswith("::error title=Placet x%2Cfile=a%3A%3Ab\\n%3A%3Aset-env name=A%3A%3A1::")


@given(ANY_TEXT | st.just(f"x\n::stop-commands::y\r::error::z {HOSTILE}"))
def test_no_words_at_all_make_a_command_of_their_own(text: str) -> None:
    for body in (hostile(text), hostile_error(text)):
        written = render("github", body)
        assert written.endswith("\n")
        lines = written.split("\n")[:-1]
        assert len(lines) == (2 if body.body["cause"] == "error" else 5)
        for line in lines:
            assert re.match(r"::(error|warning|notice) title=[A-Za-z_./ ]+::", line), line
            assert line.isprintable()


def test_the_summary_is_the_markdown_report_after_what_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    assert github.append_summary(path, shown(*EVERY)) is None
    assert path.read_text(encoding="utf-8") == "before\n" + render("markdown", shown(*EVERY))


@pytest.mark.parametrize("left", [0, 10, 60, 400])
def test_a_summary_without_room_is_cut_at_a_line_and_says_so(tmp_path: Path, left: int) -> None:
    path = tmp_path / "summary.md"
    before = b"x" * (github.SUMMARY_LIMIT - left)
    path.write_bytes(before)
    assert github.append_summary(path, shown(*EVERY)) == "the step summary is full: the report is cut there"
    added = path.read_bytes()[len(before) :].decode()
    assert len(added.encode()) <= left
    if left < 60:
        assert not added
    else:
        whole, _, rest = added.partition("\n(cut here")
        assert rest.endswith("no more room)\n")
        assert render("markdown", shown(*EVERY)).startswith(whole)
        assert (whole == "") == (left == 60)


def test_a_steps_outputs_are_the_verdict_and_where_it_is_proved(tmp_path: Path) -> None:
    path, body = tmp_path / "output", a_body(a_check("pass"), verdict="allow", would="allow")
    path.write_text("before=1\n", encoding="utf-8")
    assert github.append_outputs(path, Shown(body, "m", 42, "here.placet-proof")) is None
    assert github.append_outputs(path, Shown(body | {"verdict": "deny"}, "m")) is None
    decision = body["id"]
    assert path.read_text(encoding="utf-8").splitlines() == [
        "before=1",
        *("verdict=allow", f"decision={decision}", "entry=42", "receipt=here.placet-proof"),
        *("verdict=deny", f"decision={decision}", "entry=", "receipt="),
    ]


def test_no_value_makes_a_second_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    assert github.append_outputs(path, Shown(a_body(verdict="deny"), "m", 1, "x\nverdict=allow")) is None
    assert "receipt=\n" in path.read_text(encoding="utf-8")
    assert "allow" not in path.read_text(encoding="utf-8")


def test_outputs_that_cannot_be_written_are_words(tmp_path: Path) -> None:
    assert github.append_outputs(tmp_path, shown(*EVERY)) == "cannot write the step outputs: Is a directory"


def test_a_summary_that_cannot_be_written_is_words(tmp_path: Path) -> None:
    trouble = github.append_summary(tmp_path, shown(*EVERY))
    assert trouble == "cannot write the step summary: Is a directory"
