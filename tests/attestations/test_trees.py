"""Identities of directories: what they bind, what has none, and what happens when somebody meddles."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet_attestations._hashing import FileHasher, Reader
from placet_attestations._names import as_utf8, is_relative_posix
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError, MalformedError
from placet_attestations.limits import Limits
from placet_attestations.trees import Entry, check, identify, manifest_text, parse_manifest

MODEL = {"weights.bin": b"\x00\x01", "a/b.txt": b"b", "a-b.txt": b"", "config é.json": b"{}", "#x  y": b"1"}


def plant(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def expected_manifest(files: Mapping[str, bytes]) -> bytes:
    """Written apart from the code it checks, after Go's dirhash.Hash1."""
    rows = sorted((name.encode(), hashlib.sha256(data).hexdigest().encode()) for name, data in files.items())
    return b"".join(digits + b"  " + name + b"\n" for name, digits in rows)


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    path = plant(tmp_path, {"model.bin": b"data"}) / "model.bin"
    identity = identify(path)
    assert identity.digest == Digest.of(b"data")
    assert (identity.form, identity.files, identity.bytes) == ("file", 1, 4)
    assert identity.entries == (Entry("model.bin", Digest.of(b"data"), 4),)


def test_a_directory_is_its_manifest(tmp_path: Path) -> None:
    identity = identify(plant(tmp_path, MODEL))
    manifest = expected_manifest(MODEL)
    assert manifest_text(identity.entries) == manifest
    assert identity.digest == Digest.of(manifest)
    assert (identity.form, identity.files, identity.bytes) == ("directory", 5, 6)
    assert [entry.path for entry in identity.entries] == sorted(MODEL)


def test_the_digest_of_a_known_tree_never_changes(tmp_path: Path) -> None:
    identity = identify(plant(tmp_path, {"a": b"1", "b/c": b"2"}))
    # printf 1 >a; mkdir b; printf 2 >b/c; sha256sum a b/c | sha256sum
    assert identity.digest.hex == "48139a6be73548c99b6a1f64ee150afb3a81ddabab5d333a51d5a0ac762880c0"


def test_go_calls_it_h1(tmp_path: Path) -> None:
    # golang.org/x/mod/sumdb/dirhash.Hash1 over the same names: base64 of the same 32 bytes.
    digest = identify(plant(tmp_path, MODEL)).digest
    h1 = base64.b64encode(hashlib.sha256(expected_manifest(MODEL)).digest())
    assert base64.b64encode(bytes.fromhex(digest.hex)) == h1


def test_sha256sum_accepts_the_manifest(tmp_path: Path) -> None:
    root = plant(tmp_path / "model", MODEL)
    manifest = tmp_path / "manifest"
    manifest.write_bytes(manifest_text(identify(root).entries))
    assert sha256sum(root, manifest) == 0
    (root / "a-b.txt").write_bytes(b"x")
    assert sha256sum(root, manifest) == 1


def sha256sum(root: Path, manifest: Path) -> int:
    command = ["sha256sum", "--check", "--strict", "--quiet", str(manifest)]
    return subprocess.run(command, cwd=root, capture_output=True, check=False).returncode


def test_times_modes_and_places_do_not_count(tmp_path: Path) -> None:
    one, other = plant(tmp_path / "one", MODEL), plant(tmp_path / "other", MODEL)
    (other / "weights.bin").chmod(0o700)
    os.utime(other / "weights.bin", (0, 0))
    (other / "empty").mkdir()
    assert identify(one) == identify(other)


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0\n\r\\"), min_size=1, max_size=12
).filter(lambda name: name not in {".", "..", "-"})
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.binary(max_size=20), min_size=1, max_size=6).filter(
    lambda files: not any(other.startswith(f"{name}/") for name in files for other in files)
)


