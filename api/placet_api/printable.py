"""Text from strangers on its way to a terminal or a report: what is not printable is shown, never sent.

Names, tickets, notes and file names may hold escape sequences, bidirectional marks or halves of surrogates.
"""

from __future__ import annotations


def printable(text: object, *, lines: bool = False) -> str:
    """The text with everything that is not printable as an escape (`\\x1b`). `lines` keeps line ends as they are."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        letter if letter.isprintable() or (lines and letter == "\n") else _escaped(letter) for letter in shown
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
