"""The identity of a path: of a file its SHA-256, of a directory the SHA-256 of its manifest.

Every folder is opened relative to its parent's descriptor with O_NOFOLLOW, and every file relative to its
folder's: whatever is swapped for a symbolic link between listing and opening is refused, not followed. What
is hashed is what was listed, and a folder that gained or lost an entry meanwhile is `file.changed`, like a
file that was written.

Empty folders are not part of an identity; a tree without any file has none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from placet_attestations._hashing import (
    FOLDER_FLAGS,
    OPEN_FLAGS,
    FileHasher,
    HashedFile,
    changed,
    open_or_refuse,
    refuse,
    refuse_kind,
    refuse_link,
)
from placet_attestations._names import as_utf8, refuse_bad_names
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.manifest import Entry, Row, manifest_of, manifest_text, parse_manifest

__all__ = [
    "Differences",
    "Entry",
    "Form",
    "Hasher",
    "Identity",
    "check",
    "identify",
    "manifest_text",
    "parse_manifest",
    "read_rows",
]

Form: TypeAlias = Literal["file", "directory", "oci-layout"]

LeaveOut: TypeAlias = Callable[[str], bool]
"""Whether a path, relative to the tree, is left out; a folder with all that it holds."""


class Hasher(Protocol):
    """What makes a text of a file: `FileHasher` its SHA-256."""

    def hash(self, name: str, shown: str, folder: int | None = None) -> HashedFile:
        """The text of the file `name` in the open directory `folder`, and its size."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What a path is, whatever it is called: its digest, how that was formed, and what it stands for.

    `bytes` is the sum of the sizes of its `files`. `rows` are (path, (hex digest, size)), sorted by path; a
    single file has one, named by its last path component, which its digest does not bind.
    """

    digest: Digest
    form: Form
    files: int
    bytes: int
    rows: tuple[Row, ...] = field(repr=False)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The files as objects, made anew at each call: few callers want them, of up to a million."""
        return tuple(Entry(path, Digest.from_hex(digits), size) for path, (digits, size) in self.rows)


