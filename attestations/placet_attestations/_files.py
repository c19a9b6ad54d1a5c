"""Opening files that others may have placed there: never block, never take a device for a file.

O_NONBLOCK keeps a FIFO without a writer from hanging the process, O_NOCTTY a terminal from becoming ours.
Both mean nothing for the regular files that remain after the check.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NoReturn

from placet_attestations.errors import IdentityError, MalformedError

READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def kind_of(mode: int) -> str:
    """What a thing that is not a regular file is, in words: for messages."""
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "not a regular file")


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a whole regular file of at most `max_bytes`, also through links, as mounted settings are.

    Raises IdentityError file.missing, file.special, file.unreadable; MalformedError file.too_large, before
    the surplus is read.
    """
    try:
        descriptor = os.open(path, READ_FLAGS)
    except (OSError, ValueError) as error:
        _refuse(error, path)
    try:
        return read_open(descriptor, str(path), max_bytes)
    finally:
        os.close(descriptor)


def read_open(descriptor: int, shown: str, max_bytes: int) -> bytes:
    """Read an open file as `read_bounded` does, from where it stands; `shown` names it in errors."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise IdentityError(
            "file.special", f"{shown} is {kind_of(status.st_mode)}", hint="give the path of a regular file"
        )
    # A file of /proc says size 0 and yields more, so the size spares a reading and promises nothing.
    if status.st_size <= max_bytes:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
        if len(data) <= max_bytes:
            return data
    raise MalformedError(
        "file.too_large",
        f"{shown} is larger than {max_bytes:,} bytes",
        hint="is it the right file? Nothing that large is read here",
    )


def _refuse(error: OSError | ValueError, path: Path) -> NoReturn:
    if isinstance(error, ValueError):  # a NUL in it, or half of a surrogate pair
        raise IdentityError(
            "file.missing", f"{str(path)!a} cannot be a path", hint="check the spelling of the path"
        ) from error
    if isinstance(error, FileNotFoundError):
        raise IdentityError(
            "file.missing", f"{path} does not exist", hint="check the path and the working directory"
        ) from error
    if error.errno in (errno.ENXIO, errno.ENODEV):
        raise IdentityError(
            "file.special", f"{path} is a socket or a device", hint="give the path of a regular file"
        ) from error
    raise IdentityError(
        "file.unreadable", f"{path} cannot be read: {error.strerror}", hint="check its permissions"
    ) from error