@settings(max_examples=40)
@given(TREES)
def test_any_tree(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = plant(Path(folder) / "tree", files)
        identity = identify(root)
        manifest = manifest_text(identity.entries)
        assert manifest == expected_manifest(files)
        assert identity.digest == Digest.of(manifest)
        assert check(root, parse_manifest(manifest)).none
        listed = Path(folder) / "manifest"
        listed.write_bytes(manifest)
        assert sha256sum(root, listed) == 0
        moved = root / next(iter(files))
        moved.rename(moved.with_name(moved.name + "'"))
        assert identify(root).digest != identity.digest


@given(st.dictionaries(PATHS, st.tuples(st.binary(), st.integers(0, 9)), min_size=1))
def test_a_manifest_is_read_back(files: dict[str, tuple[bytes, int]]) -> None:
    entries = [Entry(path, Digest.of(data), size) for path, (data, size) in files.items()]
    text = manifest_text(entries)
    again = parse_manifest(text)
    assert manifest_text(again) == text
    assert {(entry.path, entry.digest) for entry in again} == {(e.path, e.digest) for e in entries}
    assert {entry.size for entry in again} == {None}


LINE = "0" * 64


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "manifest.empty"),
        (f"{LINE}  a".encode(), "manifest.syntax"),
        (f"{LINE}  a\n\n".encode(), "manifest.syntax"),
        (f"{LINE} a\n".encode(), "manifest.syntax"),
        (f"{LINE} *a\n".encode(), "manifest.syntax"),
        (f"\\{LINE}  a\n".encode(), "manifest.syntax"),
        (f"{LINE[1:]}  a\n".encode(), "manifest.syntax"),
        (f"{LINE[1:]}A  a\n".encode(), "manifest.syntax"),
        (f"{LINE}  \n".encode(), "manifest.syntax"),
        (f"{LINE}  a\r\n".encode(), "manifest.path"),
        (f"{LINE}  a\\b\n".encode(), "manifest.path"),
        (f"{LINE}  /etc/passwd\n".encode(), "manifest.path"),
        (f"{LINE}  ../a\n".encode(), "manifest.path"),
        (f"{LINE}  a/./b\n".encode(), "manifest.path"),
        (f"{LINE}  a//b\n".encode(), "manifest.path"),
        (f"{LINE}  a/\n".encode(), "manifest.path"),
        (f"{LINE}  -\n".encode(), "manifest.path"),
        (f"{LINE}  b\n{LINE}  a\n".encode(), "manifest.order"),
        (f"{LINE}  a\n{LINE}  a\n".encode(), "manifest.order"),
        (f"{LINE}  a\n{LINE}  ".encode() + b"\xff\n", "manifest.encoding"),
        (f"{LINE}  ".encode() + b"\xed\xa0\x80\n", "manifest.encoding"),
    ],
)
def test_parse_manifest_refuses(data: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_manifest(data, where="SHA256SUMS")
    assert caught.value.code == code
    assert caught.value.where == "SHA256SUMS"
    assert caught.value.hint


def test_parse_manifest_says_which_line() -> None:
    with pytest.raises(MalformedError, match="line 2 is not UTF-8"):
        parse_manifest(f"{LINE}  a\n{LINE}  ".encode() + b"\xff\n")
    with pytest.raises(MalformedError, match="line 3 does not sort"):
        parse_manifest("".join(f"{LINE}  {name}\n" for name in "acb").encode())


@given(st.binary(max_size=80) | st.text(max_size=9).map(lambda name: f"{LINE}  {name}\n".encode()))
def test_whatever_is_read_is_a_manifest(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        entries = parse_manifest(data)
        assert manifest_text(entries) == data


@pytest.mark.parametrize(
    ("path", "inside"),
    [("a", True), ("a/b", True), ("...", True), ("", False), (".", False), ("a/..", False), ("/a", False)],
)
def test_paths_inside_a_tree(path: str, inside: bool) -> None:
    assert is_relative_posix(path) is inside


def test_a_name_is_its_bytes_whatever_the_locale() -> None:
    assert as_utf8("é", "utf-8") == "é"
    assert as_utf8("Ã©", "latin-1") == "é"
    assert as_utf8("\udcc3\udca9", "ascii") == "é"
    assert as_utf8("é", "latin-1") == "\udce9"


def test_check_names_what_differs(tmp_path: Path) -> None:
    root = plant(tmp_path, MODEL)
    manifest = identify(root).entries
    assert check(root, manifest).none
    (root / "weights.bin").write_bytes(b"\x00\x02")
    (root / "a/b.txt").unlink()
    plant(root, {"new/file": b"", "also": b""})
    differences = check(root, manifest)
    assert not differences.none
    assert differences.changed == ("weights.bin",)
    assert differences.missing == ("a/b.txt",)
    assert differences.extra == ("also", "new/file")


def test_an_empty_tree_misses_every_file(tmp_path: Path) -> None:
    manifest = parse_manifest(expected_manifest(MODEL))
    assert check(tmp_path, manifest).missing == tuple(sorted(MODEL))


def test_a_file_is_checked_by_its_name(tmp_path: Path) -> None:
    path = plant(tmp_path, {"model.bin": b"data"}) / "model.bin"
    assert check(path, [Entry("model.bin", Digest.of(b"data"))]).none
    assert check(path, [Entry("model.bin", Digest.of(b"other"))]).changed == ("model.bin",)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.symlink_to("../outside"), "tree.symlink"),
        (lambda path: path.symlink_to("/etc"), "tree.symlink"),
        (lambda path: path.symlink_to("nowhere"), "tree.symlink"),
        (lambda path: path.symlink_to(path.name), "tree.symlink_loop"),
        (lambda path: path.symlink_to("."), "tree.symlink_loop"),
        (lambda path: path.symlink_to(".."), "tree.symlink_loop"),
        (os.mkfifo, "tree.special_file"),
        (bind, "tree.special_file"),
    ],
    ids=["file link", "folder link", "dangling", "itself", "its folder", "the root", "fifo", "socket"],
)
def test_a_tree_with_something_else_in_it(tmp_path: Path, make: Callable[[Path], object], code: str) -> None:
    plant(tmp_path, {"outside": b"secret", "model/a": b"1", "model/sub/b": b"2"})
    make(tmp_path / "model/sub/odd")
    with pytest.raises(IdentityError, match=r"model/sub/odd") as caught:
        identify(tmp_path / "model")
    assert caught.value.code == code
    assert caught.value.hint


