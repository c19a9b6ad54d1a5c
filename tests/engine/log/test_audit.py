"""An audit names the entry of the first divergence, whatever was changed behind the log's back."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from placet_engine.errors import LogError
from placet_engine.log.audit import AuditReport, verify_log
from placet_engine.log.checkpoint import Checkpoint
from placet_engine.log.head_file import HeadFile
from placet_engine.log.limits import LogLimits
from placet_engine.log.merkle import leaf_hash, stored_position
from placet_engine.log.sqlite import SqliteLogStore
from placet_engine.log.sqlite_rows import payload_place
from tests.engine.log.making import (
    ORIGIN,
    OTHER,
    SIGNER,
    bundle,
    decision,
    decision_id,
    filled,
    flip,
    later,
    open_log,
    tamper,
)

COPY = "SELECT 11, leaf, kind, time, 'x', gate, subject, verdict, NULL FROM log_entry WHERE idx = 1"
FLIPPED = "CAST(substr(leaf, 1, 20) || 'X' || substr(leaf, 22) AS BLOB)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eleven entries; 4 and 8 made a reservation."""
    filled(tmp_path, 11)
    return tmp_path


def audit(folder: Path, **options: Any) -> AuditReport:
    store = SqliteLogStore.open(folder / "log.db")
    try:
        return verify_log(store, SIGNER.verifier, limits=LogLimits(page=4), **options)
    finally:
        store.close()


def first_bad(folder: Path, reason: str, **options: Any) -> int | None:
    report = audit(folder, **options)
    assert not report.ok
    assert report.root is None
    assert reason in (report.reason or "")
    return report.first_bad


def kept(folder: Path) -> Checkpoint | None:
    return HeadFile(folder / "head", SIGNER.verifier).kept()


def test_an_untouched_log_is_sound(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = audit(folder, kept=kept(folder), progress=lambda done, total: seen.append((done, total)))
    head = kept(folder)
    assert head is not None
    assert report == AuditReport(11, ok=True, root=head.root)
    assert seen == [(4, 11), (8, 11), (11, 11)]


def test_an_empty_log_is_sound(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    assert audit(tmp_path).ok


def test_an_audit_sees_one_moment_while_others_append(folder: Path) -> None:
    with open_log(folder) as log:

        def append(done: int, _total: int) -> None:
            log.append(decision(100 + done, time=later(60)))

        report = verify_log(log.store, SIGNER.verifier, limits=LogLimits(page=4), progress=append)
        assert (report.ok, report.entries) == (True, 11)
        assert log.head().size == 14


@pytest.mark.parametrize("index", range(11))
def test_a_changed_leaf(folder: Path, index: int) -> None:
    tamper(folder, f"UPDATE log_entry SET leaf = {FLIPPED} WHERE idx = ?", index)
    assert first_bad(folder, "its leaf is not the one in the tree") == index


@pytest.mark.parametrize("column", ["salt", "data"])
@pytest.mark.parametrize(("number", "name"), [(0, "decision"), (1, "input"), (2, "answer")])
def test_a_changed_payload_or_salt(folder: Path, column: str, number: int, name: str) -> None:
    with open_log(folder) as log:
        payload = log.payload(5, name)
    old = payload.salt if column == "salt" else payload.data
    tamper(
        folder, f"UPDATE log_payload SET {column} = ? WHERE place = ?", flip(old, 3), payload_place(5, number)
    )
    assert first_bad(folder, f"its {name}") == 5


@pytest.mark.parametrize(("level", "index", "entry"), [(0, 6, 6), (1, 2, 4), (2, 1, 4), (3, 0, 0)])
def test_a_changed_or_deleted_node(folder: Path, level: int, index: int, entry: int) -> None:
    place = stored_position(level, index)
    tamper(folder, "UPDATE log_node SET hash = zeroblob(32) WHERE position = ?", place)
    assert first_bad(folder, "") == entry
    tamper(folder, "DELETE FROM log_node WHERE position = ?", place)
    assert first_bad(folder, "is missing") == entry


@pytest.mark.parametrize("index", [0, 5, 10])
def test_a_deleted_row(folder: Path, index: int) -> None:
    tamper(folder, "DELETE FROM log_entry WHERE idx = ?", index)
    assert first_bad(folder, "its row is missing") == index


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("verdict = 'allow'", "verdict"),
        ("gate = 'register'", "gate"),
        ("subject = NULL", "subject"),
        ("decision = 'x'", "decision_id"),
        ("time = '2026-11-23T21:30:09.000000Z'", "time"),
        ("kind = 'evidence'", "kind"),
        (f"evidence = '{bundle(77)}'", "evidence"),
    ],
)
def test_a_changed_index_column(folder: Path, change: str, column: str) -> None:
    tamper(folder, f"UPDATE log_entry SET {change} WHERE idx = 7")
    assert first_bad(folder, f"otherwise than its leaf: {column}") == 7


