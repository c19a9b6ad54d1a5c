"""Objects of protobuf's JSON: absent is null is the default, and a member nobody asked for is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Self

from placet_attestations.envelope import decode_base64
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.strictjson import JsonValue

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_INT64: Final = 2**63 - 1


class Members:
    """The members of one object, each to be taken once; `done` refuses what is left."""

    __slots__ = ("_left", "_what")

    def __init__(self, values: Mapping[str, JsonValue], what: str) -> None:
        self._left = dict(values)
        self._what = what

    @classmethod
    def of(cls, value: JsonValue, what: str) -> Self:
        """The members of a value that must be an object: MalformedError bundle.shape."""
        if not isinstance(value, dict):
            raise malformed("shape", f"{what} must be an object")
        return cls(value, what)

    def take(self, name: str) -> JsonValue:
        """The member as it is, None when it is absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str:
        """A string, `""` when it is absent."""
        value = self._left.pop(name, None)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise malformed("shape", f"{name} of {self._what} is not a string")
        return value

    def bytes(self, name: str) -> bytes:
        """Bytes in either base64 alphabet, in their one padded spelling; empty when they are absent."""
        return decode(self.text(name), f"{name} of {self._what}")

    def number(self, name: str) -> int:
        """A non-negative int64, as a decimal string or a number; 0 when it is absent."""
        value = self._left.pop(name, None)
        if value is None:
            return 0
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_INT64:
            raise malformed("number", f"{name} of {self._what} is not a count")
        return value

    def items(self, name: str) -> Sequence[JsonValue]:
        """A list, empty when it is absent."""
        value = self._left.pop(name, None)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise malformed("shape", f"{name} of {self._what} is not a list")
        return value

    def done(self) -> None:
        """Refuse whatever nobody took: UnsupportedError bundle.unsupported."""
        left = [name for name, value in self._left.items() if value is not None] if self._left else ()
        if left:
            raise unsupported(f"{self._what} with a member {min(left)[:60]!a}")


def decode(text: str, what: str) -> bytes:
    """Base64 of a bundle; raises MalformedError bundle.base64."""
    try:
        return decode_base64(text, what)
    except MalformedError as error:
        raise malformed("base64", error.message) from error


def malformed(code: str, message: str) -> MalformedError:
    """A bundle that is not one."""
    return MalformedError(
        f"bundle.{code}", message, where="bundle", hint="whoever made the bundle must make it again"
    )


def unsupported(what: str) -> UnsupportedError:
    """A bundle of a kind that is not read here."""
    return UnsupportedError(
        "bundle.unsupported",
        f"{what} is not verified by this version",
        where="bundle",
        hint="a newer version of the format, or not made by the usual tools: ask for a v0.3 bundle",
    )
