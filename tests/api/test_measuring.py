from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_api.errors import UsageError
from placet_api.measuring import Outcome, evaluation, read, splits
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.predicates import validate
from tests.builders import NOW


@pytest.fixture
def tables(empty: Path) -> Path:
    (empty / "train.csv").write_text("id,x,label\n1,10,0\n2,20,1\n")
    (empty / "test.csv").write_text("id,x,label\n3,30,1\n4,10,0\n")
    (empty / "predictions.csv").write_text("prediction\n1\n1\n")
    (empty / "model.bin").write_bytes(b"model")
    return empty


def compare(**changes: Any) -> Outcome:
    given: dict[str, Any] = {"group": None, "label": None, "ignore": ()}
    files = {"train": Path("train.csv"), "test": Path("test.csv")}
    return splits(files, clock=lambda: NOW, **{**given, **changes})


def numbers(outcome: Outcome) -> dict[str, float]:
    return {result.id: result.value for result in outcome.results}


def test_splits_are_compared_and_each_is_a_subject(tables: Path) -> None:
    outcome = compare()
    validate(outcome.statement)
    assert numbers(outcome)["overlap.rows"] == 0
    assert {subject.name: subject.digest for subject in outcome.statement.subjects} == {
        name: Digest.of((tables / name).read_bytes()) for name in ("train.csv", "test.csv")
    }


def test_a_column_that_makes_no_difference_is_ignored(tables: Path) -> None:
    assert numbers(compare(ignore=("id",)))["overlap.rows"] == 1
    with pytest.raises(UsageError) as caught:
        compare(ignore=("nope",))
    assert (caught.value.code, caught.value.where) == ("measure.column", "train.csv")


def test_groups_and_labels_are_told_apart(tables: Path) -> None:
    assert numbers(compare(group="x"))["overlap.groups"] == 1
    assert numbers(compare(label="label", ignore=("id",)))["overlap.rows"] == 1


def test_an_evaluation_is_about_the_model_and_names_the_very_bytes(tables: Path) -> None:
    times = iter((NOW, NOW + timedelta(seconds=2)))
    outcome = evaluation(
        "model.bin", Path("test.csv"), Path("predictions.csv"),
        clock=lambda: next(times), label="label", prediction="prediction", positive="1", suite="mine",
    )  # fmt: skip
    validate(outcome.statement)
    assert numbers(outcome)["accuracy"] == 0.5
    assert [(subject.name, subject.digest) for subject in outcome.statement.subjects] == [
        ("model.bin", Digest.of(b"model"))
    ]
    predicate = outcome.statement.predicate
    assert predicate["inputs"] == [
        {"role": role, "name": name, "digest": Digest.of((tables / name).read_bytes())}
        for role, name in (("model", "model.bin"), ("test", "test.csv"), ("predictions", "predictions.csv"))
    ]
    assert str(predicate["startedOn"]) < str(predicate["finishedOn"])


def test_what_is_measured_is_what_is_digested(tables: Path) -> None:
    measured = read(Path("train.csv"), ignore=("id",))
    assert measured.digest == Digest.of((tables / "train.csv").read_bytes())
    assert measured.table.header == ("x", "label")
    assert measured.table.rows == (("10", "0"), ("20", "1"))


def test_a_file_that_is_no_table_is_refused(tables: Path) -> None:
    (tables / "train.csv").write_text("a,b\n1\n")
    with pytest.raises(MalformedError) as caught:
        compare()
    assert caught.value.code.startswith("csv.")
