"""The log in one SQLite file: WAL, synchronous=FULL, one transaction for each batch.

Several processes may append. `BEGIN IMMEDIATE` lets one in at a time, and the head is read inside that
transaction, so that no two of them ever continue from the same head.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Self

from placet_attestations.database import open_database
from placet_engine.log.batch import Batch, plan
from placet_engine.log.entry import Draft, format_time
from placet_engine.log.merkle import CompactRange, stored_position
from placet_engine.log.sqlite_rows import SCHEMA, LogRows, payload_place, translated
from placet_engine.log.store import Committed, LogReader, Seal

Connect = Callable[[], sqlite3.Connection]


class SqliteLogStore(LogRows):
    """A `LogStore` on one file; see the contract there.

    `connect` opens a connection as `placet_attestations.database.open_database` does. One is kept for reading
    (it is what `LogRows` asks), one for writing; each is used by one thread at a time.
    """

    def __init__(self, connect: Connect) -> None:
        with translated("write"):
            reader = connect()
            _create_tables(reader)
        super().__init__(reader)
        self._connect = connect
        self._writing = Lock()
        self._writer: sqlite3.Connection | None = None
        self._tree: CompactRange | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """The log in the database at `path`, which is created when there is none."""
        return cls(lambda: open_database(path))

    def append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        """One batch, one transaction."""
        with self._writing, translated("write"):
            try:
                return self._append(drafts, seal)
            except BaseException:
                # Whatever happened, the next batch starts from what is durable: closing rolls back, and a
                # connection whose commit failed half way is not to be trusted with another one.
                self._drop_writer()
                raise

    def _append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        if self._writer is None:
            self._writer = self._connect()
        connection = self._writer
        connection.execute("BEGIN IMMEDIATE")
        rows = LogRows(connection)
        batch = plan(drafts, rows.head(), rows, rows.node, seal, self._tree)
        # A crash up to here leaves nothing: the checkpoint that was signed never left this process.
        _write(connection, batch)
        # A crash up to here leaves frames in the WAL without a commit mark; the next reader ignores them.
        connection.execute("COMMIT")
        self._tree = batch.tree
        # A crash from here on leaves the whole batch. Its callers heard nothing and may repeat it; the kept
        # head may be behind the store, which is consistent with it.
        return Committed(batch.outcomes, batch.head)

    @contextmanager
    def snapshot(self) -> Iterator[LogReader]:
        """A connection of its own in one read transaction."""
        with translated("read"):
            connection = self._connect()
        try:
            with translated("read"):
                connection.execute("BEGIN")
                # A transaction sees the moment of its first read, not that of its BEGIN.
                connection.execute("SELECT 1 FROM log_head").fetchone()
            yield LogRows(connection)
        finally:
            connection.close()

    @contextmanager
    def follow(self) -> Iterator[LogReader]:
        """A connection of its own without a transaction: each question sees what is committed by then."""
        with translated("read"):
            rows = LogRows(self._connect())
        try:
            yield rows
        finally:
            rows.close()

    def close(self) -> None:
        """Close both connections; waits for a batch that is under way."""
        with self._writing:
            self._drop_writer()
        super().close()

    def _drop_writer(self) -> None:
        connection, self._writer = self._writer, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _create_tables(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'log_head'").fetchone():
        return
    # A crash between two of these leaves nothing: they are one transaction.
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _write(connection: sqlite3.Connection, batch: Batch) -> None:
    if not batch.accepted:
        return
    connection.executemany(
        "INSERT INTO log_entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_entry_row, batch.accepted)
    )
    connection.executemany(
        "INSERT INTO log_node VALUES (?, ?)",
        ((stored_position(node.level, node.index), node.hash) for node in batch.nodes),
    )
    connection.executemany(
        "INSERT INTO log_payload VALUES (?, ?, ?, ?)",
        (
            (payload_place(index, number), name, payload.salt, payload.data)
            for index, draft in batch.accepted
            for number, (name, payload) in enumerate(draft.payloads.items())
        ),
    )
    connection.executemany(
        "INSERT INTO log_reservation VALUES (?, ?, ?)",
        ((reserved.key, reserved.value, reserved.index) for reserved in batch.reserved),
    )
    head = batch.head
    newest = None if head.newest is None else format_time(head.newest)
    connection.execute(
        "REPLACE INTO log_head VALUES (1, ?, ?, ?, ?)", (head.size, head.root, head.checkpoint, newest)
    )


def _entry_row(accepted: tuple[int, Draft]) -> tuple[object, ...]:
    index, draft = accepted
    kind, time, *rest = draft.columns
    return (index, draft.leaf, kind, format_time(time), *rest)
