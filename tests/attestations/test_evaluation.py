"""Numbers about a classifier, and the CSV files they are computed from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import MalformedError
from placet_attestations.limits import Limits
from placet_attestations.measure import MetricResult, Table, evaluate, evaluate_tables

LABELS = ["cat", "cat", "cat", "dog", "dog", "emu"]
PREDICTIONS = ["cat", "cat", "dog", "dog", "cat", "dog"]


def values(results: Sequence[MetricResult]) -> dict[str, float]:
    assert len({result.id for result in results}) == len(results)
    return {result.id: result.value for result in results}


def table(text: str, name: str = "test.csv") -> Table:
    return Table.parse(text.encode(), name=name)


def test_a_positive_class() -> None:
    results = evaluate(LABELS, PREDICTIONS, positive="cat")
    assert values(results) == {
        "accuracy": 3 / 6,
        "precision": 2 / 3,
        "recall": 2 / 3,
        "f1": 2 / 3,
        "confusion[cat][cat]": 2,
        "confusion[cat][dog]": 1,
        "confusion[cat][emu]": 0,
        "confusion[dog][cat]": 1,
        "confusion[dog][dog]": 1,
        "confusion[dog][emu]": 0,
        "confusion[emu][cat]": 0,
        "confusion[emu][dog]": 1,
        "confusion[emu][emu]": 0,
    }
    assert {result.sample_size for result in results} == {6}
    assert [result.metric for result in results][:5] == ["accuracy", "precision", "recall", "f1", "count"]


def test_without_one_the_mean_over_the_classes() -> None:
    results = evaluate(LABELS, PREDICTIONS)
    found = values(results)
    # cat 2/3 2/3 2/3, dog 1/3 1/2 2/5, emu 0 0 0: never predicted, so its precision is 0 and not left out.
    assert found["precision"] == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert found["recall"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found["f1"] == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert [result.metric for result in results][1:4] == ["precision_macro", "recall_macro", "f1_macro"]


PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30)


@given(PAIRS)
def test_numbers_are_shares_and_counts_add_up(pairs: list[tuple[str, str]]) -> None:
    labels, predictions = [a for a, _ in pairs], [b for _, b in pairs]
    if set(labels).isdisjoint(predictions):
        return
    found = values(evaluate(labels, predictions))
    counts = {name: value for name, value in found.items() if name.startswith("confusion")}
    assert sum(counts.values()) == len(pairs)
    assert all(0 <= found[name] <= 1 for name in ("accuracy", "precision", "recall", "f1"))
    right = sum(found[f"confusion[{name}][{name}]"] for name in set(labels) | set(predictions))
    assert math.isclose(found["accuracy"], right / len(pairs))


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_count(pairs: list[tuple[str, str]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    if {a for a, _ in pairs}.isdisjoint(b for _, b in pairs):
        return
    one, other = ([list(column) for column in zip(*rows, strict=True)] for rows in (pairs, shuffled))
    assert evaluate(*one) == evaluate(*other)


@pytest.mark.parametrize(
    ("labels", "predictions", "positive", "code"),
    [
        (["a"], [], None, "csv.rows_differ"),
        ([], [], None, "csv.rows_differ"),
        (["a", "b"], ["a"], None, "csv.rows_differ"),
        (["1", "0"], ["1.0", "0.0"], None, "csv.labels_disjoint"),
        ([str(n) for n in range(65)], ["0"] * 65, None, "csv.classes"),
        (["a", "b"], ["a", "c"], "c", "csv.positive"),
        (["a", "b"], ["a", "b"], "yes", "csv.positive"),
    ],
)
def test_what_cannot_be_compared(
    labels: list[str], predictions: list[str], positive: str | None, code: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        evaluate(labels, predictions, positive=positive, where="predictions.csv")
    assert caught.value.code == code
    assert caught.value.where == "predictions.csv"
    assert caught.value.hint


def test_the_number_of_classes_is_a_limit() -> None:
    labels = [str(n) for n in range(65)]
    assert len(evaluate(labels, labels, limits=Limits(max_table_classes=65))) == 4 + 65 * 65


def test_labels_and_predictions_from_two_files() -> None:
    test = table("x,label\n1,a\n2,b\n3,b\n")
    predictions = table("prediction\na\nb\na\n", "predictions.csv")
    results = evaluate_tables(test, predictions, label="label", prediction="prediction", positive="b")
    assert values(results)["recall"] == 0.5


def test_both_from_one_file() -> None:
    both = table("label,prediction\na,a\nb,b\n")
    results = evaluate_tables(both, both, label="label", prediction="prediction")
    assert values(results)["accuracy"] == 1.0


def test_rows_in_another_order_are_noticed() -> None:
    test = table("label\na\nb\n")
    predictions = table("label,prediction\nb,b\na,a\n", "predictions.csv")
    with pytest.raises(MalformedError, match="another order") as caught:
        evaluate_tables(test, predictions, label="label", prediction="prediction")
    assert caught.value.code == "csv.rows_differ"
    with pytest.raises(MalformedError, match="3 labels and 2 predictions"):
        evaluate_tables(table("label\na\nb\nb\n"), predictions, label="label", prediction="prediction")


def test_csv_is_read_as_spreadsheets_write_it() -> None:
    data = '\ufeffname,"a ""quoted"" cell"\r\n"x,y","two\r\nlines"\r\n\r\nz,\r\n'
    read = table(data)
    assert read.header == ("name", 'a "quoted" cell')
    assert read.rows == (("x,y", "two\r\nlines"), ("z", ""))
    assert read.lines == (3, 5)
    assert read.column("name") == ("x,y", "z")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "csv.empty", "no row"),
        (b"a,b\n", "csv.empty", "no row"),
        (b"\n\na,b\n\n", "csv.empty", "no row"),
        (b"a\n1\n\xff\n", "csv.encoding", "line 3"),
        (b'a\n"open\n', "csv.syntax", "line 2"),
        (b'a\n"x" y\n', "csv.syntax", "line 2"),
        (b"a\n" + b"x" * 200_000 + b"\n", "csv.syntax", "line 2"),
        (b"a,b,a\n1,2,3\n", "csv.header", "'a' twice"),
        (b"a,,c\n1,2,3\n", "csv.header", "column 2"),
        (b"a,b\n1,2\n1\n", "csv.row_width", "line 3 has 1 cells"),
        (b"a,b\n1,2,3\n", "csv.row_width", "line 2 has 3 cells"),
    ],
)
def test_csv_that_is_refused(data: bytes, code: str, words: str) -> None:
    with pytest.raises(MalformedError, match=words) as caught:
        Table.parse(data, name="test.csv")
    assert caught.value.code == code
    assert caught.value.where == "test.csv"
    assert caught.value.hint


def test_columns_that_are_refused() -> None:
    read = table("label,other\na,\n,x\n")
    with pytest.raises(MalformedError, match="no column 'Label'; there are: label, other") as caught:
        read.column("Label")
    assert caught.value.code == "csv.column_missing"
    with pytest.raises(MalformedError, match="line 3 has no value in column 'label'") as caught:
        read.column("label")
    assert caught.value.code == "csv.cell_empty"
