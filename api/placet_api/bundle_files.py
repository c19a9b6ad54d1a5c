"""Files of signed things: one of them, JSON lines, an answer of a registry (`containers.py` says which)."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from placet_attestations.containers import is_signed, pieces
from placet_attestations.errors import AttestationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.oms import SIGNATURE_NAME
from placet_attestations.strictjson import read_bounded

Found: TypeAlias = list[tuple[str, bytes]]
"""Words for where each stands, and its very bytes."""

_NAMES: Final = (".sigstore.json", ".sigstore", ".jsonl", ".attestation", ".provenance")
_LOOK: Final = 64  # bytes that tell a JSON object from anything else
_SPACE: Final = b" \t\r\n"


def read_bundles(path: Path, limits: Limits = DEFAULT_LIMITS) -> Found:
    """The signed things in a file, whatever it is called. Raises `MalformedError` file.too_large, container.*;
    `IdentityError` file.*.
    """
    return _pieces(path, read_bounded(path, limits.max_container_bytes), limits)


def find_bundles(path: Path, limits: Limits = DEFAULT_LIMITS) -> Found | None:
    """The same for a file of signed things, by its name or by what stands in it; None for any other, and for one
    that cannot be read and is not called so.
    """
    if path.name == SIGNATURE_NAME or path.name.endswith(_NAMES):
        return read_bundles(path, limits)
    data = _json_of(path, limits)
    return _pieces(path, data, limits) if data is not None and is_signed(data, limits) else None


def _pieces(path: Path, data: bytes, limits: Limits) -> Found:
    return [(f"{path}{piece.place}", piece.raw) for piece in pieces(data, limits)]


def _json_of(path: Path, limits: Limits) -> bytes | None:
    """The bytes of a file that begins as a JSON object does and is no larger than containers are."""
    try:
        with path.open("rb") as file:
            if not file.read(_LOOK).lstrip(_SPACE).startswith(b"{"):
                return None
        return read_bounded(path, limits.max_container_bytes)
    except (OSError, AttestationError):
        return None