@dataclass(frozen=True, slots=True)
class Differences:
    """What keeps a tree from being the tree of a manifest: paths, sorted."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def none(self) -> bool:
        """Whether the tree is exactly that of the manifest."""
        return not (self.missing or self.extra or self.changed)


def identify(path: Path, *, limits: Limits = DEFAULT_LIMITS, hasher: FileHasher | None = None) -> Identity:
    """Read every byte under `path` and return its identity.

    Raises IdentityError: tree.missing, tree.symlink, tree.symlink_loop, tree.special_file, tree.name,
    tree.empty, tree.too_many, tree.too_deep, file.unreadable, file.changed.
    """
    rows, form, _ = read_rows(path, limits, hasher or FileHasher())
    if not rows:
        raise IdentityError(
            "tree.empty",
            f"{path} holds no file",
            hint="an empty directory has no identity: is it the right path?",
        )
    digest = Digest.from_hex(rows[0][1][0]) if form == "file" else Digest.of(manifest_of(rows))
    return Identity(digest, form, len(rows), sum([size for _, (_, size) in rows]), rows)


def check(
    path: Path,
    manifest: Iterable[Entry],
    *,
    limits: Limits = DEFAULT_LIMITS,
    hasher: FileHasher | None = None,
) -> Differences:
    """Compare what lies under `path` with a manifest; unlike `sha256sum -c` this finds extra files too.

    Raises IdentityError as `identify` does, but for tree.empty: an empty tree misses every file.
    """
    rows, _, _ = read_rows(path, limits, hasher or FileHasher())
    found = {name: digits for name, (digits, _) in rows}
    wanted = {entry.path: entry.digest.hex for entry in manifest}
    return Differences(
        missing=tuple(sorted(wanted.keys() - found.keys())),
        extra=tuple(sorted(found.keys() - wanted.keys())),
        changed=tuple(sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])),
    )


def read_rows(
    path: Path, limits: Limits, hasher: Hasher, leave_out: LeaveOut | None = None
) -> tuple[tuple[Row, ...], Form, tuple[str, ...]]:
    """The sorted rows of a path, its form, and which paths inside it were left out: neither read nor entered.

    The whole of the I/O of this module; errors as `identify`, but for tree.empty. What `hasher` makes of a file
    is its row's first text.
    """
    shown = str(path)
    descriptor = open_or_refuse(shown, OPEN_FLAGS)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            name = as_utf8(path.name)
            refuse_bad_names((name,))
            return ((name, hasher.hash(shown, "")),), "file", ()
        walk = _Walk(shown, limits, hasher, leave_out)
        walk.folder(descriptor, "")
    finally:
        os.close(descriptor)
    return tuple(sorted(zip(walk.paths, walk.hashed, strict=True))), "directory", tuple(walk.left_out)


class _Walk:
    """One pass over one tree; collects the paths of its files and, in the same order, what they hash to."""

    def __init__(self, root: str, limits: Limits, hasher: Hasher, leave_out: LeaveOut | None) -> None:
        self.paths: list[str] = []
        self.hashed: list[HashedFile] = []
        self.left_out: list[str] = []
        self._leave_out = leave_out
        self._root = root
        self._limits = limits
        self._hash = hasher.hash
        self._ancestors: list[tuple[int, int]] = []

    def folder(self, descriptor: int, prefix: str) -> None:
        """Hash everything below an open directory, whose path in the tree, with a slash, is `prefix`."""
        shown = f"{self._root}/{prefix}"
        if len(self._ancestors) > self._limits.max_tree_depth:
            raise IdentityError(
                "tree.too_deep",
                f"{shown} lies deeper than {self._limits.max_tree_depth} folders",
                hint="name a folder further down, or pack the tree into one file",
            )
        before = os.fstat(descriptor)
        self._ancestors.append((before.st_dev, before.st_ino))
        try:
            files, folders = self._list(descriptor, prefix)
        except OSError as error:
            refuse(error, "", shown, None)
        self.paths += [prefix + name for name in map(as_utf8, files)]
        self.hashed += [self._hash(name, shown, descriptor) for name in files]
        for name in folders:
            child = open_or_refuse(name, FOLDER_FLAGS, shown, descriptor)
            try:
                self.folder(child, f"{prefix}{as_utf8(name)}/")
            finally:
                os.close(child)
        self._ancestors.pop()
        after = os.fstat(descriptor)
        if after.st_mtime_ns != before.st_mtime_ns or after.st_ctime_ns != before.st_ctime_ns:
            raise changed(shown)

    def _list(self, descriptor: int, prefix: str) -> tuple[list[str], list[str]]:
        """Sorted names of the files and the folders in an open directory; refuses what else lies there."""
        shown = f"{self._root}/{prefix}"
        limit = self._limits.max_tree_files
        room = limit - len(self.paths)
        with os.scandir(descriptor) as entries:
            listed = list(islice(entries, room + 1))
        if len(listed) > room:
            raise IdentityError(
                "tree.too_many",
                f"{self._root} holds more than {limit:,} files or folders",
                hint="pack the files into fewer ones, or name a folder further down",
            )
        if self._leave_out is not None:
            listed = self._without(listed, prefix, self._leave_out)
        files = [entry.name for entry in listed if entry.is_file(follow_symlinks=False)]
        folders: list[str] = []
        if len(files) < len(listed):
            others = [entry for entry in listed if not entry.is_file(follow_symlinks=False)]
            for entry in sorted(others, key=attrgetter("name")):
                self._check_folder(entry, shown, descriptor)
                folders.append(entry.name)
        refuse_bad_names(map(as_utf8, files + folders), shown)
        return sorted(files), folders

    def _without(
        self, listed: list[os.DirEntry[str]], prefix: str, leave_out: LeaveOut
    ) -> list[os.DirEntry[str]]:
        kept: list[os.DirEntry[str]] = []
        for entry in listed:
            path = prefix + as_utf8(entry.name)
            if leave_out(path):
                self.left_out.append(path)
            else:
                kept.append(entry)
        return kept

    def _check_folder(self, entry: os.DirEntry[str], shown: str, descriptor: int) -> None:
        if entry.is_symlink():
            refuse_link(entry.name, shown, descriptor, self._ancestors)
        if not entry.is_dir(follow_symlinks=False):
            refuse_kind(entry.stat(follow_symlinks=False).st_mode, shown + entry.name)
