"""The one error of the build: it says what happened, and what to do about it."""

from __future__ import annotations


class BuildError(Exception):
    """The wheel cannot be built here; `hint` is the next thing to try."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\n  what to do: {hint}")
        self.message = message
        self.hint = hint
