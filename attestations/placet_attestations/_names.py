"""Which file names a manifest can carry so that everyone reads the same names back.

`sha256sum` escapes newline, carriage return and backslash, Go's dirhash refuses newline, and a name that is
not UTF-8 has no spelling in JSON at all. Such names are errors here rather than three different manifests.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from placet_attestations.errors import IdentityError

# U+D800-DFFF: what Python makes of bytes that are not UTF-8 (PEP 383). NUL cannot stand in a file name.
_FORBIDDEN = re.compile("[\0\n\r\\\\\ud800-\udfff]")
_REASONS = {"\n": "a newline", "\r": "a carriage return", "\\": "a backslash", "\0": "a NUL character"}


def refuse_bad_names(names: Iterable[str], folder: str = "") -> None:
    """Raise IdentityError tree.name for a name that no manifest can carry; `folder` is shown before it."""
    names = tuple(names)
    if _FORBIDDEN.search("".join(names)) is None:
        return
    name, found = next((name, found) for name in names if (found := _FORBIDDEN.search(name)))
    reason = _REASONS.get(found.group(), "bytes that are not UTF-8")
    raise IdentityError(
        "tree.name",
        f"the file name {folder + name!a} holds {reason}",
        hint="rename the file: manifests, JSON and other people's tools cannot carry that name",
    )


def is_relative_posix(path: str) -> bool:
    """Whether a path stays inside its tree: not empty or absolute, no empty, `.` or `..` component."""
    return not {"", ".", ".."} & set(path.split("/"))


def as_utf8(name: str, encoding: str = sys.getfilesystemencoding()) -> str:
    """The name whose UTF-8 bytes are the bytes on disk, whatever the locale made of them."""
    if encoding == "utf-8":
        return name
    return name.encode(encoding, sys.getfilesystemencodeerrors()).decode("utf-8", "surrogateescape")
