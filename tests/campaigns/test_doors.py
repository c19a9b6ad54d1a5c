from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from tests.builders import a_trust
from tests.campaigns.cases import Case, make_project
from tests.campaigns.doors import Size, draw_blows, draw_questions, run
from tests.campaigns.reckoning import Question, Reckoning, codes
from tests.campaigns.trusts import Generations

SUBJECT = Digest.of(b"a model")
ALLOWED = Question(Case("vouched for", Path("model")), SUBJECT)
DENIED = Question(Case("no approval", Path("model"), frozenset({"change.approved"})), SUBJECT)
SWITCHED = replace(ALLOWED, switched=True)
UNAPPROVED = [{"code": "change.approved", "status": "fail"}, {"code": "data.origin_known", "status": "pass"}]


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    a_trust(tmp_path)
    made = Generations(tmp_path, [SUBJECT])
    made.write()
    return made


def digest_of(generations: Generations, number: int) -> str:
    return list(generations._known)[number]


def told(trust: str, verdict: str = "allow", **more: Any) -> dict[str, Any]:
    decision = {"id": "one", "verdict": verdict, "cause": "policy", "checks": [], "anchors": {"trust": trust}}
    return {"decision": decision | more, "entry": 0, "receipt": "{}"}


def test_short_campaign() -> None:
    """`make campaign-doors` runs the long one."""
    size = Size(decisions=120, callers=8, opa_kills=2, server_kills=2, reloads=1)
    reckoning, table = run(size, seed=7)
    assert (reckoning.wrong, reckoning.lost, reckoning.survivors) == ([], [], 0), table
    assert reckoning.verify[0] == 0, table
    assert reckoning.right.total() == 120, table
    assert reckoning.right["allow"] >= 40, table
    assert reckoning.receipts == len(reckoning.acknowledged) >= 120, table
    assert reckoning.struck.total() >= 5, table
    assert reckoning.passed


def test_half_is_expected_to_allow_and_some_is_about_the_third_group(tmp_path: Path) -> None:
    _, cases = make_project(tmp_path / "project")
    questions = draw_questions(cases, 200, random.Random(1))
    plain = [question for question in questions if not question.switched]
    assert 10 <= len(questions) - len(plain) <= 40
    assert abs(sum(question.case.allowed for question in plain) - len(plain) / 2) < 20
    third = {question.subject for question in questions if question.switched}
    assert third.isdisjoint(question.subject for question in plain)
    assert len(third) == 2
    assert all(question.case.actor for question in questions)


def test_every_blow_is_drawn_and_some_strike_in_a_reload() -> None:
    size = Size(decisions=1000, callers=8, opa_kills=20, server_kills=10, reloads=4)
    blows = draw_blows(size, random.Random(1))
    struck = [blow.strike for blow in blows] + [blow.at_once for blow in blows if blow.at_once]
    assert (struck.count("opa"), struck.count("server"), struck.count("reload")) == (20, 10, 4)
    assert sum(blow.at_once is not None for blow in blows) == 2
    assert [blow.after for blow in blows] == sorted(blow.after for blow in blows)
    assert blows[-1].after < 900
    assert blows == draw_blows(size, random.Random(1))


def test_each_generation_of_trust_is_another_one(generations: Generations, tmp_path: Path) -> None:
    generations.write()
    assert [generations.of(digest_of(generations, number)) for number in range(3)] == [0, 1, 2]
    assert generations.of("sha256:00") is None
    assert [generations.revokes(number) for number in range(3)] == [False, True, False]
    reasons = [row["reason"] for row in json.loads((tmp_path / "trust.yaml").read_bytes())["revoked"]]
    assert reasons == ["generation 2"]


@pytest.mark.parametrize(
    ("question", "trust", "answer", "right"),
    [
        (ALLOWED, 1, {}, True),
        (ALLOWED, 1, {"verdict": "deny", "checks": UNAPPROVED}, False),
        (ALLOWED, 0, {}, False),  # of a generation that did not rule any more
        (DENIED, 1, {"verdict": "deny", "checks": UNAPPROVED}, True),
        (DENIED, 1, {}, False),
        (DENIED, 1, {"verdict": "deny", "cause": "error", "error": {"code": "internal.error"}}, False),
        (SWITCHED, 1, {}, False),
        (
            SWITCHED,
            1,
            {"verdict": "deny", "checks": [{"code": "lineage.not_revoked", "status": "fail"}]},
            True,
        ),
    ],
)
def test_the_campaign_sees_a_wrong_answer(
    generations: Generations, question: Question, trust: int, answer: dict[str, Any], right: bool
) -> None:
    reckoning = Reckoning([question], generations, verify=(0, ""), receipts=1)
    assert reckoning.answered(0, 200, told(digest_of(generations, trust), **answer), least=1)
    assert (not reckoning.wrong, reckoning.right.total() == 1, reckoning.passed) == (right, right, right)
    assert ("WRONG" in reckoning.table("", 0.0)) is not right


def test_an_unknown_trust_is_wrong(generations: Generations) -> None:
    reckoning = Reckoning([ALLOWED], generations)
    assert reckoning.answered(0, 200, told("sha256:00"), least=0)
    assert len(reckoning.wrong) == 1


def test_what_is_closed_is_asked_again(generations: Generations) -> None:
    reckoning = Reckoning([ALLOWED], generations, verify=(0, ""), receipts=1)
    reckoning.unheard("ConnectionRefusedError")
    assert not reckoning.answered(0, 503, {"code": "http.closing"}, least=0)
    error: dict[str, Any] = {"verdict": "deny", "cause": "error", "error": {"code": "opa.unreachable"}}
    assert not reckoning.answered(0, 200, told("any", **error), least=0)
    assert (reckoning.closed.total(), len(reckoning.acknowledged), reckoning.passed) == (3, 1, True)


@pytest.mark.parametrize(
    ("status", "code"), [(503, "internal.error"), (500, "None"), (429, "access.too_many")]
)
def test_another_refusal_is_a_fault(generations: Generations, status: int, code: str) -> None:
    reckoning = Reckoning([ALLOWED], generations)
    assert reckoning.answered(0, status, {"code": code}, least=0)
    assert len(reckoning.wrong) == 1


def test_the_campaign_sees_what_is_lost(tmp_path: Path) -> None:
    project = tmp_path / "project"
    make_project(project)
    generations = Generations(project, [])
    reckoning = Reckoning([ALLOWED], generations)
    assert reckoning.answered(0, 200, told(digest_of(generations, 0)), least=0)
    reckoning.audit(project, tmp_path)
    assert reckoning.verify[0] == 0
    assert (len(reckoning.lost), reckoning.receipts) == (2, 0)  # neither the entry nor the receipt
    assert not reckoning.passed
    assert codes({"cause": "error", "error": {"code": "opa.timeout"}}) == {"opa.timeout"}
