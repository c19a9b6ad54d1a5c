"""The digest cache: saves reading, never changes an answer, and is never missed."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from placet_attestations.digest_cache import SETTLED_NS, DigestCache
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError
from placet_attestations.trees import identify


class CountingReader:
    """Reads as the system does, and counts."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self, fd: int, views: Sequence[memoryview]) -> int:
        self.reads += 1
        return os.readv(fd, views)


def much_later() -> int:
    """A clock by which every file of this test has been left alone for long."""
    return time.time_ns() + 100 * SETTLED_NS


class Cached:
    """A cache, and how often it read a file."""

    def __init__(self, path: Path, clock: Callable[[], int] = much_later, max_rows: int = 1000) -> None:
        self._reader = CountingReader()
        self._cache = DigestCache(path, clock=clock, read=self._reader, max_rows=max_rows)

    def reads(self, path: Path) -> int:
        before = self._reader.reads
        assert self._cache.identify(path) == identify(path)
        return self._reader.reads - before


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    (root / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (root / name).write_bytes(name.encode())
    return root


@pytest.fixture
def cache_file(tmp_path: Path) -> Path:
    return tmp_path / "digests.db"


def test_the_second_time_nothing_is_read(model: Path, cache_file: Path) -> None:
    cached = Cached(cache_file)
    assert cached.reads(model) == 3
    assert cached.reads(model) == 0
    assert Cached(cache_file).reads(model) == 0
    assert cached.reads(model / "a") == 0
    assert cache_file.stat().st_mode & 0o777 == 0o600


def test_a_moved_file_is_still_known(model: Path, cache_file: Path) -> None:
    cached = Cached(cache_file)
    cached.reads(model)
    model.rename(model.with_name("renamed"))
    assert cached.reads(model.with_name("renamed")) == 0


def test_only_what_changed_is_read_again(model: Path, cache_file: Path) -> None:
    cached = Cached(cache_file)
    cached.reads(model)
    (model / "b").write_bytes(b"longer")
    assert cached.reads(model) == 1


def test_a_byte_changed_in_place_with_its_mtime_restored(model: Path, cache_file: Path) -> None:
    cached = Cached(cache_file)
    cached.reads(model)
    before = (model / "a").stat()
    while (model / "a").stat().st_ctime_ns == before.st_ctime_ns:
        with (model / "a").open("r+b") as file:
            file.write(b"X")
        os.utime(model / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cached.reads(model) == 1
    assert DigestCache(cache_file).identify(model / "a").digest == Digest.of(b"X")


def test_a_file_just_written_is_not_remembered(model: Path, cache_file: Path) -> None:
    changed = max((model / name).stat().st_ctime_ns for name in ("a", "b", "sub/c"))
    young = Cached(cache_file, clock=lambda: changed + SETTLED_NS - 1)
    assert young.reads(model / "sub/c") == 1
    assert young.reads(model / "sub/c") == 1
    settled = Cached(cache_file, clock=lambda: changed + SETTLED_NS)
    assert settled.reads(model) == 3
    assert settled.reads(model) == 0


@pytest.mark.parametrize("year", [2116, 2400])
def test_a_file_from_the_future_is_not_remembered(model: Path, cache_file: Path, year: int) -> None:
    seconds = (year - 1970) * 365 * 86_400
    os.utime(model / "a", (seconds, seconds))
    cached = Cached(cache_file)
    cached.reads(model)
    assert cached.reads(model) == 1


def test_a_changing_file_is_refused_and_not_remembered(model: Path, cache_file: Path) -> None:
    def read(fd: int, views: Sequence[memoryview]) -> int:
        count = os.readv(fd, views)
        with (model / "a").open("ab") as file:
            file.write(b"more")
        return count

    with pytest.raises(IdentityError) as caught:
        DigestCache(cache_file, clock=much_later, read=read).identify(model / "a")
    assert caught.value.code == "file.changed"
    assert Cached(cache_file).reads(model / "a") == 1


def test_the_cache_is_emptied_when_it_is_large(model: Path, cache_file: Path) -> None:
    Cached(cache_file).reads(model)
    small = Cached(cache_file, max_rows=2)
    (model / "d").write_bytes(b"d")
    assert small.reads(model) == 1
    assert rows(cache_file) == 1


def rows(cache_file: Path) -> int:
    connection = sqlite3.connect(cache_file)
    try:
        return int(connection.execute("SELECT count(*) FROM digest").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all, but longer than a page header" * 100, b"SQLite format 3\0"]
)
def test_a_corrupt_cache_is_made_anew(model: Path, cache_file: Path, content: bytes) -> None:
    cache_file.write_bytes(content)
    cache_file.chmod(0o600)
    cached = Cached(cache_file)
    assert cached.reads(model) == 3
    assert cached.reads(model) == 0


def test_a_cache_of_another_shape_is_made_anew(model: Path, cache_file: Path) -> None:
    connection = sqlite3.connect(cache_file)
    connection.execute("CREATE TABLE digest (path TEXT)")
    connection.commit()
    connection.close()
    cache_file.chmod(0o600)
    cached = Cached(cache_file)
    assert cached.reads(model) == 3
    assert cached.reads(model) == 0


@pytest.mark.parametrize("value", [None, 7, "short", "A" * 64, b"0" * 64])
def test_a_row_that_is_no_digest_is_not_believed(model: Path, cache_file: Path, value: object) -> None:
    cached = Cached(cache_file)
    cached.reads(model)
    connection = sqlite3.connect(cache_file)
    connection.execute("ALTER TABLE digest RENAME TO strict_digest")
    connection.execute("CREATE TABLE digest AS SELECT * FROM strict_digest")
    connection.execute("UPDATE digest SET hex = ?", (value,))
    connection.commit()
    connection.close()
    assert cached.reads(model) == 3


def test_damage_found_while_reading(model: Path, cache_file: Path) -> None:
    cached = Cached(cache_file)
    cached.reads(model)
    connection = sqlite3.connect(cache_file)
    known = Digest.of(b"a").hex
    others = [(0, number, 0, 0, 0, f"{number:064}") for number in range(500)]
    connection.executemany("INSERT INTO digest VALUES (?, ?, ?, ?, ?, ?)", others)
    connection.commit()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = bytearray(cache_file.read_bytes())
    # Spoil the page that holds the row of `a`, which is not the one that opening looks at.
    start = data.index(known.encode()) // page_size * page_size
    data[start : start + 8] = b"\xff" * 8
    cache_file.write_bytes(data)
    assert cached.reads(model) == 3
    assert not cache_file.exists()
    assert cached.reads(model) == 3
    assert cached.reads(model) == 0


def test_a_locked_cache_is_done_without(model: Path, cache_file: Path) -> None:
    cached = Cached(cache_file)
    cached.reads(model)
    connection = sqlite3.connect(cache_file, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    assert cached.reads(model) == 3
    connection.close()
    assert cached.reads(model) == 0


def test_a_cache_that_is_locked_meanwhile_keeps_what_it_had(model: Path, cache_file: Path) -> None:
    Cached(cache_file).reads(model / "a")
    connection = sqlite3.connect(cache_file, isolation_level=None)

    def read(fd: int, views: Sequence[memoryview]) -> int:
        connection.execute("BEGIN IMMEDIATE")
        return os.readv(fd, views)

    identity = DigestCache(cache_file, clock=much_later, read=read).identify(model / "b")
    assert identity == identify(model / "b")
    connection.close()
    assert rows(cache_file) == 1


def lying_open(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o666)


def lying_elsewhere(path: Path) -> None:
    path.symlink_to(path.with_name("planted"))


@pytest.mark.parametrize("make", [lying_open, lying_elsewhere, os.mkfifo, os.mkdir])
def test_a_file_that_others_may_write_is_no_cache(
    model: Path, cache_file: Path, make: Callable[[Path], None]
) -> None:
    make(cache_file)
    cached = Cached(cache_file)
    assert cached.reads(model) == 3
    assert cached.reads(model) == 3


def test_no_place_for_a_cache(model: Path, tmp_path: Path) -> None:
    cached = Cached(tmp_path / "missing" / "digests.db")
    assert cached.reads(model) == 3
    assert cached.reads(model) == 3
