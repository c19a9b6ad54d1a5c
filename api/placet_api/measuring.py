"""Measuring files: the bytes that are digested are the bytes that are measured."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from placet_api.artifacts import identify
from placet_api.drafting import measurement
from placet_api.errors import UsageError
from placet_attestations.digests import Digest
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.measure import MetricResult, Table, compare_splits, evaluate_tables
from placet_attestations.statement import Statement
from placet_attestations.strictjson import read_bounded


@dataclass(frozen=True, slots=True)
class Measured:
    """A table with the digest of the very bytes that it was read from."""

    path: str
    digest: Digest
    table: Table


@dataclass(frozen=True, slots=True)
class Outcome:
    """A measurement's statement, and its numbers for people."""

    statement: Statement
    results: tuple[MetricResult, ...]


def read(path: Path, *, ignore: Sequence[str] = ()) -> Measured:
    """Read a CSV file; columns named in `ignore` (row numbers, say) take no part. Raises `MalformedError` csv.*."""
    data = read_bounded(path, DEFAULT_LIMITS.max_table_bytes)
    table = Table.parse(data, name=str(path))
    return Measured(path.as_posix(), Digest.of(data), without(table, ignore))


def without(table: Table, names: Sequence[str]) -> Table:
    """The table without some columns. Raises `UsageError` `measure.column` for one that it does not have."""
    for name in names:
        if name not in table.header:
            raise UsageError("measure.column", f"there is no column {name} to ignore", where=table.name)
    kept = [position for position, name in enumerate(table.header) if name not in names]
    return Table(
        table.name,
        tuple(table.header[position] for position in kept),
        tuple(tuple(row[position] for position in kept) for row in table.rows),
        table.lines,
    )


def splits(
    files: Mapping[str, Path],
    *,
    clock: Callable[[], datetime],
    group: str | None,
    label: str | None,
    ignore: Sequence[str],
) -> Outcome:
    """Compare splits by role (train, test, validation); every split is a subject of the statement."""
    _require_different(files)
    started = clock()
    parts = {role: read(path, ignore=ignore) for role, path in files.items()}
    results = compare_splits({role: part.table for role, part in parts.items()}, group=group, label=label)
    statement = measurement(
        "splits",
        [(part.path, part.digest) for part in parts.values()],
        [(role, part.path, part.digest) for role, part in parts.items()],
        results,
        suite="placet-splits",
        started=started,
        finished=clock(),
    )
    return Outcome(statement, results)


def _require_different(files: Mapping[str, Path]) -> None:
    """One file against itself measures nothing (a copy of it does). Raises `UsageError` measure.same."""
    seen: dict[str, str] = {}
    for role, path in files.items():
        other = seen.setdefault(os.path.realpath(path), role)
        if other != role:
            raise UsageError(
                "measure.same",
                f"{other} and {role} are the same file",
                where=str(path),
                hint="name the two splits that are to be compared",
            )


def evaluation(
    model: str,
    labels: Path,
    predictions: Path,
    *,
    clock: Callable[[], datetime],
    label: str,
    prediction: str,
    positive: str | None,
    suite: str,
) -> Outcome:
    """Compare labels with predictions; the model is the subject of the statement."""
    started = clock()
    judged = identify(model)
    truth, guesses = read(labels), read(predictions)
    results = evaluate_tables(
        truth.table, guesses.table, label=label, prediction=prediction, positive=positive
    )
    statement = measurement(
        "evaluation",
        [(judged.label, judged.digest)],
        [
            ("model", judged.label, judged.digest),
            ("test", truth.path, truth.digest),
            ("predictions", guesses.path, guesses.digest),
        ],
        results,
        suite=suite,
        started=started,
        finished=clock(),
    )
    return Outcome(statement, results)
