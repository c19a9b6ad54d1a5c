"""The one SQLite file of evidence store and decision log: how it is opened, what its errors mean.

Durability rests on the two settings below: with WAL and synchronous FULL a transaction is on the disk when
COMMIT returns, and a reader never waits for a writer.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from placet_attestations.errors import StoreError

PAGE_SIZE: Final = 16_384  # bundles are larger than 4 kB: fewer overflow pages, fewer writes
BUSY_TIMEOUT: Final = 10.0  # seconds that a writer waits for another one

_BY_PRIMARY_CODE: Final = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "unwritable",
    sqlite3.SQLITE_CANTOPEN: "unwritable",
    sqlite3.SQLITE_PERM: "unwritable",
    sqlite3.SQLITE_AUTH: "unwritable",
    sqlite3.SQLITE_IOERR: "unwritable",
    sqlite3.SQLITE_NOMEM: "unwritable",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
}
_WORDS: Final = {
    "full": ("the disk is full", "make room; nothing that was acknowledged is lost"),
    "locked": ("another process holds the store", "try again; if it stays so, end the process that holds it"),
    "unwritable": (
        "the store cannot be opened or written",
        "check the folder, its owner and its permissions",
    ),
    "corrupt": (
        "the store is damaged or is not a Placet store",
        "restore it from a backup; do not write to it",
    ),
}


def open_database(path: Path, *, busy_timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """Open or create the database: mode 0600, WAL, FULL, no implicit transactions (`isolation_level=None`).

    The connection may be handed between threads, but is used by one at a time. Raises StoreError store.full,
    store.locked, store.unwritable, store.corrupt.
    """
    with translate(path):
        _create(path)
        # Absolute, so that no name (`:memory:`) means anything but a file.
        connection = sqlite3.connect(
            path.absolute(), timeout=busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            # Before the first page is written; on an existing file it changes nothing.
            connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
            _enter_wal(connection, time.monotonic() + busy_timeout)
            connection.execute("PRAGMA synchronous = FULL")
            # A schema that somebody planted may not call functions with effects.
            connection.execute("PRAGMA trusted_schema = OFF")
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def translate(where: Path | str) -> Iterator[None]:
    """Turn SQLite's errors, and the operating system's, into StoreError, which says what to do.

    sqlite3.IntegrityError passes: a constraint that holds is an answer. So does sqlite3.ProgrammingError: a
    mistake in our code must not look like a broken disk.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as error:
        # Extended codes carry the primary one in the low byte; errors raised by the module itself carry none.
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        raise _store_error(_BY_PRIMARY_CODE.get(primary, "corrupt"), where, error) from error
    except OSError as error:
        raise _store_error("unwritable", where, error) from error


def _create(path: Path) -> None:
    # SQLite would make the file with the umask's mode; WAL and shared memory files take the mode of this one.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _enter_wal(connection: sqlite3.Connection, deadline: float) -> None:
    # The switch needs the file alone for a moment, and SQLite does not wait for that: two processes that
    # create one store together meet here.
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
            continue
        if mode != "wal":
            raise OSError(f"the file system does not support WAL, journal mode is {mode}")
        return


def _store_error(kind: str, where: Path | str, error: Exception) -> StoreError:
    words, hint = _WORDS[kind]
    return StoreError(f"store.{kind}", f"{words}: {error}", where=str(where), hint=hint)
