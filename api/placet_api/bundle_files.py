"""Files of bundles: one JSON document, or JSON lines with a bundle a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.strictjson import read_bounded

_MAX_FILE = 8 * DEFAULT_LIMITS.max_bundle_bytes


def read_bundles(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bundles in a file, each with words for where it stands. The bytes are as they are in the file.

    `.jsonl` files hold one a line (`gh attestation download` writes such); every other file is one bundle.
    Raises `MalformedError` `json.too_large`, `IdentityError`.
    """
    if path.suffix != ".jsonl":
        yield str(path), read_bounded(path, DEFAULT_LIMITS.max_bundle_bytes)
        return
    for number, line in enumerate(read_bounded(path, _MAX_FILE).split(b"\n"), start=1):
        if line.strip():
            yield f"{path}:{number}", line
