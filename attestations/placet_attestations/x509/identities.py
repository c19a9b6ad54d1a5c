"""Whom a certificate must name: an issuer and an identity, each exactly or by a pattern over the whole text.

A pattern stands between `^` and `$`, so that nobody takes a match somewhere for a match: without them, anybody
who may choose a part of his name could choose a name that contains yours. Without an issuer an identity means
nothing, for every issuer says what it likes.

Patterns are RE2's, whose time grows with the length of the text alone: names are read before anybody vouches for
them, and with Python's own `re` a stranger's could keep an ordinary pattern busy for hours.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Final, Self

from placet_attestations.errors import MalformedError

_MAX_PATTERN: Final = 1024


@dataclass(frozen=True, slots=True)
class Match:
    """A text that must be met: exactly, or as a pattern (RE2, the whole text)."""

    text: str
    _pattern: Any = field(default=None, repr=False, compare=False)
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
        return cls(text, _compiled(body, text), True)

    @classmethod
    def nothing(cls) -> Self:
        """No text at all: for an authority whose certificates name no issuer, because it is the issuer."""
        return cls("")

    def __call__(self, actual: str) -> bool:
        """Whether the text is met, from its first to its last character; no pattern meets an empty one."""
        if self._pattern is None:
            return actual == self.text
        try:
            return bool(actual) and self._pattern.fullmatch(actual) is not None
        except UnicodeEncodeError:  # half of a surrogate pair is in no name
            return False


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


@functools.lru_cache(maxsize=256)
def _compiled(body: str, text: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(body, options)
    except (re2.error, UnicodeEncodeError) as error:
        why = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise _malformed("pattern", f"{text[:120]!a} is not a regular expression of RE2: {why}") from error


def _malformed(code: str, message: str) -> MalformedError:
    return MalformedError(
        f"identity.{code}",
        message,
        hint="write the whole text, or a pattern over all of it: ^https://github\\.com/acme/[a-z]+$",
    )
