"""The rule catalogue and the control matrix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from placet_api import catalogue
from tests.api.projects import a_file, call, done
from tests.engine.policy.toy import INDEX, SETTINGS, write_toy


def cells(line: str) -> list[str]:
    """The cells of a markdown row, escapes undone."""
    parts = re.split(r"(?<!\\)\|", line.strip())[1:-1]
    return [re.sub(r"\\(.)", r"\1", part.strip()) for part in parts]


@pytest.fixture
def toy(empty: Path) -> Path:
    """A project with a small policy set whose words are hostile."""
    hostile = INDEX.replace("There is something", "There | is <b>\\nsomething\\u001b")
    folder = write_toy(empty / "toy", {"placet/index/data.json": hostile})
    a_file(empty, "placet.yaml", "policies: toy\n")
    return folder


def test_the_document_has_gates_rules_and_controls_that_agree(empty: Path) -> None:
    found = done("policy", "catalogue", "--json").json
    assert set(found) == {"gates", "rules", "controls"}
    gates, rules, controls = found["gates"], found["rules"], found["controls"]
    assert rules["change.approved"]["gates"] == ["deploy/production", "promote/production"]
    assert set(rules["policy.no_report"]["gates"]) == set(gates)
    for name, gate in gates.items():
        assert gate["rules"] == [code for code, rule in rules.items() if name in rule["gates"]]
        assert gate["description"]
        assert gate["mode"] == "enforce"
    for control, row in controls.items():
        assert row["rules"] == [code for code, rule in rules.items() if control in rule.get("controls", ())]
        assert set(row["gates"]) == {gate for code in row["rules"] for gate in rules[code]["gates"]}
    assert "change.approved" in controls["SOC2-CC8.1"]["rules"]
    assert done("policy", "catalogue", "--json", "--controls").json == controls


def test_markdown_is_a_table_of_every_rule(empty: Path) -> None:
    found = done("policy", "catalogue", "--json").json
    head, rule, *rows = done("policy", "catalogue", "--markdown").out.splitlines()
    assert cells(head) == ["Rule", "Title", "Severity", "Gates", "Requirements", "Controls", "To do"]
    assert set(rule) == {"|", "-"}
    assert [cells(row)[0] for row in rows] == list(found["rules"])
    assert {len(cells(row)) for row in rows} == {7}
    approved = next(row for row in rows if cells(row)[0] == "change.approved")
    assert cells(approved)[1:5] == [
        "The change is approved", "error", "deploy/production, promote/production", "R16, R72",
    ]  # fmt: skip


def test_the_matrix_is_a_table_of_every_control(empty: Path) -> None:
    controls = done("policy", "catalogue", "--json", "--controls").json
    head, _, *rows = done("policy", "catalogue", "--controls", "--markdown").out.splitlines()
    assert cells(head) == ["Control", "Rules", "Gates"]
    assert [cells(row) for row in rows] == [
        [control, ", ".join(row["rules"]), ", ".join(row["gates"])] for control, row in controls.items()
    ]


def test_text_says_the_same(empty: Path) -> None:
    text = done("policy", "catalogue").out
    assert "change.approved: The change is approved  (error)\n  gates         deploy/production, " in text
    matrix = done("policy", "catalogue", "--controls").out
    assert re.search(r"^SOC2-CC8\.1\n  rules  change\.approval_used, .*\n  gates  \S", matrix, re.MULTILINE)


def test_words_of_a_policy_set_break_no_table(toy: Path) -> None:
    _, _, row = done("policy", "catalogue", "--markdown").out.splitlines()
    assert r"There \| is \<b\> something\\x1b" in row
    assert cells(row) == [
        "first.there", r"There | is <b> something\x1b", "error", "register", "R1", "ISO-1",
        "bring it: placet add {path}",
    ]  # fmt: skip
    assert "\x1b" not in done("policy", "catalogue").out


@pytest.mark.parametrize("gates", ["gates: {}\n", "gates: {register: 3}\n", "gates: 3\n", ""])
def test_a_set_whose_settings_name_no_gates_asks_nothing(empty: Path, gates: str) -> None:
    settings = SETTINGS.replace("gates:\n  register: {collections: [base], mode: enforce}\n", gates)
    bare = INDEX.replace('"severity": "error",\n', "").replace('"ISO-1"', "")
    write_toy(empty / "toy", {"placet/settings/data.yaml": settings, "placet/index/data.json": bare})
    a_file(empty, "placet.yaml", "policies: toy\n")
    assert done("policy", "catalogue").out == (
        "first.there: There is something  (no severity)\n"
        "  gates         -\n"
        "  requirements  R1\n"
        "  controls      -\n"
    )
    assert done("policy", "catalogue", "--json").json["controls"] == {}
    assert done("policy", "catalogue", "--controls").out == ""


def test_a_control_that_no_gate_asks_for_is_said() -> None:
    found = {"controls": {"ISO-1": {"rules": ["first.there"], "gates": []}}}
    assert catalogue.controls_text(found) == "ISO-1\n  rules  first.there\n  gates  -\n"


def test_two_forms_at_once_are_refused(empty: Path) -> None:
    ran = call("policy", "catalogue", "--json", "--markdown")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("placet: usage.output: --json and --markdown are two outputs\n")
