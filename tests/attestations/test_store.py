from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.database import PAGE_SIZE, _enter_wal, open_database, translate
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, StoreError
from placet_attestations.sqlite_store import SqliteEvidenceStore
from placet_attestations.store import EvidenceStore
from placet_attestations.verify import verify
from tests.builders import a_bundle, a_digest, a_key, a_statement, a_subject, a_trust_policy
from tests.fakes.evidence import InMemoryEvidenceStore

TRUST = a_trust_policy()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EvidenceStore]:
    if request.param == "memory":
        yield InMemoryEvidenceStore()
        return
    sqlite = SqliteEvidenceStore.open(tmp_path / "placet.db")
    yield sqlite
    sqlite.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteEvidenceStore]:
    store = SqliteEvidenceStore.open(tmp_path / "placet.db")
    yield store
    store.close()


def put(store: EvidenceStore, *names: str, short: str = "dataset", by: str = "owner") -> Digest:
    """Store a statement about these subjects; the digest of its bundle."""
    raw = a_bundle(a_statement(short, [a_subject(name) for name in names]), a_key(by))
    verified = verify(raw, TRUST)
    assert store.put(raw, verified) is True
    return verified.digest


def test_the_exact_bytes_come_back(store: EvidenceStore) -> None:
    raw = a_bundle().replace(b'"mediaType":', b'"mediaType":  ')
    verified = verify(raw, TRUST)
    assert store.put(raw, verified) is True
    assert store.put(raw, verified) is False
    assert store.get(verified.digest) == raw
    assert store.get(a_digest("other")) is None


def test_an_empty_store_knows_nothing(store: EvidenceStore) -> None:
    assert store.by_subject(a_digest()) == ()
    assert store.by_name("x") == ()
    assert store.by_prefix("0" * 12) == ()
    assert list(store.all()) == []


def test_statements_are_found_by_each_subject_in_order(store: EvidenceStore) -> None:
    one, two = put(store, "a", "b"), put(store, "b")
    assert store.by_subject(a_digest("a")) == (one,)
    assert store.by_subject(a_digest("b")) == tuple(sorted([one, two]))
    assert list(store.all()) == sorted([one, two])
    assert all(isinstance(found, Digest) for found in (*store.all(), *store.by_subject(a_digest("b"))))


def test_subjects_are_found_by_the_names_that_are_claimed(store: EvidenceStore) -> None:
    put(store, "a")
    put(store, "b")
    put(store, "c", short="approval", by="approver")
    found = tuple(sorted([a_digest("a"), a_digest("b")]))
    assert store.by_name("churn-train") == found
    assert store.by_name("churn-train@2026.11") == found
    assert store.by_name("churn") == ()


def test_subjects_are_found_by_a_prefix(store: EvidenceStore) -> None:
    put(store, "a", "b")
    digest = a_digest("a")
    for prefix in (digest, digest.hex, digest.hex[:12], digest[:19], digest.hex[:13]):
        assert store.by_prefix(prefix) == (digest,)
    assert store.by_prefix("f" * 12) == ()


@pytest.mark.parametrize(
    "prefix", ["", "sha256:", "0" * 11, "sha256:" + "0" * 11, "A" * 12, "g" * 12, "0" * 65, "0%" * 8]
)
def test_a_prefix_has_twelve_digits(store: EvidenceStore, prefix: str) -> None:
    with pytest.raises(MalformedError) as caught:
        store.by_prefix(prefix)
    assert caught.value.code == "digest.prefix"


def test_only_what_was_verified_is_stored(store: EvidenceStore) -> None:
    with pytest.raises(StoreError) as caught:
        store.put(a_bundle(signer=a_key("stranger")), verify(a_bundle(), TRUST))
    assert caught.value.code == "store.mismatch"
    assert list(store.all()) == []


def damage(store: EvidenceStore, digest: Digest, raw: bytes) -> None:
    """Change the stored bytes behind the store's back."""
    if isinstance(store, InMemoryEvidenceStore):
        store.bundles[digest] = raw
        return
    assert isinstance(store, SqliteEvidenceStore)
    with store._use() as connection:
        connection.execute("UPDATE evidence SET bundle = ? WHERE digest = ?", (raw, digest))


def test_damaged_bytes_are_not_given_out_and_can_be_mended(store: EvidenceStore) -> None:
    raw = a_bundle()
    verified = verify(raw, TRUST)
    store.put(raw, verified)
    damage(store, verified.digest, raw[:-1] + b" ")
    with pytest.raises(StoreError) as caught:
        store.get(verified.digest)
    assert caught.value.code == "store.corrupt"
    assert store.put(raw, verified) is True
    assert store.get(verified.digest) == raw


