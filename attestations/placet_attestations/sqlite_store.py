"""The evidence store on SQLite.

One connection, made when it is first needed and used by one thread at a time; several processes may work on
one file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from placet_attestations.database import open_database, translate
from placet_attestations.digests import Digest
from placet_attestations.errors import StoreError
from placet_attestations.store import check_bytes, check_pair, check_prefix, names_of
from placet_attestations.verify import VerifiedStatement

_SCHEMA = """
CREATE TABLE IF NOT EXISTS evidence (
    digest TEXT PRIMARY KEY, predicate_type TEXT NOT NULL, bundle BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS evidence_subject (
    subject TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (subject, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evidence_name (
    name TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (name, subject, digest)
) STRICT, WITHOUT ROWID;
"""


class SqliteEvidenceStore:
    """`EvidenceStore` over a factory of connections; `where` names the database in errors."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], where: Path | str = "evidence store"
    ) -> None:
        self._connect = connect
        self._where = where
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> SqliteEvidenceStore:
        """The store in this database file, which is made when it is missing."""
        store = cls(lambda: open_database(path), path)
        with store._use():
            return store

    def put(self, raw: bytes, verified: VerifiedStatement) -> bool:
        """As the port says."""
        check_pair(raw, verified)
        subjects = {subject.digest for subject in verified.statement.subjects}
        with self._use() as connection:
            # A crash before COMMIT leaves nothing of it, a crash after it everything.
            connection.execute("BEGIN IMMEDIATE")
            try:
                new = self._put_bundle(connection, raw, verified)
                connection.executemany(
                    "INSERT OR IGNORE INTO evidence_subject VALUES (?, ?)",
                    [(subject, verified.digest) for subject in sorted(subjects)],
                )
                connection.executemany(
                    "INSERT OR IGNORE INTO evidence_name VALUES (?, ?, ?)",
                    [(name, subject, verified.digest) for name, subject in sorted(names_of(verified))],
                )
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
        return new

    def get(self, digest: str) -> bytes | None:
        """As the port says."""
        rows = self._rows("SELECT bundle FROM evidence WHERE digest = ?", digest)
        return check_bytes(rows[0], digest) if rows else None

    def by_subject(self, subject: str) -> tuple[Digest, ...]:
        """As the port says."""
        return self._digests("SELECT digest FROM evidence_subject WHERE subject = ? ORDER BY digest", subject)

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        """As the port says."""
        first = check_prefix(prefix)
        return self._digests(
            "SELECT DISTINCT subject FROM evidence_subject"
            " WHERE subject >= ? AND subject < ? ORDER BY subject",
            first,
            first + "g",  # the letter after the last hex digit
        )

    def by_name(self, name: str) -> tuple[Digest, ...]:
        """As the port says."""
        return self._digests(
            "SELECT DISTINCT subject FROM evidence_name WHERE name = ? ORDER BY subject", name
        )

    def all(self) -> Iterator[Digest]:
        """As the port says; read whole, so that no lock is held while the caller works."""
        return iter(self._digests("SELECT digest FROM evidence ORDER BY digest"))

    def close(self) -> None:
        """Let the file go; every later call raises StoreError store.closed."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _put_bundle(self, connection: sqlite3.Connection, raw: bytes, verified: VerifiedStatement) -> bool:
        row = connection.execute(
            "SELECT bundle FROM evidence WHERE digest = ?", (verified.digest,)
        ).fetchone()
        if row is not None and row[0] == raw:
            return False
        connection.execute(
            "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?)",
            (verified.digest, verified.statement.predicate_type, raw),
        )
        return True

    def _digests(self, query: str, *parameters: str) -> tuple[Digest, ...]:
        return tuple(Digest.parse(text) for text in self._rows(query, *parameters))

    def _rows(self, query: str, *parameters: str) -> list[Any]:
        with self._use() as connection:
            return [row[0] for row in connection.execute(query, parameters)]

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translate(self._where):
            if self._closed:
                raise StoreError("store.closed", "the evidence store is closed", hint="open it again")
            if self._connection is None:
                connection = self._connect()
                connection.executescript(_SCHEMA)
                self._connection = connection
            yield self._connection


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has rolled back by itself after some errors, a full disk among them.
    if connection.in_transaction:
        connection.execute("ROLLBACK")
