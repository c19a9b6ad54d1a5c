"""The text that identifies a directory: `<hex>  <posix path>`, a line a file, sorted by the path's bytes.

`sha256sum -c` reads it. Its SHA-256 is the directory's digest, and Go's dirhash `h1:` is the base64 of
those 32 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from placet_attestations._hashing import HashedFile
from placet_attestations._names import is_relative_posix, refuse_bad_names
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError, MalformedError

Row: TypeAlias = tuple[str, HashedFile]
"""A path and what its file hashes to: an Entry for those who count microseconds."""

_LINE = re.compile(r"([0-9a-f]{64})  (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree: its POSIX path relative to the root, its digest, its size in bytes.

    The size is None when the entry was read from a manifest, which does not record it.
    """

    path: str
    digest: Digest
    size: int | None = None


def manifest_text(entries: Iterable[Entry]) -> bytes:
    """The manifest of files with distinct paths, given in any order. Raises IdentityError tree.name."""
    return manifest_of(sorted([(entry.path, (entry.digest.hex, 0)) for entry in entries]))


def manifest_of(rows: Sequence[Row]) -> bytes:
    """As `manifest_text`, from rows that are sorted already.

    The order of str is that of code points, which is the byte order of UTF-8.
    """
    paths = [path for path, _ in rows]
    refuse_bad_names(paths)
    if "-" in paths:
        raise IdentityError(
            "tree.name",
            "a file is named '-', which sha256sum takes for standard input",
            hint="rename the file, or move it into a folder",
        )
    return "".join([f"{hashed[0]}  {path}\n" for path, hashed in rows]).encode()


def parse_manifest(data: bytes, *, where: str | None = None) -> tuple[Entry, ...]:
    """Read a manifest back; only the text that `manifest_text` would write is accepted.

    Raises MalformedError manifest.encoding, manifest.empty, manifest.syntax, manifest.path, manifest.order,
    with the line number.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _malformed("encoding", f"line {line} is not UTF-8", where) from error
    if not text:
        raise _malformed("empty", "the manifest lists no file", where)
    if not text.endswith("\n"):
        raise _malformed("syntax", "the last line does not end with a newline", where)
    entries: list[Entry] = []
    previous = ""
    for number, row in enumerate(text[:-1].split("\n"), start=1):
        found = _LINE.fullmatch(row)
        if found is None:
            raise _malformed("syntax", f"line {number} is not 64 hex digits, two spaces and a path", where)
        digits, path = found.groups()
        _check_path(path, number, where)
        if path <= previous:
            raise _malformed("order", f"line {number} does not sort after the line before it", where)
        previous = path
        entries.append(Entry(path, Digest.from_hex(digits)))
    return tuple(entries)


def _check_path(path: str, number: int, where: str | None) -> None:
    if path == "-" or not is_relative_posix(path):
        raise _malformed("path", f"line {number} names {path!a}, no path inside a tree", where)
    try:
        refuse_bad_names((path,))
    except IdentityError as error:
        raise _malformed("path", f"line {number}: {error.message}", where) from error


_HINTS = {
    "encoding": "write the manifest again with `placet digest --manifest`",
    "empty": "write the manifest again with `placet digest --manifest`",
    "syntax": "a line is what `placet digest --manifest` or `sha256sum` prints",
    "path": "paths are relative to the tree, without '.', '..' or doubled slashes",
    "order": "sort the lines by path, as bytes: LC_ALL=C sort -k 2",
}


def _malformed(code: str, message: str, where: str | None) -> MalformedError:
    return MalformedError(f"manifest.{code}", message, where=where, hint=_HINTS[code])