def test_two_links_in_a_circle(tmp_path: Path) -> None:
    plant(tmp_path, {"a": b""})
    (tmp_path / "x").symlink_to("y")
    (tmp_path / "y").symlink_to("x")
    for path in (tmp_path, tmp_path / "x"):
        with pytest.raises(IdentityError) as caught:
            identify(path)
        assert caught.value.code == "tree.symlink_loop"


def test_a_path_that_is_a_link(tmp_path: Path) -> None:
    plant(tmp_path, {"model/a": b""})
    (tmp_path / "latest").symlink_to("model")
    with pytest.raises(IdentityError) as caught:
        identify(tmp_path / "latest")
    assert caught.value.code == "tree.symlink"
    # Links above the named path are the caller's own way of naming it.
    assert identify(tmp_path / "latest" / "a").digest == Digest.of(b"")


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device(path: str) -> None:
    with pytest.raises(IdentityError, match="a character device") as caught:
        identify(Path(path))
    assert caught.value.code == "tree.special_file"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(IdentityError) as caught:
        identify(tmp_path / "model")
    assert caught.value.code == "tree.missing"
    with pytest.raises(IdentityError) as caught:
        identify(plant(tmp_path, {"file": b""}) / "file" / "below")
    assert caught.value.code == "tree.missing"


