"""Whom a certificate must name: an issuer and an identity, each exactly or by a pattern over the whole text.

A pattern stands between `^` and `$`, so that nobody takes a match somewhere for a match: without them, anybody
who may choose a part of his name could choose a name that contains yours. Without an issuer an identity means
nothing, for every issuer says what it likes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Self

from placet_attestations.errors import MalformedError

_MAX_PATTERN: Final = 1024


@dataclass(frozen=True, slots=True)
class Match:
    """A text that must be met: exactly, or as a pattern (Python's `re`, the whole text)."""

    text: str
    _pattern: re.Pattern[str] | None = field(default=None, repr=False, compare=False)
    is_pattern: bool = False

    @classmethod
    def exactly(cls, text: str) -> Self:
        """This text and no other; raises MalformedError identity.empty."""
        if not text:
            raise _malformed("empty", "an expected identity or issuer is empty")
        return cls(text)

    @classmethod
    def pattern(cls, text: str) -> Self:
        """`^…$`; raises MalformedError identity.unanchored, identity.pattern (not a regular expression)."""
        body = text[1:-1]
        escaped = (len(body) - len(body.rstrip("\\"))) % 2 == 1
        if len(text) < 3 or not text.startswith("^") or not text.endswith("$") or escaped:
            raise _malformed("unanchored", f"the pattern {text[:120]!a} does not stand between ^ and $")
        if len(text) > _MAX_PATTERN:
            raise _malformed("pattern", f"a pattern of {len(text)} characters")
        try:
            return cls(text, re.compile(body), True)
        except (re.error, RecursionError, OverflowError) as error:
            raise _malformed("pattern", f"{text[:120]!a} is not a regular expression: {error}") from error

    @classmethod
    def nothing(cls) -> Self:
        """No text at all: for an authority whose certificates name no issuer, because it is the issuer."""
        return cls("")

    def __call__(self, actual: str) -> bool:
        """Whether the text is met, from its first to its last character; no pattern meets an empty one."""
        if self._pattern is None:
            return actual == self.text
        return bool(actual) and self._pattern.fullmatch(actual) is not None


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """Who must have signed: both must be met."""

    issuer: Match
    identity: Match

    @classmethod
    def exactly(cls, *, issuer: str, identity: str) -> Self:
        """Both exactly as written."""
        return cls(Match.exactly(issuer), Match.exactly(identity))

    def __str__(self) -> str:
        return f"{self.identity.text} of {self.issuer.text}"


def _malformed(code: str, message: str) -> MalformedError:
    return MalformedError(
        f"identity.{code}",
        message,
        hint="write the whole text, or a pattern over all of it: ^https://github\\.com/acme/[a-z]+$",
    )
