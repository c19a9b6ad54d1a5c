"""SHA-256 digests as text, and the digest of one file's bytes.

A digest is the only identity an artifact has, so its text has one spelling, `sha256:` and 64 lower-case hex
digits, and a file that changes while it is read has none.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Self

from placet_attestations._hashing import FileHasher, Reader
from placet_attestations.errors import MalformedError

ALGORITHM = "sha256"

_HEX = re.compile(r"[0-9a-f]{64}")


class Digest(str):
    """`sha256:<64 lower-case hex digits>`: a `str` to JSON and SQL; made by `parse`, `of`, `from_hex`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the one spelling. Raises MalformedError digest.algorithm, digest.short, digest.syntax."""
        algorithm, colon, digits = text.partition(":")
        if not colon or not algorithm:
            raise _malformed("syntax", f"{_shown(text)} is not a digest")
        if algorithm != ALGORITHM:
            raise _malformed("algorithm", f"{_shown(text)} is not a sha256 digest")
        return cls.from_hex(digits)

    @classmethod
    def from_hex(cls, digits: str) -> Self:
        """A digest from its hex digits alone, as in-toto subjects carry it; errors as `parse`."""
        if _HEX.fullmatch(digits):
            return cls(f"{ALGORITHM}:{digits}")
        if len(digits) < 64 and re.fullmatch(r"[0-9a-f]*", digits):
            raise _malformed("short", f"{_shown(digits)} has {len(digits)} hex digits, a digest has 64")
        raise _malformed("syntax", f"{_shown(digits)} is not 64 lower-case hex digits")

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of bytes in memory."""
        return cls(f"{ALGORITHM}:{hashlib.sha256(data).hexdigest()}")

    @property
    def hex(self) -> str:
        """The 64 hex digits."""
        return self[len(ALGORITHM) + 1 :]


def hash_file(path: Path, *, read: Reader = os.readv) -> tuple[Digest, int]:
    """The digest and the size in bytes of one regular file, which may not be named through a symbolic link.

    `read` fills buffers from a descriptor as `os.readv` does; tests pass one that meddles. Raises
    IdentityError tree.missing, tree.symlink, tree.symlink_loop, tree.special_file, file.unreadable, and
    file.changed when inode, size, mtime or ctime differ after reading from before.
    """
    digits, size = FileHasher(read).hash(str(path), "")
    return Digest(f"{ALGORITHM}:{digits}"), size


_HINTS = {
    "algorithm": "only sha256 is accepted: write sha256:<64 hex digits>",
    "short": "give the digest in full, as `placet digest` prints it",
    "syntax": "write sha256: and 64 lower-case hex digits, as `placet digest` prints them",
}


def _malformed(code: str, message: str) -> MalformedError:
    return MalformedError(f"digest.{code}", message, hint=_HINTS[code])


def _shown(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= 90 else f"{shown[:86]}...'"
