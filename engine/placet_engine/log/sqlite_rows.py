"""The log's tables in SQLite: their shape, their queries, and the reading of rows that anybody may have
changed.

Columns are views of the leaf; the only truth in a row is what the tree proves. So every value that comes back
is checked for its type here, and for its meaning by whoever relies on it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any, Unpack

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, StoreError
from placet_engine.errors import LogError
from placet_engine.log.entry import Columns, Entry, Payload, format_time, parse_time
from placet_engine.log.merkle import HASH_SIZE, stored_position
from placet_engine.log.store import EMPTY_HEAD, Changes, Filters, Head, Reserved, Stray

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS log_entry (
        idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, kind TEXT NOT NULL, time TEXT NOT NULL,
        decision TEXT, gate TEXT, subject TEXT, verdict TEXT, evidence TEXT)""",
    "CREATE UNIQUE INDEX IF NOT EXISTS log_entry_decision ON log_entry (decision) WHERE decision IS NOT NULL",
    "CREATE UNIQUE INDEX IF NOT EXISTS log_entry_evidence ON log_entry (evidence) WHERE evidence IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS log_entry_subject ON log_entry (subject) WHERE subject IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS log_node (position INTEGER PRIMARY KEY, hash BLOB NOT NULL)",
    """CREATE TABLE IF NOT EXISTS log_payload (
        place INTEGER PRIMARY KEY, name TEXT NOT NULL, salt BLOB NOT NULL, data BLOB NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS log_reservation (
        key TEXT PRIMARY KEY, value TEXT NOT NULL, idx INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS log_reservation_idx ON log_reservation (idx)",
    """CREATE TABLE IF NOT EXISTS log_head (
        id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, root BLOB NOT NULL,
        checkpoint TEXT NOT NULL, newest TEXT)""",
)
_ENTRY = "SELECT idx, leaf, kind, time, decision, gate, subject, verdict, evidence FROM log_entry"
_OPENING = {"store.locked": "log.locked", "store.corrupt": "log.corrupt"}
_MAX_ROW = (1 << 63) - 1
_WRITE_FAILURES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
}


def payload_place(index: int, number: int = 0) -> int:
    """Where the payload `number` of an entry stands: one number for both, so that a row needs no second index."""
    return index * 16 + number


class LogRows:
    """A `LogReader` on one connection, which one thread at a time uses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._reading = Lock()

    def close(self) -> None:
        """Close the connection; later calls raise LogError log.closed."""
        with self._reading:
            self._connection.close()

    def head(self) -> Head:
        """The head row, or the head of an empty log."""
        row = self._one("SELECT size, root, checkpoint, newest FROM log_head WHERE id = 1")
        if row is None:
            return EMPTY_HEAD
        size, root, checkpoint, newest = row
        if not isinstance(size, int) or size < 0 or not isinstance(checkpoint, str):
            raise corrupt("the head row of the log is not one")
        return Head(
            size, _hash(root, "log head"), checkpoint, None if newest is None else _time(newest, "log head")
        )

    def entry(self, index: int) -> Entry | None:
        """One entry."""
        row = self._one(f"{_ENTRY} WHERE idx = ?", index) if 0 <= index <= _MAX_ROW else None
        return None if row is None else _entry(row)

    def entries(self, start: int, stop: int) -> tuple[Entry, ...]:
        """A range of entries, oldest first."""
        return tuple(map(_entry, self._all(f"{_ENTRY} WHERE idx >= ? AND idx < ? ORDER BY idx", start, stop)))

    def find(self, **filters: Unpack[Filters]) -> tuple[Entry, ...]:
        """Filtered, newest first."""
        since, until = filters.get("since"), filters.get("until")
        terms: dict[str, object] = {
            "kind = ?": filters.get("kind"),
            "gate = ?": filters.get("gate"),
            "subject = ?": filters.get("subject"),
            "verdict = ?": filters.get("verdict"),
            "time >= ?": None if since is None else format_time(since),
            "time < ?": None if until is None else format_time(until),
            "idx < ?": filters.get("before"),
        }
        used = {term: value for term, value in terms.items() if value is not None}
        where = f" WHERE {' AND '.join(used)}" if used else ""
        sql = f"{_ENTRY}{where} ORDER BY idx DESC LIMIT ?"
        return tuple(map(_entry, self._all(sql, *used.values(), filters.get("limit", 100))))

    def by_decision(self, prefix: str) -> tuple[Entry, ...]:
        """At most two entries whose decision id starts so."""
        # The upper bound is the prefix followed by the greatest character: a range that the index can walk.
        sql = f"{_ENTRY} WHERE decision >= ? AND decision < ? ORDER BY decision LIMIT 2"
        return tuple(map(_entry, self._all(sql, prefix, f"{prefix}\U0010ffff")))

    def decision_entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        """The entries with exactly these decision ids, in one question."""
        marks = ", ".join("?" * len(ids))
        found = map(_entry, self._all(f"{_ENTRY} WHERE decision IN ({marks})", *ids)) if ids else ()
        return {str(entry.columns.decision_id): entry for entry in found}

    def evidence_entry(self, bundle: Digest) -> int | None:
        """Index of the entry whose evidence column holds this digest."""
        row = self._one("SELECT idx FROM log_entry WHERE evidence = ?", bundle)
        return None if row is None else int(row[0])

    def node(self, level: int, index: int) -> bytes:
        """One node of the tree."""
        row = self._one("SELECT hash FROM log_node WHERE position = ?", stored_position(level, index))
        where = f"log entry {index << level}"
        if row is None:
            raise corrupt(f"node {index} of level {level} is missing", where)
        return _hash(row[0], where)

    def payloads(self, index: int) -> dict[str, Payload]:
        """The payloads of one entry."""
        sql = "SELECT name, salt, data FROM log_payload WHERE place >= ? AND place < ? ORDER BY place"
        rows = self._all(sql, payload_place(index), payload_place(index + 1))
        for row in rows:
            if not isinstance(row[0], str) or not isinstance(row[1], bytes) or not isinstance(row[2], bytes):
                raise corrupt("a payload row is not one", f"log entry {index}")
        return {name: Payload(salt, data) for name, salt, data in rows}

    def reservation(self, key: str) -> str | None:
        """The value of one reservation."""
        row = self._one("SELECT value FROM log_reservation WHERE key = ?", key)
        return None if row is None else str(row[0])

    def reservations(self, start: int, stop: int) -> tuple[Reserved, ...]:
        """The reservations made by a range of entries."""
        sql = "SELECT key, value, idx FROM log_reservation WHERE idx >= ? AND idx < ? ORDER BY idx, key"
        return tuple(
            Reserved(str(key), str(value), int(index)) for key, value, index in self._all(sql, start, stop)
        )

    def changes(self, start: int, limit: int) -> Changes:
        """By the primary key, so that it costs what is new and nothing else."""
        rows = self._all(
            "SELECT idx, evidence FROM log_entry WHERE idx >= ? ORDER BY idx LIMIT ?", start, limit
        )
        if not rows:
            return Changes(start, (), ())
        size = int(rows[-1][0]) + 1
        bundles = tuple(_bundle(text, f"log entry {index}") for index, text in rows if text is not None)
        return Changes(size, bundles, self.reservations(start, size))

    def stray(self, size: int) -> Stray | None:
        """The first row that lies outside a log of this size."""
        for name in ("entry", "reservation"):
            sql = f"SELECT idx FROM log_{name} WHERE idx < 0 OR idx >= ? ORDER BY idx LIMIT 1"  # noqa: S608 - our names
            row = self._one(sql, size)
            if row is not None:
                return Stray(name, row[0] if isinstance(row[0], int) else size)
        if self._one("SELECT 1 FROM log_payload WHERE place < 0 OR place >= ? LIMIT 1", payload_place(size)):
            return Stray("payload", size)
        if self._one(
            "SELECT 1 FROM log_node WHERE position < 0 OR position >= ? LIMIT 1", stored_position(0, size)
        ):
            return Stray("node", size)
        return None

    def damage(self) -> str | None:
        """SQLite's own check of the log's tables, and of their indexes against them."""
        for table in ("log_entry", "log_node", "log_payload", "log_reservation", "log_head"):
            ((found,),) = self._all(f"PRAGMA integrity_check('{table}')")[:1]
            if found != "ok":
                return str(found)
        return None

    def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._all(sql, *values)
        return rows[0] if rows else None

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading:
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise _translate(error, "read") from error


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what SQLite and its opener raise into LogError, cause chained; `doing` is read or write."""
    try:
        yield
    except StoreError as error:
        code = _OPENING.get(error.code, "log.unwritable")
        raise LogError(code, error.message, where=error.where, hint=error.hint) from error
    except sqlite3.Error as error:
        raise _translate(error, doing) from error


def corrupt(message: str, where: str | None = None) -> LogError:
    """The error log.corrupt, with the way out."""
    hint = "run `placet log verify` to find the first bad entry, then restore the database from a copy"
    return LogError("log.corrupt", message, where=where, hint=hint)


def _translate(error: sqlite3.Error, doing: str) -> LogError:
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LogError("log.locked", "another process holds the log", hint="try again; see who uses it")
    if primary in _WRITE_FAILURES:
        code, hint = "log.unreadable", "check the disk and the permissions of the database"
        if doing == "write":
            code, hint = "log.unwritable", "make room or mend permissions; what was acknowledged is safe"
        return LogError(code, f"the log's database refused to {doing}: {error}", hint=hint)
    if isinstance(error, sqlite3.ProgrammingError):
        return LogError("log.closed", "the log is closed", hint="open it again")
    return corrupt(f"the log's database is damaged: {error}")


def _entry(row: tuple[Any, ...]) -> Entry:
    index, leaf, kind, time, decision, gate, subject, verdict, evidence = row
    where = f"log entry {index}"
    if not isinstance(leaf, bytes):
        raise corrupt("the leaf is not bytes", where)
    optional = (decision, gate, subject, verdict, evidence)
    if not isinstance(kind, str) or not all(value is None or isinstance(value, str) for value in optional):
        raise corrupt("an index column is not text", where)
    bundle = None if evidence is None else _bundle(evidence, where)
    return Entry(index, leaf, Columns(kind, _time(time, where), decision, gate, subject, verdict, bundle))


def _bundle(text: object, where: str) -> Digest:
    try:
        return Digest.parse(str(text))
    except AttestationError as error:
        raise corrupt("the evidence column is not a digest", where) from error


def _time(text: object, where: str) -> datetime:
    try:
        return parse_time(str(text))
    except ValueError as error:
        raise corrupt("a time column is not a time", where) from error


def _hash(value: object, where: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != HASH_SIZE:
        raise corrupt("a hash is not 32 bytes", where)
    return value
