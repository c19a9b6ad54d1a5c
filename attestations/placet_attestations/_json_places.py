"""Where values lie in the text of a JSON document: so that a piece of it can be kept as it was written.

Only for a text that `strictjson.loads` has taken: it is JSON, no key stands twice, no nesting is deep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


def members(text: str, at: int) -> dict[str, tuple[int, int]]:
    """The place of each value of the object that begins at `at`, or behind the white space there."""
    places: dict[str, tuple[int, int]] = {}
    at = _past(text, _past(text, at) + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        start = _past(text, _past(text, at) + 1)
        end = _DECODER.raw_decode(text, start)[1]
        places[key] = start, end
        at = _next(text, end)
    return places


def items(text: str, at: int) -> Iterator[tuple[int, int]]:
    """The place of each value of the list that begins at `at`."""
    at = _past(text, at + 1)
    while text[at] != "]":
        end = _DECODER.raw_decode(text, at)[1]
        yield at, end
        at = _next(text, end)


def _next(text: str, at: int) -> int:
    at = _past(text, at)
    return _past(text, at + 1) if text[at] == "," else at


def _past(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # it matches nothing too
    return found.end()


def cut(text: str, place: tuple[int, int]) -> bytes:
    """What was written at a place."""
    return text[place[0] : place[1]].encode()
