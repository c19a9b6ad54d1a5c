"""The spelling of digests, and the digest of one file."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.digests import Digest, hash_file
from placet_attestations.errors import IdentityError, MalformedError

HEX = "0123456789abcdef" * 4
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "digest.syntax"),
        (HEX, "digest.syntax"),
        (f":{HEX}", "digest.syntax"),
        ("sha256:", "digest.short"),
        (f"sha256:{HEX[:63]}", "digest.short"),
        ("sha256:9c1f", "digest.short"),
        (f"sha256:{HEX}0", "digest.syntax"),
        (f"sha256:{HEX}\n", "digest.syntax"),
        (f" sha256:{HEX}", "digest.algorithm"),
        (f"sha256:{HEX.upper()}", "digest.syntax"),
        (f"sha256:{'g' * 64}", "digest.syntax"),
        (f"sha256:{'٣' * 64}", "digest.syntax"),
        ("sha256:../../../../etc/passwd", "digest.syntax"),
        (f"SHA256:{HEX}", "digest.algorithm"),
        (f"sha512:{HEX}{HEX}", "digest.algorithm"),
        ("x" * 1000 + ":", "digest.algorithm"),
    ],
)
def test_parse_refuses(text: str, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Digest.parse(text)
    assert caught.value.code == code
    assert caught.value.hint
    assert len(str(caught.value)) < 200


def test_a_digest_is_a_string_to_others() -> None:
    digest = Digest.of(b"")
    assert digest == f"sha256:{EMPTY}"
    assert digest.hex == EMPTY
    assert json.dumps({digest: digest}) == f'{{"sha256:{EMPTY}": "sha256:{EMPTY}"}}'
    assert type(Digest.from_hex(EMPTY)) is Digest


@given(st.binary(max_size=200))
def test_the_spelling_is_read_back(data: bytes) -> None:
    digest = Digest.of(data)
    assert Digest.parse(digest) == digest == Digest.from_hex(digest.hex)
    assert digest.hex == hashlib.sha256(data).hexdigest()


@given(st.text(max_size=80))
def test_only_the_one_spelling_is_read(text: str) -> None:
    for spelling in (text, f"sha256:{text}"):
        with contextlib.suppress(MalformedError):
            digest = Digest.parse(spelling)
            assert digest == spelling
            assert len(digest.hex) == 64


@pytest.mark.parametrize("size", [0, 1, 16_384, 262_143, 262_144, 262_145, 1_000_000])
def test_a_file_of_any_size(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert hash_file(path) == (Digest.of(data), size)


def test_short_reads_are_no_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789" * 100)
    assert hash_file(path, read=lambda fd, views: os.readv(fd, [views[0][:7]])) == hash_file(path)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.symlink_to(__file__), "tree.symlink"),
        (lambda path: path.symlink_to(path.with_name("missing")), "tree.symlink"),
        (lambda path: path.symlink_to(path), "tree.symlink_loop"),
        (lambda path: path.mkdir(), "tree.special_file"),
        (os.mkfifo, "tree.special_file"),
        (bind, "tree.special_file"),
        (lambda path: None, "tree.missing"),
    ],
    ids=["link", "dangling link", "loop", "folder", "fifo", "socket", "missing"],
)
def test_only_regular_files(tmp_path: Path, make: Callable[[Path], object], code: str) -> None:
    path = tmp_path / "thing"
    make(path)
    with pytest.raises(IdentityError, match="thing") as caught:
        hash_file(path)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device_is_refused_and_not_read(path: str) -> None:
    with pytest.raises(IdentityError, match="a character device") as caught:
        hash_file(Path(path), read=unread)
    assert caught.value.code == "tree.special_file"


def test_a_name_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="name too long") as caught:
        hash_file(tmp_path / ("n" * 300))
    assert caught.value.code == "file.unreadable"


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_path_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(IdentityError, match="cannot be a path") as caught:
        hash_file(tmp_path / name)
    assert caught.value.code == "tree.name"


def test_a_disk_that_fails(tmp_path: Path) -> None:
    def broken(fd: int, views: Sequence[memoryview]) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "file"
    path.write_bytes(b"data")
    with pytest.raises(IdentityError, match="Input/output error") as caught:
        hash_file(path, read=broken)
    assert caught.value.code == "file.unreadable"


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def truncate(path: Path) -> None:
    os.truncate(path, 1)


def overwrite(path: Path) -> None:
    # The mtime was set far back, so that writing moves it even within one tick of the clock.
    with path.open("r+b") as file:
        file.write(b"X")


def overwrite_and_hide(path: Path) -> None:
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        overwrite(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("size", [100, 300_000], ids=["one read", "many reads"])
@pytest.mark.parametrize("meddle", [append, truncate, overwrite, overwrite_and_hide])
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, meddle: Callable[[Path], None], size: int
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"a" * size)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    done = False

    def read(fd: int, views: Sequence[memoryview]) -> int:
        nonlocal done
        count = os.readv(fd, views)
        if not done:
            meddle(path)
            done = True
        return count

    with pytest.raises(IdentityError, match=r"model\.bin changed while it was read") as caught:
        hash_file(path, read=read)
    assert caught.value.code == "file.changed"


def test_a_file_that_grows_for_ever_does_not_hold_us(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 1000)
    reads = 0

    def read(fd: int, views: Sequence[memoryview]) -> int:
        nonlocal reads
        reads += 1
        append(path)
        return os.readv(fd, [views[0][:10]])

    with pytest.raises(IdentityError) as caught:
        hash_file(path, read=read)
    assert caught.value.code == "file.changed"
    assert reads == 100


def unread(fd: int, views: Sequence[memoryview]) -> int:
    raise AssertionError("nothing is read here")
