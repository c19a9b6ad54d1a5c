"""The loop that reads and hashes one file: no symlink followed, no device read, no change missed.

This is the hot path of `trees.identify` (10,000 small files within 1.1 x the time of `openssl dgst`), hence
one reused buffer, one read for a file that fits it, and `os.fstat` on the open descriptor rather than any
path.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from os import close, fstat
from stat import S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias

from placet_attestations._files import READ_FLAGS, kind_of
from placet_attestations.errors import IdentityError

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

Reader: TypeAlias = Callable[[int, Sequence[memoryview]], int]
"""Fills the buffers from a descriptor and returns the number of bytes, 0 at the end, as os.readv does."""

HashedFile: TypeAlias = tuple[str, int]
"""Hex digest and size in bytes: plain, because a million may be held at once."""

OPEN_FLAGS = READ_FLAGS | os.O_NOFOLLOW
FOLDER_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW

# Half of a second-level cache: the bytes are still near the core when they are hashed.
_BUFFER_BYTES = 256 * 1024


class Memo(Protocol):
    """What is already known about files by their stat alone; `digest_cache` has the one implementation."""

    def get(self, status: os.stat_result) -> str | None:
        """The hex digest of the file with this stat, if it can be relied on."""

    def put(self, status: os.stat_result, digits: str) -> None:
        """Remember that the file with this stat, unchanged while read, has this digest."""


class FileHasher:
    """Hashes files one after another through one buffer. Not for use by two threads at once."""

    __slots__ = ("_memo", "_read", "_view", "_views")

    def __init__(self, read: Reader = os.readv, memo: Memo | None = None) -> None:
        self._read = read
        self._memo = memo
        self._view = memoryview(bytearray(_BUFFER_BYTES))
        self._views = (self._view,)

    def hash(self, name: str, shown: str, folder: int | None = None) -> HashedFile:
        """Hash the file `name` in the open directory `folder`; `shown` is written before the name in errors.

        A file changed during the reading when its size, mtime or ctime did; the inode cannot differ on one
        descriptor, and replacing or removing its name moves the ctime.
        """
        try:
            descriptor = os.open(name, OPEN_FLAGS, dir_fd=folder)
        except (OSError, ValueError) as error:
            refuse(error, name, shown, folder)
        try:
            before = fstat(descriptor)
            if not S_ISREG(before.st_mode):
                refuse_kind(before.st_mode, shown + name)
            size = before.st_size
            if self._memo is not None and (known := self._memo.get(before)) is not None:
                return known, size
            count = self._read(descriptor, self._views)
            state = sha256(self._view[:count])
            if count < size:
                count = self._read_on(descriptor, state, count, size)
            after = fstat(descriptor)
        except OSError as error:
            refuse(error, name, shown, folder)
        finally:
            close(descriptor)
        if (
            count != size
            or after.st_size != size
            or after.st_mtime_ns != before.st_mtime_ns
            or after.st_ctime_ns != before.st_ctime_ns
        ):
            raise changed(shown + name)
        digits = state.hexdigest()
        if self._memo is not None:
            self._memo.put(before, digits)
        return digits, size

    def _read_on(self, descriptor: int, state: HASH, total: int, size: int) -> int:
        """Read up to the `size` that the stat promised; whether there is more by now, the second stat tells.

        A file that grows as fast as it is read must not keep us here, so the end of file is not waited for.
        """
        while total < size:
            count = self._read(descriptor, self._views)
            if count == 0:
                break
            state.update(self._view[:count])
            total += count
        return total


def changed(shown: str) -> IdentityError:
    """The error for something that was written while it was read."""
    return IdentityError(
        "file.changed",
        f"{shown} changed while it was read",
        hint="wait until whoever writes it has finished, then run the command again",
    )


def refuse_kind(mode: int, shown: str) -> NoReturn:
    """Refuse a pipe, socket, device or directory where a regular file was expected."""
    raise IdentityError(
        "tree.special_file",
        f"{shown} is {kind_of(mode)}; only regular files have an identity",
        hint="leave it out of the artifact",
    )


def open_or_refuse(name: str, flags: int, shown: str = "", folder: int | None = None) -> int:
    """Open as `os.open` does, but fail in this room's words."""
    try:
        return os.open(name, flags, dir_fd=folder)
    except (OSError, ValueError) as error:
        refuse(error, name, shown, folder)


def refuse(error: OSError | ValueError, name: str, shown: str, folder: int | None) -> NoReturn:
    """Say in this room's words why `name`, shown after `shown`, could not be opened or read."""
    if isinstance(error, ValueError):  # a NUL in it, or half of a surrogate pair
        raise IdentityError(
            "tree.name", f"{shown + name!a} cannot be a path", hint="check the spelling of the path"
        ) from error
    # O_NOFOLLOW answers ELOOP for a link; together with O_DIRECTORY it answers ENOTDIR.
    if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and _is_link(name, folder)):
        refuse_link(name, shown, folder)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        if folder is not None:  # the directory listing named it a moment ago
            raise changed(shown + name) from error
        raise IdentityError(
            "tree.missing", f"{shown}{name} does not exist", hint="check the path and the working directory"
        ) from error
    if error.errno in (errno.ENXIO, errno.ENODEV):
        raise IdentityError(
            "tree.special_file",
            f"{shown}{name} is a socket or a device; only regular files have an identity",
            hint="leave it out of the artifact",
        ) from error
    raise IdentityError(
        "file.unreadable", f"{shown}{name} cannot be read: {error.strerror}", hint="check its permissions"
    ) from error


def _is_link(name: str, folder: int | None) -> bool:
    try:
        return S_ISLNK(os.lstat(name, dir_fd=folder).st_mode)
    except OSError:
        return False


def refuse_link(
    name: str, shown: str, folder: int | None, ancestors: Collection[tuple[int, int]] = ()
) -> NoReturn:
    """Refuse a symbolic link, and say so when it leads to itself or to one of `ancestors` (device, inode)."""
    try:
        target = os.stat(name, dir_fd=folder)
        loop = (target.st_dev, target.st_ino) in ancestors
    except OSError as error:
        loop = error.errno == errno.ELOOP
    if loop:
        raise IdentityError(
            "tree.symlink_loop",
            f"{shown}{name} is a symbolic link that leads back to itself",
            hint="remove the link",
        )
    raise IdentityError(
        "tree.symlink",
        f"{shown}{name} is a symbolic link; links are not followed, for their target can change unseen",
        hint="name the target itself, or copy it into the artifact",
    )
