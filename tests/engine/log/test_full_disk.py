"""A disk that is full or fails: the caller hears it, nothing is lost, and the log goes on when there is room."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from placet_attestations.database import open_database
from placet_engine.errors import LogError
from placet_engine.log.audit import verify_log
from placet_engine.log.log import DecisionLog
from placet_engine.log.sqlite import SqliteLogStore
from tests.engine.log.making import SIGNER, bounded_files, decision, later, open_log

BIG = 400
BALLAST = 700_000


@contextmanager
def small_disk(folder: Path, room: int = 1_300_000) -> Iterator[Callable[[], None]]:
    """A file system with that many free bytes where this process may mount one, else a bound on the size of its files.

    What it yields makes room.
    """
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={room + BALLAST}", "none", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mounted, capture_output=True, check=False).returncode == 0:
        try:
            ballast = folder / "ballast"
            ballast.write_bytes(bytes(BALLAST))
            yield ballast.unlink
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    else:
        with bounded_files(room) as lift:
            yield lift


def append_until_full(log: DecisionLog) -> int:
    """How many were acknowledged before one was refused."""
    for number in range(BIG):
        refused = log.submit(decision(number, time=later(number))).exception()
        if refused is not None:
            assert isinstance(refused, LogError)
            assert refused.code == "log.unwritable"
            assert refused.hint
            return number
    pytest.fail("the disk never filled up")


def sound(log: DecisionLog, acknowledged: int) -> None:
    """Every acknowledged entry is there, and the log is whole."""
    assert verify_log(log.store, SIGNER.verifier).ok
    indexes = {entry.columns.decision_id for entry in log.entries(0, BIG * 2)}
    assert {decision(number).columns.decision_id for number in range(acknowledged)} <= indexes


Room = Callable[[Path], AbstractContextManager[Callable[[], None]]]


@pytest.mark.parametrize("room", [small_disk, lambda _: bounded_files(500_000)], ids=["disk", "files"])
def test_a_full_disk(tmp_path: Path, room: Room) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    with room(place) as make_room:
        with open_log(place) as log:
            acknowledged = append_until_full(log)
            assert acknowledged > 0
            with pytest.raises(LogError):
                log.append(decision(BIG))
            make_room()
            assert log.append(decision(BIG + 1, time=later(BIG))).index >= acknowledged
            sound(log, acknowledged)
        with open_log(place) as log:
            sound(log, acknowledged)


def test_a_database_that_may_not_grow(tmp_path: Path) -> None:
    """SQLite's own word for a full disk."""
    room = [12]

    def connect() -> sqlite3.Connection:
        connection = open_database(tmp_path / "log.db")
        connection.execute(f"PRAGMA max_page_count = {room[0]}")
        return connection

    with DecisionLog.over(SqliteLogStore(connect), SIGNER, tmp_path / "head") as log:
        acknowledged = append_until_full(log)
        assert acknowledged > 0
        assert log.head().size == acknowledged
        room[0] = 1000
        assert log.append(decision(BIG, time=later(BIG))).index == acknowledged
        sound(log, acknowledged)
