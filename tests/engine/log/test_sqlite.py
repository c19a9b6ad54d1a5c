"""What only the SQLite store does: its files, its locks, its errors."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from placet_attestations.database import open_database
from placet_engine.errors import LogError
from placet_engine.log.audit import verify_log
from placet_engine.log.log import DecisionLog
from placet_engine.log.sqlite import SqliteLogStore
from placet_engine.log.sqlite_rows import SCHEMA, translated
from tests.engine.log.making import SIGNER, decision, evidence, filled, open_log, seal


def code_of(caught: pytest.ExceptionInfo[LogError]) -> str:
    assert caught.value.hint
    assert caught.value.__cause__ is not None
    return caught.value.code


def impatient(folder: Path) -> SqliteLogStore:
    return SqliteLogStore(lambda: open_database(folder / "log.db", busy_timeout=0.05))


def test_another_process_that_holds_the_store(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    with (
        closing(open_database(tmp_path / "log.db")) as other,
        DecisionLog.over(impatient(tmp_path), SIGNER, tmp_path / "head") as log,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogError) as caught:
            log.append(decision(50))
        assert caught.value.code == "log.locked"
        assert log.head().size == 2
        other.execute("ROLLBACK")
        assert log.append(decision(51)).index == 2


def test_a_log_that_is_made_while_another_holds_the_database(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "log.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogError) as caught:
            impatient(tmp_path)
        assert code_of(caught) == "log.locked"
        other.execute("ROLLBACK")
        impatient(tmp_path).close()


def test_the_tables_come_all_or_not_at_all(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "log.db")) as connection:
        connection.execute("CREATE VIEW log_reservation AS SELECT 1")
    with pytest.raises(LogError):
        SqliteLogStore.open(tmp_path / "log.db")
    with closing(open_database(tmp_path / "log.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert tables == [("log_reservation",)]
        connection.execute("DROP VIEW log_reservation")
    SqliteLogStore.open(tmp_path / "log.db").close()


def test_other_tables_of_the_file_are_left_alone(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "log.db")) as connection:
        connection.execute("CREATE TABLE evidence (x)")
        connection.execute("INSERT INTO evidence VALUES (1)")
    filled(tmp_path, 3)
    with closing(open_database(tmp_path / "log.db")) as connection:
        assert connection.execute("SELECT x FROM evidence").fetchall() == [(1,)]
        names = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert names == {"evidence", "log_entry", "log_node", "log_payload", "log_reservation", "log_head"}
    assert len(SCHEMA) == 9


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LogError) as caught:
        open_log(tmp_path / "nowhere")
    assert code_of(caught) == "log.unwritable"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"x" * 5000)
    with pytest.raises(LogError) as caught:
        open_log(tmp_path)
    assert code_of(caught) == "log.corrupt"


def test_a_commit_that_fails_is_rolled_back_and_the_connection_replaced(tmp_path: Path) -> None:
    opened: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        opened.append(open_database(tmp_path / "log.db"))
        return opened[-1]

    store = SqliteLogStore(connect)
    sealing = seal(tmp_path)
    store.append([decision(1)], sealing)
    opened[-1].execute("PRAGMA query_only = ON")
    with pytest.raises(LogError) as caught:
        store.append([decision(2)], sealing)
    assert code_of(caught) == "log.unwritable"
    assert store.head().size == 1
    store.append([decision(3)], sealing)
    assert len(opened) == 3
    assert store.head().size == 2
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteLogStore.open(tmp_path / "log.db")
    store.close()
    store.close()
    with pytest.raises(LogError) as caught:
        store.entry(0)
    assert code_of(caught) == "log.closed"


@pytest.mark.parametrize(
    ("number", "doing", "code"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "write", "log.locked"),
        (sqlite3.SQLITE_FULL, "write", "log.unwritable"),
        (sqlite3.SQLITE_IOERR_FSYNC, "write", "log.unwritable"),
        (sqlite3.SQLITE_IOERR_READ, "read", "log.unreadable"),
        (sqlite3.SQLITE_CANTOPEN, "read", "log.unreadable"),
        (sqlite3.SQLITE_CORRUPT, "read", "log.corrupt"),
        (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, "write", "log.corrupt"),
        (sqlite3.SQLITE_ERROR, "read", "log.corrupt"),
    ],
)
def test_what_sqlite_says_and_what_the_caller_hears(number: int, doing: str, code: str) -> None:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = number
    with pytest.raises(LogError) as caught, translated(doing):
        raise error
    assert code_of(caught) == code


def test_a_batch_goes_on_from_the_tree_before_it_or_reads_it_again(tmp_path: Path) -> None:
    with open_log(tmp_path) as here, open_log(tmp_path) as there:
        for number in range(0, 40, 2):
            here.append(evidence(number))
            here.append(evidence(number + 1))
            there.append(evidence(100 + number))  # another process: the next batch here starts from its head
        assert here.head().size == 60
        assert verify_log(here.store, here.verifier).ok
