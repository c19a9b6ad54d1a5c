"""Whether the parts of a data set are apart: rows, groups and classes that stand on both sides of a split.

Two rows are one when all their cells, taken by column name, are equal strings. With a label column, the
label is left out of that comparison: the same features with two labels are a leak too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from placet_attestations.measure.result import MetricResult
from placet_attestations.measure.table import Table, malformed

_SPLITS = ("train", "test", "validation")


def compare_splits(
    splits: Mapping[str, Table], *, group: str | None = None, label: str | None = None
) -> tuple[MetricResult, ...]:
    """Measure splits named train, test and perhaps validation.

    Results: `rows.<split>` (rows), `duplicates.<split>` (rows that repeat an earlier one of the same split),
    `overlap.rows` (distinct rows that stand in more than one split); with `group`, `overlap.groups`
    (distinct values of that column in more than one split); with `label`, `classes.<split>` (distinct
    labels) and `classes.unseen` (classes outside train that train never shows). Raises MalformedError
    csv.splits, csv.columns_differ and as `Table.column`.
    """
    names = [name for name in _SPLITS if name in splits]
    if not {"train", "test"} <= splits.keys() or len(names) != len(splits):
        raise malformed("splits", f"splits are named {', '.join(splits) or 'nothing'}", None)
    columns = _common_columns([splits[name] for name in names])
    compared = [column for column in columns if column != label]
    rows = {name: _row_hashes(splits[name], compared) for name in names}
    total = sum(len(hashes) for hashes in rows.values())
    results = [MetricResult(f"rows.{name}", "rows", len(rows[name]), len(rows[name])) for name in names]
    results += [
        MetricResult(f"duplicates.{name}", "rows", len(rows[name]) - len(set(rows[name])), len(rows[name]))
        for name in names
    ]
    results.append(MetricResult("overlap.rows", "rows", _in_several(rows), total))
    if group is not None:
        groups = {name: splits[name].column(group) for name in names}
        results.append(MetricResult("overlap.groups", "groups", _in_several(groups), total))
    if label is not None:
        results += _classes({name: splits[name].column(label) for name in names}, total)
    return tuple(results)


def _common_columns(tables: Sequence[Table]) -> list[str]:
    first = tables[0]
    for table in tables[1:]:
        odd = sorted(set(first.header) ^ set(table.header))
        if odd:
            message = f"the column {odd[0]!a} stands in only one of {first.name} and {table.name}"
            raise malformed("columns_differ", message, table.name)
    return sorted(first.header)


def _row_hashes(table: Table, columns: Sequence[str]) -> list[bytes]:
    """A hash for each row, of its cells in this order; each under its length, so that none runs over."""
    positions = [table.header.index(column) for column in columns]
    return [
        sha256("".join([f"{len(row[at])}:{row[at]}" for at in positions]).encode()).digest()
        for row in table.rows
    ]


def _in_several(values: Mapping[str, Sequence[object]]) -> int:
    """How many distinct values stand in more than one split."""
    seen = Counter(value for split in values.values() for value in set(split))
    return sum(1 for splits in seen.values() if splits > 1)


def _classes(labels: Mapping[str, Sequence[str]], total: int) -> list[MetricResult]:
    results = [
        MetricResult(f"classes.{name}", "classes", len(set(cells)), len(cells))
        for name, cells in labels.items()
    ]
    outside = {cell for name, cells in labels.items() if name != "train" for cell in cells}
    unseen = len(outside - set(labels["train"]))
    return [*results, MetricResult("classes.unseen", "classes", unseen, total)]
