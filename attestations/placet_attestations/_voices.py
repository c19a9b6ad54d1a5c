"""How many have said it: distinct principals with distinct keys, however the statements are signed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

Voice: TypeAlias = tuple[str, str]
"""A principal, and the fingerprint of the key that signed for it."""


def count_voices(voices: Iterable[Voice]) -> int:
    """The most of these that differ from each other in both: two keys of one principal are one voice, and so are
    two principals who sign with one key, though one of them be named by a certificate of it.
    """
    keys: dict[str, list[str]] = {}
    for principal, key in sorted(set(voices)):
        keys.setdefault(principal, []).append(key)
    taken: dict[str, str] = {}  # by key, the principal that it counts for
    return sum(_finds_key(principal, keys, taken, set()) for principal in keys)


def _finds_key(principal: str, keys: Mapping[str, list[str]], taken: dict[str, str], tried: set[str]) -> bool:
    """Kuhn's algorithm: a key of its own, if need be one that another principal can do without."""
    for key in keys[principal]:
        if key not in tried:
            tried.add(key)
            if key not in taken or _finds_key(taken[key], keys, taken, tried):
                taken[key] = principal
                return True
    return False
