"""CSV read strictly: one header, rows of its width, every cell a string, errors with line numbers.

A measurement that silently skipped a row would be a false statement, so nothing but blank lines is skipped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from placet_attestations.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a CSV file; `name` is how errors call it, `lines` the line on which each row ends."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> Self:
        """Read UTF-8 CSV (RFC 4180, comma, header line); a byte order mark is dropped.

        Raises MalformedError csv.encoding, csv.syntax, csv.empty (no header, or no row), csv.header,
        csv.row_width.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise malformed("encoding", f"line {line} is not UTF-8", name) from error
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            records = [(reader.line_num, tuple(record)) for record in reader if record]
        except csv.Error as error:
            raise malformed("syntax", f"line {reader.line_num}: {error}", name) from error
        if len(records) < 2:
            raise malformed("empty", "there is no row below the header", name)
        header = records[0][1]
        _check_header(header, name)
        for line, record in records[1:]:
            if len(record) != len(header):
                message = f"line {line} has {len(record)} cells, the header has {len(header)}"
                raise malformed("row_width", message, name)
        return cls(
            name,
            header,
            tuple(record for _, record in records[1:]),
            tuple(line for line, _ in records[1:]),
        )

    def column(self, header: str) -> tuple[str, ...]:
        """The cells of one column, none empty. Raises MalformedError csv.column_missing, csv.cell_empty."""
        if header not in self.header:
            known = ", ".join(self.header[:20])
            raise malformed("column_missing", f"no column {header!a}; there are: {known}", self.name)
        position = self.header.index(header)
        cells = tuple(row[position] for row in self.rows)
        if "" in cells:
            line = self.lines[cells.index("")]
            raise malformed("cell_empty", f"line {line} has no value in column {header!a}", self.name)
        return cells


def _check_header(header: tuple[str, ...], name: str) -> None:
    repeated = _first_repeated(header)
    if repeated is not None:
        raise malformed("header", f"the header names the column {repeated!a} twice", name)
    if "" in header:
        raise malformed("header", f"column {header.index('') + 1} has no name", name)


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


_HINTS = {
    "encoding": "save the file as UTF-8",
    "syntax": "quote cells that hold commas, quotes or line breaks, and double the quotes inside",
    "empty": "the first line names the columns, each further line is a row",
    "header": "give each column a name of its own in the first line",
    "row_width": "each row needs a cell for each column",
    "column_missing": "name the column as the first line of the file does",
    "cell_empty": "fill the cell, or leave the row out of the file that is measured",
    "rows_differ": "both files need the same rows in the same order",
    "labels_disjoint": "write labels and predictions in the same words: '1' and '1.0' differ",
    "classes": "is it the right column? Only class labels can be compared, not continuous values",
    "positive": "name the positive class as the label column does",
    "columns_differ": "all splits need the same columns",
    "splits": "give a train and a test split, and at most a validation split",
}


def malformed(code: str, message: str, where: str | None) -> MalformedError:
    """A csv.* error."""
    return MalformedError(f"csv.{code}", message, where=where, hint=_HINTS[code])