def test_a_row_slipped_in_with_sql_is_only_bytes(sqlite: SqliteEvidenceStore) -> None:
    # The store gives it out, for its digest is right; whoever takes it verifies it, and there it ends.
    forged = a_bundle(signer=a_key("stranger"))
    with sqlite._use() as connection:
        connection.execute("INSERT INTO evidence VALUES (?, 'x', ?)", (Digest.of(forged), forged))
        connection.execute("INSERT INTO evidence_subject VALUES (?, ?)", (a_digest(), Digest.of(forged)))
    (found,) = sqlite.by_subject(a_digest())
    raw = sqlite.get(found)
    assert raw == forged
    with pytest.raises(Exception, match=r"no key of trust\.yaml"):
        verify(raw, TRUST)


def test_what_was_put_is_there_after_the_store_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "placet.db"
    store = SqliteEvidenceStore.open(path)
    digest = put(store, "a")
    store.close()
    store.close()
    with pytest.raises(StoreError) as caught:
        store.get(digest)
    assert caught.value.code == "store.closed"
    again = SqliteEvidenceStore.open(path)
    assert again.by_subject(a_digest("a")) == (digest,)
    again.close()


def test_a_failed_put_leaves_nothing_and_may_be_repeated(sqlite: SqliteEvidenceStore) -> None:
    raw = a_bundle()
    verified = verify(raw, TRUST)
    with sqlite._use() as connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON evidence_name BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(sqlite3.IntegrityError):
        sqlite.put(raw, verified)
    assert list(sqlite.all()) == []
    assert sqlite.by_subject(a_digest()) == ()
    with sqlite._use() as connection:
        connection.execute("DROP TRIGGER no")
    assert sqlite.put(raw, verified) is True


def test_a_full_disk_is_said_and_loses_nothing(sqlite: SqliteEvidenceStore) -> None:
    kept = put(sqlite, "a")
    with sqlite._use() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    raw = a_bundle(a_statement("dataset", [a_subject("b")], description="x" * 100_000))
    with pytest.raises(StoreError) as caught:
        sqlite.put(raw, verify(raw, TRUST))
    assert caught.value.code == "store.full"
    assert list(sqlite.all()) == [kept]
    with sqlite._use() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    assert sqlite.put(raw, verify(raw, TRUST)) is True


def test_a_store_held_by_another_process_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "placet.db"
    store = SqliteEvidenceStore(lambda: open_database(path, busy_timeout=0.05), path)
    put(store, "a")
    other = open_database(path)
    other.execute("BEGIN IMMEDIATE")
    raw = a_bundle(a_statement("dataset", [a_subject("b")]))
    with pytest.raises(StoreError) as caught:
        store.put(raw, verify(raw, TRUST))
    assert caught.value.code == "store.locked"
    assert caught.value.where == str(path)
    assert len(store.by_subject(a_digest("a"))) == 1  # readers do not wait for a writer
    other.execute("ROLLBACK")
    assert store.put(raw, verify(raw, TRUST)) is True
    other.close()
    store.close()


def test_several_threads_share_a_store(sqlite: SqliteEvidenceStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda number: put(sqlite, str(number), "all"), range(20)))
    assert sqlite.by_subject(a_digest("all")) == tuple(sorted(digests))


WRITER = """
import sys
from pathlib import Path
from typing import Any
from placet_attestations.sqlite_store import SqliteEvidenceStore
from placet_attestations.verify import verify
from tests.builders import *
store = SqliteEvidenceStore.open(Path(sys.argv[1]))
for number in range(10):
    raw = a_bundle(a_statement("dataset", [a_subject(f"{sys.argv[2]}-{number}"), a_subject("all")]))
    store.put(raw, verify(raw, a_trust_policy()))
store.close()
"""


def test_several_processes_make_and_share_one_store(tmp_path: Path) -> None:
    path = tmp_path / "placet.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], env=environment) for name in "abc"
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    store = SqliteEvidenceStore.open(path)
    assert len(store.by_subject(a_digest("all"))) == 30
    store.close()


