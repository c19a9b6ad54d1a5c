"""Whether splits are apart."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import MalformedError
from placet_attestations.measure import Table, compare_splits


def table(text: str, name: str = "split.csv") -> Table:
    return Table.parse(text.encode(), name=name)


def measured(**splits: str) -> dict[str, float]:
    return {result.id: result.value for result in compare_splits({k: table(v) for k, v in splits.items()})}


def test_splits_that_are_apart() -> None:
    results = compare_splits({"train": table("x,y\n1,a\n2,b\n3,a\n"), "test": table("x,y\n4,a\n")})
    assert [(result.id, result.metric, result.value, result.sample_size) for result in results] == [
        ("rows.train", "rows", 3, 3),
        ("rows.test", "rows", 1, 1),
        ("duplicates.train", "rows", 0, 3),
        ("duplicates.test", "rows", 0, 1),
        ("overlap.rows", "rows", 0, 4),
    ]


def test_a_row_on_both_sides_whatever_the_order_of_columns() -> None:
    found = measured(
        train="x,y\n1,a\n1,a\n2,b\n", test="y,x\na,1\na,1\na,1\nc,3\n", validation="x,y\n2,b\n1,a\n"
    )
    assert found["overlap.rows"] == 2
    assert (found["duplicates.train"], found["duplicates.test"], found["duplicates.validation"]) == (1, 2, 0)
    assert found["rows.validation"] == 2


def test_cells_do_not_run_into_each_other() -> None:
    assert measured(train="a,b\n1,23\n", test="a,b\n12,3\n")["overlap.rows"] == 0
    assert measured(train='a,b\n"1:",2\n', test='a,b\n1,":2"\n')["overlap.rows"] == 0


def test_the_label_is_no_part_of_a_row() -> None:
    splits = {"train": table("x,y\n1,a\n2,b\n"), "test": table("x,y\n1,b\n3,c\n")}
    found = {result.id: result.value for result in compare_splits(splits, label="y")}
    assert found["overlap.rows"] == 1
    assert (found["classes.train"], found["classes.test"], found["classes.unseen"]) == (2, 2, 1)
    assert {result.id: result.value for result in compare_splits(splits)}["overlap.rows"] == 0


def test_groups_on_both_sides() -> None:
    splits = {
        "train": table("x,patient\n1,p1\n2,p1\n3,p2\n"),
        "test": table("x,patient\n4,p2\n5,p3\n"),
        "validation": table("x,patient\n6,p2\n7,p3\n"),
    }
    found = {result.id: result for result in compare_splits(splits, group="patient")}
    assert found["overlap.groups"].value == 2
    assert found["overlap.groups"].sample_size == 7
    assert found["overlap.rows"].value == 0


@pytest.mark.parametrize(
    "names", [[], ["train"], ["test"], ["train", "validation"], ["train", "test", "dev"]]
)
def test_the_names_of_splits(names: list[str]) -> None:
    with pytest.raises(MalformedError) as caught:
        compare_splits({name: table("x\n1\n") for name in names})
    assert caught.value.code == "csv.splits"


def test_splits_of_other_columns() -> None:
    splits = {"train": table("x,y\n1,a\n", "train.csv"), "test": table("x,z\n1,a\n", "test.csv")}
    with pytest.raises(MalformedError, match=r"'y' stands in only one of train\.csv and test\.csv") as caught:
        compare_splits(splits)
    assert caught.value.code == "csv.columns_differ"


@pytest.mark.parametrize("option", ["group", "label"])
def test_a_column_that_is_not_there(option: str) -> None:
    splits = {"train": table("x\n1\n"), "test": table("x\n2\n")}
    with pytest.raises(MalformedError) as caught:
        compare_splits(
            splits, group="who" if option == "group" else None, label="who" if option == "label" else None
        )
    assert caught.value.code == "csv.column_missing"


CELLS = st.text(st.sampled_from('ab,":1\n é'), max_size=4)
ROWS = st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8)


@given(ROWS, ROWS)
def test_overlap_is_that_of_sets(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> None:
    splits = {"train": written(train), "test": written(test)}
    found = {result.id: result.value for result in compare_splits(splits)}
    assert found["overlap.rows"] == len(set(train) & set(test))
    assert found["duplicates.train"] == len(train) - len(set(train))
    assert found["rows.test"] == len(test)


def written(rows: list[tuple[str, str]]) -> Table:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("x", "y"), *rows])
    return table(text.getvalue())