@pytest.mark.parametrize("folders", [(), ("a", "b/c/d")])
def test_an_empty_folder(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(IdentityError) as caught:
        identify(tmp_path)
    assert caught.value.code == "tree.empty"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"new\nline", "newline"),
        (b"carriage\rreturn", "carriage return"),
        (b"back\\slash", "backslash"),
        (b"\xff\xfe", "not UTF-8"),
        (b"-", "standard input"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder", "alone"])
def test_names_that_no_manifest_carries(tmp_path: Path, name: bytes, words: str, kind: str) -> None:
    odd = tmp_path / os.fsdecode(name)
    if kind == "folder":
        odd.mkdir()
        plant(odd, {"file": b""})
    else:
        odd.write_bytes(b"")
    if name == b"-" and kind != "file":
        assert identify(odd).files == 1  # sha256sum reads `-/file`, and a file alone has no manifest to check
        return
    with pytest.raises(IdentityError, match=words) as caught:
        identify(odd if kind == "alone" else tmp_path)
    assert caught.value.code == "tree.name"
    assert "\n" not in str(caught.value)


def test_a_manifest_of_bad_names_is_not_written() -> None:
    for name in ("a\nb", "a\0b", "\ud800", "-"):
        with pytest.raises(IdentityError) as caught:
            manifest_text([Entry(name, Digest.of(b""))])
        assert caught.value.code == "tree.name"


def test_too_many_files(tmp_path: Path) -> None:
    plant(tmp_path, {f"{folder}/{number}": b"" for folder in "ab" for number in range(5)})
    assert identify(tmp_path, limits=Limits(max_tree_files=10)).files == 10
    with pytest.raises(IdentityError) as caught:
        identify(tmp_path, limits=Limits(max_tree_files=9))
    assert caught.value.code == "tree.too_many"


def test_too_deep(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b/c/file": b""})
    assert identify(tmp_path, limits=Limits(max_tree_depth=3)).files == 1
    with pytest.raises(IdentityError) as caught:
        identify(tmp_path, limits=Limits(max_tree_depth=2))
    assert caught.value.code == "tree.too_deep"


@contextlib.contextmanager
def room_for_descriptors(count: int) -> Iterator[None]:
    """Lets this process open `count` more files, and no further one."""
    lowest = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_descriptor_left_to_open(tmp_path: Path, count: int) -> None:
    # None for the folder, none for its listing, none for the second folder's listing.
    plant(tmp_path, {"a/b": b""})
    with room_for_descriptors(count), pytest.raises(IdentityError, match="Too many open files") as caught:
        identify(tmp_path)
    assert caught.value.code == "file.unreadable"


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_a_name_that_no_path_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(IdentityError, match="cannot be a path") as caught:
        identify(tmp_path / name)
    assert caught.value.code == "tree.name"


def meddling(meddle: Callable[[], None]) -> Reader:
    """Reads as the system does, but something happens after the first read."""
    waiting = [meddle]

    def read(fd: int, views: Sequence[memoryview]) -> int:
        count = os.readv(fd, views)
        if waiting:
            waiting.pop()()
        return count

    return read


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A tree whose times lie far back, so that any change moves them; its file `a` is read first."""
    root = plant(tmp_path / "model", {"a": b"1", "b": b"2", "sub/c": b"3"})
    plant(tmp_path / "elsewhere", {"c": b"evil"})
    for path in (*root.rglob("*"), root):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return root


def swap_folder_for_link(root: Path) -> None:
    shutil.rmtree(root / "sub")
    (root / "sub").symlink_to("../elsewhere")


def remove_folder(root: Path) -> None:
    shutil.rmtree(root / "sub")


def swap_folder_for_file(root: Path) -> None:
    shutil.rmtree(root / "sub")
    (root / "sub").write_bytes(b"")


def swap_file_for_link(root: Path) -> None:
    (root / "b").unlink()
    (root / "b").symlink_to("../elsewhere/c")


def swap_file_for_fifo(root: Path) -> None:
    (root / "b").unlink()
    os.mkfifo(root / "b")


def remove_file(root: Path) -> None:
    (root / "b").unlink()


def add_file(root: Path) -> None:
    (root / "z").write_bytes(b"")


def write_file(root: Path) -> None:
    (root / "a").write_bytes(b"11")


@pytest.mark.parametrize(
    ("meddle", "code"),
    [
        (swap_folder_for_link, "tree.symlink"),
        (swap_folder_for_file, "file.changed"),
        (remove_folder, "file.changed"),
        (swap_file_for_link, "tree.symlink"),
        (swap_file_for_fifo, "tree.special_file"),
        (remove_file, "file.changed"),
        (add_file, "file.changed"),
        (write_file, "file.changed"),
    ],
)
def test_a_tree_that_changes_while_it_is_read(model: Path, meddle: Callable[[Path], None], code: str) -> None:
    with pytest.raises(IdentityError) as caught:
        identify(model, hasher=FileHasher(meddling(lambda: meddle(model))))
    assert caught.value.code == code


def test_a_tree_that_changes_while_it_is_checked(model: Path) -> None:
    with pytest.raises(IdentityError) as caught:
        check(model, [], hasher=FileHasher(meddling(lambda: add_file(model))))
    assert caught.value.code == "file.changed"


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/dev/fd").iterdir()}


def test_no_descriptor_is_left_open(model: Path) -> None:
    before = open_descriptors()
    identify(model)
    with pytest.raises(IdentityError):
        identify(model, hasher=FileHasher(meddling(lambda: swap_folder_for_link(model))))
    assert open_descriptors() == before
