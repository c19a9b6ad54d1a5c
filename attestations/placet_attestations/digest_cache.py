"""Digests remembered by stat, for verbs that only read: show, lineage, digest.

A file is taken for unchanged when device, inode, size, mtime and ctime are what they were. Setting an mtime
back moves the ctime, so that trick is seen; a clock that cannot tell two writes apart is not, so nothing is
remembered of a file that changed within two seconds before it was read. `gate`, `attest`, `record` and
`verify` never come here: whoever can write this file, or the raw disk, could lie to them.

The cache is an aid. Corrupt, locked, read-only, somebody else's: then it is empty, and nobody is told.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

from placet_attestations._hashing import FileHasher, Reader
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.trees import Identity, identify

SETTLED_NS = 2_000_000_000
"""How long a file must have been left alone before its digest is remembered."""

MAX_ROWS = 2_000_000
"""With more than these the cache starts anew: they are about 250 MB."""

_HEX = re.compile(r"[0-9a-f]{64}")
_MASK = (
    0x7FFF_FFFF_FFFF_FFFF  # SQLite integers have 63 bits and a sign; inodes and times after 2262 have more
)
_CREATE = """CREATE TABLE IF NOT EXISTS digest (
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, hex TEXT NOT NULL, PRIMARY KEY (dev, ino)) WITHOUT ROWID"""
_FIND = "SELECT hex FROM digest WHERE dev = ? AND ino = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?"
_KEEP = "INSERT OR REPLACE INTO digest VALUES (?, ?, ?, ?, ?, ?)"


class DigestCache:
    """`identify` with a memory at `path`; several processes may share it.

    `clock` gives the time in nanoseconds as files carry it, `read` is for tests (see `digests.hash_file`).
    """

    def __init__(
        self,
        path: Path,
        *,
        max_rows: int = MAX_ROWS,
        clock: Callable[[], int] = time.time_ns,
        read: Reader = os.readv,
    ) -> None:
        self._path = path
        self._max_rows = max_rows
        self._clock = clock
        self._read = read

    def identify(self, path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Identity:
        """As `trees.identify`, but files whose stat is known are opened and not read."""
        memo = _SqliteMemo(self._path, self._clock() - SETTLED_NS, self._max_rows)
        try:
            return identify(path, limits=limits, hasher=FileHasher(self._read, memo))
        finally:
            memo.close()


class _SqliteMemo:
    """Looks up at once, writes in one transaction at the end; goes on without its file when that fails it."""

    def __init__(self, path: Path, settled_before: int, max_rows: int) -> None:
        self._max_rows = max_rows
        self._path = path
        self._settled_before = settled_before
        self._connection = _connect(path)
        self._new: list[tuple[int, int, int, int, int, str]] = []

    def get(self, status: os.stat_result) -> str | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(_FIND, _key(status)).fetchone()
        except sqlite3.Error as error:
            self._give_up(self._connection, error)
            return None
        found = row[0] if row else None
        return found if isinstance(found, str) and _HEX.fullmatch(found) else None

    def put(self, status: os.stat_result, digits: str) -> None:
        # The bound was taken before the file was opened: what changed before it cannot share a tick with a
        # later write.
        if max(status.st_mtime_ns, status.st_ctime_ns) <= self._settled_before:
            self._new.append((*_key(status), digits))

    def close(self) -> None:
        if self._connection is None:
            return
        try:
            self._store(self._connection)
        except sqlite3.Error as error:
            self._give_up(self._connection, error)
        else:
            self._connection.close()

    def _store(self, connection: sqlite3.Connection) -> None:
        if not self._new:
            return
        with connection:  # one transaction: a crash here loses the new rows and nothing else
            (rows,) = connection.execute("SELECT count(*) FROM digest").fetchone()
            if rows > self._max_rows:
                connection.execute("DELETE FROM digest")
            connection.executemany(_KEEP, self._new)

    def _give_up(self, connection: sqlite3.Connection, error: sqlite3.Error) -> None:
        connection.close()
        self._connection = None
        if _is_damage(error):
            _remove(self._path)


def _key(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (
        status.st_dev & _MASK,
        status.st_ino & _MASK,
        status.st_size,
        status.st_mtime_ns & _MASK,
        status.st_ctime_ns & _MASK,
    )


def _connect(path: Path, *, remake: bool = True) -> sqlite3.Connection | None:
    """Open the cache, removing it once when it is damaged; None when there is none to be had."""
    if not _is_ours(path):
        return None
    connection = sqlite3.connect(path, timeout=0.2)
    try:
        connection.execute("PRAGMA synchronous = OFF")  # a cache lost in a crash costs one reading
        connection.execute(_CREATE)
        connection.execute(_FIND, (0, 0, 0, 0, 0)).fetchone()
    except sqlite3.Error as error:
        connection.close()
        if not (remake and _is_damage(error)):
            return None
        _remove(path)
        return _connect(path, remake=False)
    return connection


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is to blame (not SQLite, torn, of another shape), and not a lock or a permission."""
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return primary in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _is_ours(path: Path) -> bool:
    """Whether the file is a private one of this user, made here when it is missing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        return False
    status = os.fstat(descriptor)
    os.close(descriptor)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