@pytest.mark.parametrize(
    "change",
    [
        "leaf = 'text'",
        "leaf = 5",
        "time = 'yesterday'",
        "verdict = x'00'",
        "kind = x'00'",
        "evidence = 'md5'",
        "gate = CAST(x'ff' AS TEXT)",
    ],
)
def test_a_row_that_does_not_read(folder: Path, change: str) -> None:
    tamper(folder, f"UPDATE log_entry SET {change} WHERE idx = 7")
    assert first_bad(folder, "") == 7


@pytest.mark.parametrize("change", ["salt = 'text'", "name = x'00'", "data = 'text'"])
def test_a_payload_row_that_does_not_read(folder: Path, change: str) -> None:
    tamper(folder, f"UPDATE log_payload SET {change} WHERE place = ?", payload_place(5))
    assert first_bad(folder, "payload row") == 5


def test_a_deleted_payload(folder: Path) -> None:
    tamper(folder, "DELETE FROM log_payload WHERE place = ?", payload_place(8, 1))
    assert first_bad(folder, "its input is missing") == 8


def test_a_payload_that_no_leaf_commits_to(folder: Path) -> None:
    tamper(folder, "INSERT INTO log_payload VALUES (?, 'more', x'00', x'00')", payload_place(6))
    assert first_bad(folder, "its more") == 6


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM log_reservation WHERE idx = 4",
        "UPDATE log_reservation SET value = 'staging' WHERE idx = 4",
        "UPDATE log_reservation SET key = 'another' WHERE idx = 4",
        "UPDATE log_reservation SET idx = 5 WHERE idx = 4",
    ],
)
def test_a_reservation_deleted_or_changed(folder: Path, sql: str) -> None:
    tamper(folder, sql)
    assert first_bad(folder, "approval 4") == 4


def test_a_reservation_that_no_leaf_made(folder: Path) -> None:
    tamper(folder, "INSERT INTO log_reservation VALUES ('approval 99', 'production', 6)")
    assert first_bad(folder, "approval 99") == 6


@pytest.mark.parametrize(
    ("change", "entry"),
    [
        ("size = 7", 7),
        ("size = 15", 11),
        ("root = zeroblob(32)", 10),
        ("checkpoint = ''", 10),
        ("checkpoint = replace(checkpoint, 'example.org', 'example.com')", 10),
        ("newest = '2027-01-01T00:00:00.000000Z'", 10),
        ("newest = NULL", 10),
    ],
)
def test_a_changed_head_row(folder: Path, change: str, entry: int) -> None:
    tamper(folder, f"UPDATE log_head SET {change}")
    assert first_bad(folder, "") == entry


@pytest.mark.parametrize(
    "change", ["size = -1", "size = 'many'", "root = 'x'", "newest = 'x'", "checkpoint = x'00'"]
)
def test_a_head_row_that_does_not_read(folder: Path, change: str) -> None:
    tamper(folder, f"UPDATE log_head SET {change}")
    assert first_bad(folder, "") is None


def test_a_deleted_head_row(folder: Path) -> None:
    tamper(folder, "DELETE FROM log_head")
    assert first_bad(folder, "entry table lies outside") == 0
    assert first_bad(folder, "a head of 11 entries was signed", kept=kept(folder)) == 0


def test_a_head_without_a_signature_of_this_key(folder: Path) -> None:
    store = SqliteLogStore.open(folder / "log.db")
    report = verify_log(store, OTHER.verifier)
    store.close()
    assert (report.ok, report.first_bad) == (False, 10)
    assert "no known key" in (report.reason or "")


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        (f"INSERT INTO log_entry {COPY}", "entry"),
        ("INSERT INTO log_payload VALUES (11 * 16, 'input', x'00', x'00')", "payload"),
        ("INSERT INTO log_payload VALUES (-1, 'input', x'00', x'00')", "payload"),
        ("INSERT INTO log_reservation VALUES ('k', 'v', 11)", "reservation"),
        ("INSERT INTO log_node VALUES (1000, zeroblob(32))", "node"),
    ],
)
def test_a_row_outside_the_log(folder: Path, sql: str, table: str) -> None:
    tamper(folder, sql)
    bad = first_bad(folder, f"{table} table lies outside")
    assert bad is not None
    assert bad in (11, -1)


