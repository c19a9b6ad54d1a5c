"""The log's key files: one line each, the private one in Go's note form, the public one a verifier key.

The private file has mode 0600 and is refused otherwise. The public file is what people copy to wherever
receipts are checked.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from placet_engine.errors import ConfigurationError, ProofError
from placet_engine.log.note import NoteSigner, NoteVerifier, valid_name

_MAX_KEY_BYTES = 4096


def create_log_key(private: Path, public: Path, origin: str) -> NoteSigner:
    """A new log key for `origin` in two files that must not exist yet. ConfigurationError logkey.origin,
    logkey.exists, logkey.unwritable.
    """
    try:
        valid_name(origin)
    except ProofError as error:
        raise ConfigurationError("logkey.origin", error.message, hint=error.hint) from error
    signer = NoteSigner.generate(origin)
    _create(private, signer.private_text, 0o600)
    # A crash here leaves a private key without its public file, which `load_log_key` can always derive.
    _create(public, signer.verifier.vkey, 0o644)
    return signer


def load_log_key(path: Path) -> NoteSigner:
    """The log's private key. ConfigurationError logkey.missing, logkey.permissions, logkey.malformed,
    logkey.unreadable.
    """
    text = _read(path, private=True)
    try:
        return NoteSigner.parse(text)
    except ProofError as error:
        raise ConfigurationError(
            "logkey.malformed", error.message, where=str(path), hint=error.hint
        ) from error


def load_verifier(path: Path) -> NoteVerifier:
    """The log's public key from its file; same codes."""
    text = _read(path, private=False)
    try:
        return NoteVerifier.parse(text)
    except ProofError as error:
        raise ConfigurationError(
            "logkey.malformed", error.message, where=str(path), hint=error.hint
        ) from error


def _create(path: Path, line: str, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        hint = "a log keeps its key; choose another path for a new log"
        raise ConfigurationError(
            "logkey.exists", "there is a log key file already", where=str(path), hint=hint
        ) from error
    except OSError as error:
        message = f"the log key cannot be written: {error.strerror}"
        hint = "see that the folder exists and may be written"
        raise ConfigurationError("logkey.unwritable", message, where=str(path), hint=hint) from error


def _read(path: Path, *, private: bool) -> str:
    try:
        # Non-blocking, so that a FIFO in the place of the file is refused and not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(
                    "logkey.malformed", "the log key is not a regular file", where=str(path)
                )
            if private and status.st_mode & 0o077:
                hint = f"chmod 600 {path}; if others could read it, start a new log with a new key"
                raise ConfigurationError(
                    "logkey.permissions", "others may read the log key", where=str(path), hint=hint
                )
            raw = file.read(_MAX_KEY_BYTES)
    except FileNotFoundError as error:
        hint = "bring it from where the log is kept, or set log.key; a new project (`placet init DIR`) has its own"
        raise ConfigurationError(
            "logkey.missing", "there is no log key", where=str(path), hint=hint
        ) from error
    except OSError as error:
        message = f"the log key cannot be read: {error.strerror}"
        hint = "see who owns the file"
        raise ConfigurationError("logkey.unreadable", message, where=str(path), hint=hint) from error
    return raw.decode("utf-8", "replace").strip()
