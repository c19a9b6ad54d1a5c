"""Files of bundles: one JSON document, or JSON lines with a bundle a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from placet_attestations.errors import AttestationError, MalformedError
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.strictjson import loads, read_bounded

_MAX_FILE = 8 * DEFAULT_LIMITS.max_bundle_bytes
_NAMES: Final = (".sigstore.json", ".sigstore", ".jsonl")
_LOOK: Final = 64  # bytes that tell a JSON object from anything else
_SPACE: Final = b" \t\r\n"


def read_bundles(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bundles in a file, each with words for where it stands. The bytes are as they are in the file.

    `.jsonl` files hold one a line (`gh attestation download` writes such), and so does what reads so; every other file
    is one bundle. Raises `MalformedError` `json.too_large`, `IdentityError`.
    """
    if path.suffix != ".jsonl" and not _is_lines(path):
        yield str(path), read_bounded(path, DEFAULT_LIMITS.max_bundle_bytes)
        return
    for number, line in enumerate(read_bounded(path, _MAX_FILE).split(b"\n"), start=1):
        if line.strip():
            yield f"{path}:{number}", line


def holds_bundles(path: Path) -> bool:
    """Whether a file is one of bundles: by its name, or by what stands in it. False for one that cannot be read."""
    if path.name.endswith(_NAMES):
        return True
    data = _json_of(path)
    return data is not None and (_is_bundle(data) or _is_bundle(_first_line(data)))


def _is_lines(path: Path) -> bool:
    data = _json_of(path)
    if data is None:
        return False
    first = _first_line(data)
    return len(first) < len(data.strip(_SPACE)) and _is_bundle(first)


def _json_of(path: Path) -> bytes | None:
    """The bytes of a file that begins as a JSON object does and is no larger than bundles are."""
    try:
        with path.open("rb") as file:
            if not file.read(_LOOK).lstrip(_SPACE).startswith(b"{"):
                return None
        return read_bounded(path, _MAX_FILE)
    except (OSError, AttestationError):
        return None


def _first_line(data: bytes) -> bytes:
    return data.strip(_SPACE).split(b"\n", 1)[0]


def _is_bundle(data: bytes) -> bool:
    """A Sigstore bundle, or a DSSE envelope, by its own word. Whether it is a sound one is for the verifier to say."""
    try:
        value = loads(data, max_bytes=_MAX_FILE)
    except MalformedError:
        return False
    found = value if isinstance(value, Mapping) else {}
    media_type = found.get("mediaType")
    named = isinstance(media_type, str) and media_type.startswith("application/vnd.dev.sigstore.bundle")
    return named or {"payloadType", "signatures"} <= found.keys()
