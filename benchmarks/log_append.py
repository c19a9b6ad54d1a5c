"""Durable appends a second: the decision log next to one transaction for each entry, and to a bare group commit.

    python benchmarks/log_append.py [--quick] [--folder DIR]

All three write the same bytes (leaf, decision document, input, answer) into SQLite with WAL and synchronous=FULL, on
the same disk, in the same run, in turns:

- placet: callers in threads, each waits until its entry is durable. On top of the bytes it keeps a Merkle tree and
  three indexes, looks for an entry of the same id, signs a checkpoint for each batch and keeps it outside (one more
  flush).
- each: the same callers, one plain INSERT and COMMIT for each entry.
- group: one thread, plain INSERTs, one COMMIT for as many entries as the log's batches held on average.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from threading import Lock
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._timing import table
from placet_attestations.database import open_database
from placet_attestations.digests import Digest
from placet_engine.log.entry import DecisionRecord, Draft, decision_draft
from placet_engine.log.log import DecisionLog
from placet_engine.log.note import NoteSigner
from placet_engine.log.sqlite import SqliteLogStore
from placet_engine.log.store import Committed, Seal

CALLERS = (1, 32, 128)
_DOCUMENT, _INPUT, _ANSWER = b"d" * 2048, b"i" * 6144, b"a" * 2048
ENTRY_BYTES = len(_DOCUMENT) + len(_INPUT) + len(_ANSWER)
_CREATE = "CREATE TABLE plain (idx INTEGER PRIMARY KEY, leaf BLOB, decision BLOB, input BLOB, answer BLOB)"
_INSERT = "INSERT INTO plain (leaf, decision, input, answer) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True)
class Row:
    """Entries a second, medians, at one number of callers; `batch` is the mean size of the log's batches."""

    callers: int
    batch: float
    placet: float
    each: float
    group: float


class CountingStore(SqliteLogStore):
    """The log's store, counting its commits."""

    commits = 0

    def append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        """Count, then append."""
        self.commits += 1
        return super().append(drafts, seal)


def drafts(count: int) -> list[Draft]:
    """Decisions as a gate makes them; made before the clock starts, as the evaluator makes them before it
    appends.
    """
    digest = str(Digest.of(b"anything"))
    now = datetime.now(UTC)
    made = []
    for number in range(count):
        record = DecisionRecord(
            id=f"01930000-0000-7000-8000-{number:012d}",
            time=now,
            gate="promote/production",
            subject=digest,
            verdict="deny",
            fields={"policy": digest, "anchors": digest, "reasons": ["data.origin_known", "change.approved"]},
        )
        made.append(decision_draft(record, _DOCUMENT, input=_INPUT, answer=_ANSWER))
    return made


def placet(folder: Path, callers: int, work: list[Draft]) -> tuple[float, float]:
    """Rate of the decision log, and the mean size of its batches."""
    store = CountingStore(lambda: open_database(folder / "log.db"))
    with DecisionLog.over(store, NoteSigner.generate("bench.example"), folder / "head") as log:
        rate = _rate(work, callers, log.append)
        return rate, len(work) / store.commits


def each(folder: Path, callers: int, work: list[Draft]) -> float:
    """Rate of one transaction for each entry: the callers take turns on one connection."""
    turn = Lock()
    with _plain(folder / "each.db") as connection:

        def one(draft: Draft) -> None:
            with turn:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_INSERT, _bytes_of(draft))
                connection.execute("COMMIT")

        return _rate(work, callers, one)


def group(folder: Path, size: int, work: list[Draft]) -> float:
    """Rate of batches of `size` and nothing else."""
    batches = [work[start : start + size] for start in range(0, len(work), size)]
    with _plain(folder / "group.db") as connection:

        def one(batch: list[Draft]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, map(_bytes_of, batch))
            connection.execute("COMMIT")

        start = perf_counter()
        for batch in batches:
            one(batch)
        return len(work) / (perf_counter() - start)


def measure(callers: int, entries: int, rounds: int, where: Path | None) -> Row:
    """All three in turns, so that a noisy disk is noisy for all of them; medians over the rounds."""
    rates: list[tuple[float, float, float, float]] = []
    for _ in range(rounds):
        work = drafts(entries)
        with tempfile.TemporaryDirectory(dir=where) as name:
            folder = Path(name)
            rate, batch = placet(folder, callers, work)
            rates.append(
                (batch, rate, each(folder, callers, work), group(folder, max(1, round(batch)), work))
            )
    return Row(callers, *(median(column) for column in zip(*rates, strict=True)))


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    rates = (f"{rate:,.0f}" for rate in (row.placet, row.each, row.group))
    return (
        str(row.callers),
        f"{row.batch:.1f}",
        *rates,
        f"{row.placet / row.each:.2f}",
        f"{row.placet / row.group:.2f}",
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one short round; shows that it runs, not how fast"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the databases lie (a disk, not a memory file system)"
    )
    options = parser.parse_args(arguments)
    rounds, scale = (1, 0.1) if options.quick else (5, 1.0)
    rows = [
        measure(callers, round(scale * (1000 if callers == 1 else 4000)), rounds, options.folder)
        for callers in CALLERS
    ]
    head = [
        "callers",
        "batch",
        "placet, entries/s",
        "one transaction each",
        "bare group commit",
        ": each",
        ": group",
    ]
    print(table(head, [cells(row) for row in rows]))
    print(
        f"\nmedians of {rounds}, {ENTRY_BYTES:,} bytes an entry, SQLite {sqlite3.sqlite_version}, WAL, synchronous=FULL"
    )
    return 0


def _rate(work: list[Draft], callers: int, one: Callable[[Draft], object]) -> float:
    with ThreadPoolExecutor(callers) as pool:
        start = perf_counter()
        for _ in pool.map(
            lambda share: [one(draft) for draft in share], [work[n::callers] for n in range(callers)]
        ):
            pass
        return len(work) / (perf_counter() - start)


@contextmanager
def _plain(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(path)) as connection:
        connection.execute(_CREATE)
        yield connection


def _bytes_of(draft: Draft) -> tuple[bytes, ...]:
    return (draft.leaf, *(draft.payloads[name].data for name in ("decision", "input", "answer")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
