"""`import placet`: the same verbs, from the first file to the decision."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import placet
from placet_api.errors import ConfigurationError, UsageError
from placet_attestations.digests import Digest
from placet_attestations.errors import VerificationError
from placet_engine.errors import LogError
from tests.api.projects import DATASET, GATE, a_file, done, make_project, predict, row_count


@pytest.fixture
def fresh(empty: Path) -> Path:
    """A project with people and nothing else."""
    make_project(empty)
    rows = "".join(f"{number},{x},{int(x >= 40)}\n" for number in range(80) for x in (number * 37 % 80,))
    a_file(empty, "train.csv", "id,x,label\n" + rows[: rows.index("60,")])
    a_file(empty, "test.csv", "id,x,label\n" + rows[rows.index("\n60,") + 1 :])
    a_file(empty, "train.py", "# the code\n")
    a_file(empty, "requirements.lock", "nothing==1.0\n")
    a_file(empty, "train.yaml", DATASET.format(name="train", kind="raw"))
    return empty


def test_from_training_to_production(fresh: Path) -> None:
    with placet.record(
        "train", inputs=["train.csv"], code="train.py", lock=Path("requirements.lock"), parameters={"C": 1.0},
        seeds={"numpy": 7},
    ) as step:  # fmt: skip
        a_file(fresh, "model.json", json.dumps({"threshold": 40}))
        step.output("model.json", kind="model", name="churn-model", alias="churn-model@1")
    refused = placet.gate(GATE, "model.json")
    assert not refused.allowed
    assert set(refused.reasons) >= {"data.origin_known", "change.approved"}
    assert placet.attest("dataset", Path("train.csv"), "train.yaml", signer="data-owner").entry > 0
    predict(fresh)
    done("measure", "splits", "--train=train.csv", "--test=test.csv", "--ignore=id", "--as=evaluator")
    done("measure", "evaluation", "--model=model.json", "--labels=test.csv", "--predictions=predictions.csv",
         "--as=evaluator")  # fmt: skip
    approved = placet.approve(GATE, "model.json", ticket="CHG-1", signer="approver", days=1)
    decision = placet.gate(GATE, Path("model.json"), context={"ticket": "CHG-1"})
    assert (decision.allowed, decision.reasons) == (True, ())
    assert decision.document["reserve"] == [approved.statement]
    assert decision.receipt is not None
    assert decision.receipt.is_file()
    assert decision.id in done("log", "show", str(decision.entry)).out
    rows = placet.verify("churn-model@1")
    assert {row.type for row in rows} == {"training", "measurement", "approval"}
    assert all(row.counts for row in rows)


def test_a_recorded_block_says_which_program_it_was_in(fresh: Path) -> None:
    with placet.record("ingest") as step:
        step.output("train.csv")
    (row,) = placet.verify("train.csv")
    assert row.type == "ingest"
    assert step.entry_point == shlex.join(sys.orig_argv)


def train(during: Callable[[], object]) -> None:
    """A recorded block in which something happens."""
    with placet.record("train", inputs=["train.csv"]) as step:
        step.output("train.py")
        during()


def test_a_block_that_fails_signs_nothing(fresh: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(lambda: 1 // 0)
    assert placet.verify("train.py") == []


def test_an_input_that_changes_in_the_block_signs_nothing(fresh: Path) -> None:
    with pytest.raises(VerificationError):
        train(lambda: a_file(fresh, "train.csv", "x\n"))
    assert placet.verify("train.py") == []


def test_a_block_without_outputs_signs_nothing(fresh: Path) -> None:
    with pytest.raises(UsageError), placet.record("train"):
        pass


def test_a_model_is_what_a_package_is_made_of(fresh: Path) -> None:
    with placet.record("package", inputs=["train.py"]) as step:
        step.output("train.yaml")
    assert [material.role for material in step.materials] == ["model"]


def test_a_digest_is_that_of_the_command_line(fresh: Path) -> None:
    assert placet.digest("train.csv") == placet.digest(Path("train.csv"))
    assert placet.digest("train.csv") == Digest.of((fresh / "train.csv").read_bytes())


def test_a_dry_run_and_an_error_are_decisions_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = placet.gate(GATE, "model.json", dry_run=True)
    assert decision.allowed
    assert decision.document["dry_run"] is True
    assert row_count(project, "log_reservation") == 0
    monkeypatch.setenv("PLACET_LIMITS_FACTS", "1")
    decision = placet.gate(GATE, "model.json")
    assert (decision.allowed, decision.reasons) == (False, ("facts.too_large",))
    monkeypatch.setenv("PLACET_RECEIPTS", "model.json")
    assert placet.gate(GATE, "model.json").receipt is None


def test_in_ci_it_wants_its_pin(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = done("trust", "digest").out.strip()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ConfigurationError) as caught:
        placet.gate(GATE, "model.json")
    assert caught.value.code == "trust.unpinned"
    assert placet.gate(GATE, "model.json", anchors=pin).allowed


def test_without_a_log_there_is_no_decision(project: Path) -> None:
    (project / ".placet" / "placet.db").unlink()
    with pytest.raises(LogError) as caught:
        placet.gate(GATE, "model.json")
    assert caught.value.code == "log.rolled_back"


def test_an_unknown_gate_is_not_approved(project: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        placet.approve("promote/productoin", "model.json", ticket="CHG-1", signer="approver")
    assert caught.value.code == "gate.unknown"


def test_every_name_it_promises_is_there_and_no_other() -> None:
    assert all(getattr(placet, name) is not None for name in placet.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = placet.nothing
