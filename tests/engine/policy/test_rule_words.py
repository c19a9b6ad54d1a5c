from __future__ import annotations

import copy
from typing import Any

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.rule_words import check_entrypoint, read_rules


def annotation(code: object = "a.one", **custom: Any) -> dict[str, Any]:
    """What `opa inspect` says of one good rule, with some words changed; None takes a word away."""
    words = {
        "code": code,
        "failure_msg": "no {thing} for {label}",
        "solution": "make it",
        "severity": "error",
        "collections": ["base"],
        "controls": ["C"],
        "requirements": ["R1"],
        "depends_on": [],
    } | custom
    return {
        "annotations": {
            "title": "Title",
            "description": " What it asks.\n",
            "custom": {name: value for name, value in words.items() if value is not None},
        },
        "location": {"file": "placet/rules/one/one.rego", "row": 7, "col": 1},
        "path": [{"value": part} for part in ("data", "placet", "rules", "one", "report")],
    }


def faults(*annotations: dict[str, Any]) -> str:
    with pytest.raises(PolicyError) as caught:
        read_rules(annotations)
    assert caught.value.code == "policy.metadata"
    return caught.value.message


def test_a_rule_is_read() -> None:
    rule = read_rules([annotation(effective_on="2027-01-01T00:00:00Z", supersedes=True)])[0]
    assert (rule.code, rule.topic, rule.description) == ("a.one", "one", "What it asks.")
    assert rule.where == "placet/rules/one/one.rego:7"
    assert rule.row() == {
        "title": "Title",
        "topic": "one",
        "collections": ["base"],
        "severity": "error",
        "requirements": ["R1"],
        "controls": ["C"],
        "solution": "make it",
        "failure_msg": "no {thing} for {label}",
        "depends_on": [],
        "effective_on": "2027-01-01T00:00:00Z",
        "supersedes": True,
    }


def test_words_that_a_rule_does_not_have_are_absent() -> None:
    row = read_rules([annotation(controls=None, requirements=None)])[0].row()
    assert row["controls"] == []
    assert "effective_on" not in row
    assert "supersedes" not in row


def test_rules_are_sorted_and_the_rest_is_passed_over() -> None:
    package = {
        "annotations": {"title": "P"},
        "location": {"file": "f", "row": 1},
        "path": [{"value": "data"}],
    }
    notes = {**package, "annotations": {"custom": {"notes": {"x": "{y"}}}}
    assert [rule.code for rule in read_rules([annotation("b.b"), package, notes, annotation("a.a")])] == [
        "a.a",
        "b.b",
    ]


def test_a_check_of_the_policy_set_on_itself_is_in_no_collection() -> None:
    assert read_rules([annotation("policy.no_report", collections=[])])[0].collections == ()


@pytest.mark.parametrize(
    ("custom", "words"),
    [
        ({"failure_msg": None}, "a.one has no failure_msg"),
        ({"solution": ""}, "a.one has no solution"),
        ({"solution": 3}, "a.one has no solution"),
        ({"severity": None}, "a.one has severity ''"),
        ({"severity": "fatal"}, "a.one has severity 'fatal', not one of error, warning"),
        ({"collections": None}, "a.one is in no collection"),
        ({"collections": "base"}, "a.one is in no collection"),
        ({"depends_on": ["a.two"]}, "depends_on names a.two, which no rule has"),
        ({"effective_on": "2027-01-01"}, "effective_on '2027-01-01', not a time in UTC"),
        ({"effective_on": 2027}, "effective_on '', not a time in UTC"),
        ({"failure_msg": "no {thing"}, "a brace that is no {placeholder} in 'no {thing'"),
        ({"solution": "{Thing}"}, "a brace that is no {placeholder}"),
        ({"failure_msg": "no %s here"}, "%s where a {placeholder} belongs in 'no %s here'"),
        ({"messages": {"gone": "{}"}}, "a brace"),
        ({"notes": {"seen": "by %d people"}}, "%d where"),
        ({"not_applicable": "none of }"}, "a brace"),
    ],
)
def test_a_rule_that_says_too_little_is_refused_with_its_place(custom: dict[str, Any], words: str) -> None:
    message = faults(annotation(**custom))
    assert words in message
    assert "placet/rules/one/one.rego:7: " in message


@pytest.mark.parametrize("code", ["", "Upper.case", "single", 7])
def test_a_code_is_dotted_words(code: object) -> None:
    assert "is not dotted lower-case words" in faults(annotation(code))


def test_title_and_description_are_needed() -> None:
    bare = copy.deepcopy(annotation())
    del bare["annotations"]["title"], bare["annotations"]["description"]
    message = faults(bare)
    assert "a.one has no title" in message
    assert "a.one has no description" in message


def test_a_code_is_given_once() -> None:
    assert "code a.one is also in placet/rules/one/one.rego:7" in faults(annotation(), annotation())


def test_a_percentage_is_no_verb() -> None:
    assert read_rules([annotation(failure_msg="less than 90 % of {rows}, 100% wanted")])


def entry(*path: str) -> dict[str, Any]:
    return {"annotations": {"entrypoint": True}, "path": [{"value": part} for part in path]}


def test_there_is_one_entrypoint() -> None:
    good = entry("data", "placet", "main", "decision")
    check_entrypoint([good, annotation()])
    for bad, named in (
        ([], "none"),
        ([good, good], "data.placet.main.decision, data"),
        ([entry("data", "x")], "data.x"),
    ):
        with pytest.raises(PolicyError, match=named) as caught:
            check_entrypoint(bad)
        assert caught.value.code == "policy.entrypoint"
