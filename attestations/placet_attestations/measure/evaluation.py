"""How often a classifier was right: computed from labels and predictions, never taken from anybody's word.

Classes are the strings in the files, compared exactly. A ratio with nothing below its line (the precision
of a class that was never predicted) is 0.0, so that a missing prediction never improves a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.measure.result import MetricResult
from placet_attestations.measure.table import Table, malformed


def evaluate_tables(
    test: Table,
    predictions: Table,
    *,
    label: str,
    prediction: str,
    positive: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[MetricResult, ...]:
    """Compare column `label` of the test split with column `prediction` of the predictions, row by row.

    Both may be the same table. Where the predictions carry the label column too, it must agree, which
    catches another order of rows. Raises MalformedError csv.* as `Table.column` and `evaluate`.
    """
    labels = test.column(label)
    guesses = predictions.column(prediction)
    if label in predictions.header and len(labels) == len(guesses) and predictions.column(label) != labels:
        message = f"its column {label!a} differs from that of {test.name}: other rows or another order"
        raise malformed("rows_differ", message, predictions.name)
    return evaluate(labels, guesses, positive=positive, where=predictions.name, limits=limits)


def evaluate(
    labels: Sequence[str],
    predictions: Sequence[str],
    *,
    positive: str | None = None,
    where: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[MetricResult, ...]:
    """Accuracy, precision, recall, F1 and the confusion matrix of one row of predictions.

    With `positive` the middle three are those of that class; without it, their unweighted mean over all
    classes, and `metric` says so (`precision_macro`). `confusion[a][b]` counts rows of class a that were
    predicted as b, for every pair of classes. Raises MalformedError csv.rows_differ, csv.labels_disjoint,
    csv.classes, csv.positive.
    """
    counts = Counter(zip(labels, predictions))  # noqa: B905 - lengths are compared below, with words
    if len(labels) != len(predictions) or not labels:
        message = f"{len(labels):,} labels and {len(predictions):,} predictions cannot be compared"
        raise malformed("rows_differ", message, where)
    classes = sorted({*labels, *predictions})
    _check_classes(labels, predictions, classes, positive, where, limits)
    size = len(labels)
    right = sum(counts[name, name] for name in classes)
    scored = classes if positive is None else [positive]
    scores = [_scores(counts, name) for name in scored]
    suffix = "_macro" if positive is None else ""
    results = [MetricResult("accuracy", "accuracy", right / size, size)]
    for position, metric in enumerate(("precision", "recall", "f1")):
        mean = sum(score[position] for score in scores) / len(scores)
        results.append(MetricResult(metric, metric + suffix, mean, size))
    results += [
        MetricResult(f"confusion[{actual}][{predicted}]", "count", counts[actual, predicted], size)
        for actual in classes
        for predicted in classes
    ]
    return tuple(results)


def _check_classes(
    labels: Sequence[str],
    predictions: Sequence[str],
    classes: Sequence[str],
    positive: str | None,
    where: str | None,
    limits: Limits,
) -> None:
    if len(classes) > limits.max_table_classes:
        raise malformed("classes", f"{len(classes):,} classes instead of {limits.max_table_classes}", where)
    if set(labels).isdisjoint(predictions):
        message = f"no prediction is a label: {predictions[0]!a} predicted, {labels[0]!a} true"
        raise malformed("labels_disjoint", message, where)
    if positive is not None and positive not in labels:
        message = f"no row has the positive class {positive!a}; classes are {', '.join(classes)}"
        raise malformed("positive", message, where)


def _scores(counts: Counter[tuple[str, str]], name: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of one class."""
    true = counts[name, name]
    predicted = sum(count for (_, guess), count in counts.items() if guess == name)
    actual = sum(count for (label, _), count in counts.items() if label == name)
    return _ratio(true, predicted), _ratio(true, actual), _ratio(2 * true, predicted + actual)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
