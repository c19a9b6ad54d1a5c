"""Key files on disk: who may read them, and how a new one is written so that nobody else ever could."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from placet_attestations._files import READ_FLAGS
from placet_attestations.errors import KeyFileError


def read_private(path: Path, max_bytes: int) -> bytes:
    """The bytes of a private key file that its owner alone may use; raises KeyFileError as
    `keys.load_private`.
    """
    try:
        descriptor = os.open(path, READ_FLAGS)
    except FileNotFoundError as error:
        raise KeyFileError(
            "key.missing",
            f"{path} does not exist",
            hint="`placet key new` makes a key, `placet key list` lists them",
        ) from error
    except OSError as error:
        raise KeyFileError(
            "key.unreadable",
            f"{path} cannot be read: {error.strerror}",
            hint="check who owns it: the owner needs mode 0600",
        ) from error
    try:
        # Asked of the open file, not of the path: nobody can swap it between the check and the reading.
        _check_mode(os.fstat(descriptor).st_mode, path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        raise KeyFileError(
            "key.malformed",
            f"{path} is too large for a key: the limit is {max_bytes:,} bytes",
            hint=_PEM_HINT,
        )
    return data


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that did not exist, durable when this returns; errors as `keys.save_private`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
        # A crash from here on leaves a partial file that load refuses; O_EXCL then asks its owner to remove
        # it.
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise KeyFileError(
            "key.exists",
            f"{error.filename} exists already",
            hint="choose another name: keys are never overwritten",
        ) from error
    except OSError as error:
        raise KeyFileError(
            "key.unwritable",
            f"{path} cannot be written: {error.strerror}",
            hint="check the folder and the disk",
        ) from error


def _check_mode(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise KeyFileError("key.unreadable", f"{path} is not a regular file", hint=_PEM_HINT)
    if mode & 0o077:
        raise KeyFileError(
            "key.permissions",
            f"{path} has mode {stat.S_IMODE(mode):04o}: others than its owner can use this private key",
            hint=f"chmod 600 {path}  and make a new key if others had access to it",
        )


_PEM_HINT = "give the path of a PEM file"
