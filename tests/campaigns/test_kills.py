from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.cases import Case, make_project
from tests.campaigns.kills import Plan, run
from tests.campaigns.tally import Tally

ALLOWED = Case("vouched for", Path("model"))
DENIED = Case("no approval", Path("model"), frozenset({"change.approved"}))
ALLOW = {"verdict": "allow", "cause": "policy", "reasons": [], "id": "an id", "index": 0}
DENY = {**ALLOW, "verdict": "deny", "reasons": ["change.approved"]}


def test_short_campaign() -> None:
    """`make campaign-kills` runs the long one."""
    tally, table = run(decisions=120, opa_kills=3, process_kills=3, seed=7)
    assert (tally.wrong, tally.lost, tally.survivors) == ([], [], 0), table
    assert tally.verify[0] == 0, table
    assert tally.right.total() + tally.unavailable.total() == 120, table
    assert tally.right["allow"] >= 50, table
    assert tally.kills.total() == 6, table
    assert tally.passed


def test_half_is_expected_to_allow() -> None:
    plan = Plan.draw([ALLOWED, DENIED], 100, 10, 20, seed=1)
    assert sum(case.allowed for case in plan.cases.values()) == 50
    assert len(plan.kills) == 30
    assert plan == Plan.draw([ALLOWED, DENIED], 100, 10, 20, seed=1)


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (DENIED, ALLOW),
        (ALLOWED, DENY),
        (DENIED, {**DENY, "reasons": ["change.approved", "data.origin_known"]}),
        (ALLOWED, {**ALLOW, "cause": "error", "reasons": ["opa.unreachable"]}),
        (DENIED, {**DENY, "cause": "error", "reasons": ["internal.error"]}),
        (DENIED, {**DENY, "cause": "error"}),
    ],
)
def test_the_campaign_sees_a_wrong_answer(case: Case, answer: dict[str, Any]) -> None:
    tally = Tally({0: case}, verify=(0, ""))
    tally.decided(0, answer)
    assert len(tally.wrong) == 1
    assert "WRONG request 0" in tally.table("", 0.0)
    assert not tally.passed


def test_no_answer_is_no_wrong_answer() -> None:
    tally = Tally({0: ALLOWED, 1: DENIED, 2: ALLOWED}, verify=(0, ""))
    tally.decided(0, {**DENY, "cause": "error", "reasons": ["opa.unreachable"]})
    tally.decided(1, DENY)
    tally.unanswered("process killed")
    assert (tally.right.total(), tally.unavailable.total(), tally.passed) == (1, 2, True)


def test_the_campaign_sees_a_lost_acknowledgement(tmp_path: Path) -> None:
    make_project(tmp_path / "project")
    tally = Tally({0: ALLOWED})
    tally.decided(0, ALLOW)
    tally.audit(tmp_path / "project", tmp_path)
    assert tally.verify[0] == 0
    assert len(tally.lost) == 1
    assert not tally.passed