def test_a_leaf_and_its_nodes_rewritten_do_not_make_the_signed_root(folder: Path) -> None:
    """Whoever recomputes the tree after a change lacks the key."""
    with closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as connection:
        (leaf,) = connection.execute("SELECT leaf FROM log_entry WHERE idx = 10").fetchone()
        forged = leaf.replace(b'"deny"', b'"none"')
        assert forged != leaf
        connection.execute("UPDATE log_entry SET leaf = ?, verdict = 'none' WHERE idx = 10", (forged,))
        place = stored_position(0, 10)
        connection.execute("UPDATE log_node SET hash = ? WHERE position = ?", (leaf_hash(forged), place))
    assert first_bad(folder, "do not make the signed root") == 10


def test_a_log_that_was_put_back(folder: Path) -> None:
    copy = (folder / "log.db").read_bytes()
    with open_log(folder) as log:
        log.append(decision(50, time=later(60)))
    (folder / "log.db").write_bytes(copy)
    assert audit(folder).ok
    assert first_bad(folder, "a head of 12 entries was signed and kept", kept=kept(folder)) == 11


def test_a_log_with_another_history(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    filled(tmp_path / "other", 5)
    assert first_bad(folder, "these are not they", kept=kept(tmp_path / "other")) == 4
    head = Checkpoint(ORIGIN, 0, bytes(32))
    assert first_bad(folder, "these are not they", kept=head) is None


def test_a_kept_head_of_the_past_is_fine(folder: Path) -> None:
    before = kept(folder)
    with open_log(folder) as log:
        log.append(decision(50, time=later(60)))
    assert audit(folder, kept=before).ok


def test_a_table_that_is_gone(folder: Path) -> None:
    tamper(folder, "ALTER TABLE log_payload RENAME TO elsewhere")
    assert first_bad(folder, "no such table") == 0
    tamper(folder, "ALTER TABLE log_reservation RENAME TO elsewhere_too")
    assert first_bad(folder, "no such table") == 0


def test_a_page_of_the_file_overwritten(folder: Path) -> None:
    """Whatever page it is, the audit ends with a report or a LogError, never with another exception."""
    raw = (folder / "log.db").read_bytes()
    page = 16_384
    for at in range(page, len(raw), page):
        (folder / "log.db").write_bytes(raw[:at] + bytes([255]) * page + raw[at + page :])
        try:
            report = audit(folder)
        except LogError as error:
            assert error.code == "log.corrupt"  # noqa: PT017
        else:
            assert not report.ok
    (folder / "log.db").write_bytes(raw)
    assert audit(folder).ok


def test_an_index_of_the_database_that_hides_a_row(folder: Path) -> None:
    """The row is sound and the tree is; only the way by which a gate would find it leads past it."""
    wanted = decision_id(7).encode()
    raw = (folder / "log.db").read_bytes()
    leaf_of_an_index = b"\x0a"
    at = next(
        found.start()
        for found in re.finditer(wanted, raw)
        if raw[found.start() // 16_384 * 16_384 :].startswith(leaf_of_an_index)
    )
    (folder / "log.db").write_bytes(flip(raw, at + len(wanted) - 1))
    with open_log(folder) as log, pytest.raises(LogError):
        log.by_decision(decision_id(7))
    assert first_bad(folder, "missing from index") is None


def test_a_file_that_is_no_database(folder: Path) -> None:
    (folder / "log.db").write_bytes(b"x" * 40_000)
    with pytest.raises(LogError) as caught:
        audit(folder)
    assert caught.value.code == "log.corrupt"


def test_every_flipped_byte_of_a_leaf_or_payload_is_found(tmp_path: Path) -> None:
    """As in the demo: one byte of the file, not through SQL."""
    with open_log(tmp_path) as log:
        for number in range(3):
            log.append(decision(number))
        leaf = log.entries(1, 2)[0].leaf
        salt = log.payload(1, "input").salt
    raw = (tmp_path / "log.db").read_bytes()
    for part in (leaf, salt):
        at = raw.index(part)
        assert raw.count(part) == 1
        for offset in range(0, len(part), 7):
            (tmp_path / "log.db").write_bytes(flip(raw, at + offset))
            assert first_bad(tmp_path, "") == 1