def test_the_database_is_its_owners_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "placet.db"
    old = os.umask(0)
    try:
        connection = open_database(path)
        connection.execute("CREATE TABLE t (x)")
        files = sorted(tmp_path.iterdir())
    finally:
        os.umask(old)
    assert [file.name for file in files] == ["placet.db", "placet.db-shm", "placet.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    settings = ("journal_mode", "synchronous", "page_size", "trusted_schema", "busy_timeout")
    values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]
    assert values == ["wal", 2, PAGE_SIZE, 0, 10_000]
    assert connection.isolation_level is None
    connection.close()


def test_an_existing_database_is_opened_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "placet.db"
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA page_size = 4096")
        made.execute("CREATE TABLE t (x)")
    made.close()
    connection = open_database(path)
    assert connection.execute("PRAGMA page_size").fetchone() == (4096,)
    connection.close()


def store_error(path: Path) -> StoreError:
    with pytest.raises(StoreError) as caught:
        SqliteEvidenceStore.open(path)
    assert caught.value.where == str(path)
    assert caught.value.hint
    return caught.value


def test_paths_that_cannot_be_a_store(tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(b"this is no database, and it is long enough to be looked at" * 100)
    assert store_error(noise).code == "store.corrupt"
    assert store_error(tmp_path).code == "store.unwritable"
    assert store_error(tmp_path / "missing" / "placet.db").code == "store.unwritable"
    assert store_error(noise / "placet.db").code == "store.unwritable"


def test_a_foreign_database_is_not_a_store(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = open_database(path)
    connection.execute("CREATE TABLE evidence (something TEXT)")
    connection.close()
    store = SqliteEvidenceStore.open(path)
    with pytest.raises(StoreError) as caught:
        store.get(a_digest())
    assert caught.value.code == "store.corrupt"
    store.close()


def test_a_file_system_without_wal_is_refused() -> None:
    # As with a database in memory, SQLite then answers with the mode it stays in.
    connection = sqlite3.connect(":memory:")
    with pytest.raises(StoreError, match="does not support WAL") as caught, translate("here"):
        _enter_wal(connection, deadline=0)
    assert caught.value.code == "store.unwritable"
    connection.close()


def test_a_database_that_another_process_keeps_to_itself_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "placet.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError) as caught:
        open_database(path, busy_timeout=0.05)
    assert caught.value.code == "store.locked"
    other.execute("ROLLBACK")
    open_database(path).close()
    other.close()


class BusyOnce(sqlite3.Connection):
    """Two processes switch to WAL at the same moment: SQLite tells one of them so, without waiting."""

    asked = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.asked += 1
        if self.asked == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return super().execute(sql, *parameters)


def test_the_switch_to_wal_is_tried_again(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "placet.db", factory=BusyOnce)
    _enter_wal(connection, deadline=time.monotonic() + 3600)
    assert connection.asked == 2
    connection.close()


def test_every_name_is_a_file(tmp_path: Path) -> None:
    folder = Path.cwd()
    os.chdir(tmp_path)
    try:
        open_database(Path(":memory:")).close()
    finally:
        os.chdir(folder)
    assert (tmp_path / ":memory:").stat().st_size > 0


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, "store.full"),
        (sqlite3.SQLITE_BUSY, "store.locked"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "store.locked"),
        (sqlite3.SQLITE_LOCKED, "store.locked"),
        (sqlite3.SQLITE_READONLY, "store.unwritable"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "store.unwritable"),
        (sqlite3.SQLITE_CANTOPEN, "store.unwritable"),
        (sqlite3.SQLITE_IOERR_WRITE, "store.unwritable"),
        (sqlite3.SQLITE_IOERR_FSYNC, "store.unwritable"),
        (sqlite3.SQLITE_CORRUPT, "store.corrupt"),
        (sqlite3.SQLITE_NOTADB, "store.corrupt"),
        (sqlite3.SQLITE_ERROR, "store.corrupt"),
        (None, "store.corrupt"),
    ],
)
def test_sqlites_codes_have_ours(code: int | None, expected: str) -> None:
    error = sqlite3.OperationalError("words")
    if code is not None:
        error.sqlite_errorcode = code
    with pytest.raises(StoreError) as caught, translate("here"):
        raise error
    assert caught.value.code == expected
    assert caught.value.where == "here"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [sqlite3.IntegrityError("no"), sqlite3.ProgrammingError("no"), KeyError("no")]
)
def test_what_is_no_fault_of_the_store_passes(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translate("here"):
        raise error
    assert caught.value is error


def test_an_error_of_the_operating_system_is_translated() -> None:
    with pytest.raises(StoreError) as caught, translate("here"):
        raise PermissionError(13, "Permission denied")
    assert caught.value.code == "store.unwritable"
