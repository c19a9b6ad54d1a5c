"""SPIFFE IDs, held against their form (SPIFFE-ID.md sections 2 to 2.3; X509-SVID.md sections 3.1, 5.2). Pure."""

from __future__ import annotations

import re
from typing import Final

_MAX_ID: Final = 2048
_MAX_DOMAIN: Final = 255
_DOMAIN: Final = re.compile(r"[a-z0-9._-]+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_SCHEME: Final = "spiffe://"


def is_spiffe(uri: str) -> bool:
    """Whether the URI claims to be a SPIFFE ID, in whatever spelling."""
    return uri[:7].lower() == "spiffe:"


def spiffe_mistake(uri: str) -> str | None:
    """What keeps the URI from being the SPIFFE ID of a workload; None when it is one.

    One identity has one spelling: nothing is encoded, folded or left empty.
    """
    if len(uri) > _MAX_ID:
        return f"it has {len(uri):,} characters, the limit is {_MAX_ID:,}"
    if not uri.startswith(_SCHEME):
        return "it does not begin with spiffe://"
    domain, slash, path = uri.removeprefix(_SCHEME).partition("/")
    if len(domain) > _MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
        return "its trust domain is not 1 to 255 of a-z, 0-9, '.', '-' and '_'"
    if not slash:
        return "it names a trust domain and nobody in it"
    for segment in path.split("/"):
        if segment in (".", "..") or not _SEGMENT.fullmatch(segment):
            return "a segment of its path is empty, '.', '..' or not of letters, digits, '.', '-' and '_'"
    return None
