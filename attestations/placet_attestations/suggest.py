"""A misspelt word gets the word it was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, or None when none is near."""
    import difflib  # 5 ms that only errors pay

    matches = difflib.get_close_matches(word[:100], list(known), n=1)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "license"?`, or nothing: to be put at the end of a message."""
    match = closest(word, known)
    return f'; did you mean "{match}"?' if match else ""
