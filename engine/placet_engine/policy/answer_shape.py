"""Strict reading of one JSON value of an answer: the right type in the right place, or PolicyError
policy.answer.

Every function takes the value and where it stands (`checks[3].results[0].target`), for the error's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeVar

from placet_attestations.strictjson import JsonObject, JsonValue
from placet_engine.errors import PolicyError

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
CODE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
HINT: Final = "the policy set is at fault: run  placet policy test , or go back to the last good policy set"

_T = TypeVar("_T", bound=str)


def refuse(where: str, what: str) -> NoReturn:
    """Say what is wrong at `where`."""
    raise PolicyError(
        "policy.answer", f"the policy's answer has not the agreed shape: {where} {what}", hint=HINT
    )


def mapping(
    value: JsonValue, where: str, *, required: Sequence[str], optional: Sequence[str] = ()
) -> JsonObject:
    """An object with all `required` keys and none but the `optional` ones beside them."""
    # What the reader gives comes first in these tests: asking an abstract class is slow.
    if not isinstance(value, (dict, Mapping)):
        refuse(where, "is not an object")
    if missing := [key for key in required if key not in value]:
        refuse(where, f"lacks {', '.join(missing)}")
    # All required keys are there, so only a longer object has others.
    if len(value) > len(required) and (unknown := sorted(value.keys() - {*required, *optional})):
        refuse(where, f"has unknown {', '.join(unknown)}")
    return value


def array(value: JsonValue, where: str) -> Sequence[JsonValue]:
    """An array."""
    if isinstance(value, str) or not isinstance(value, (list, Sequence)):
        refuse(where, "is not an array")
    return value


def filled(value: JsonValue, where: str) -> Sequence[JsonValue]:
    """An array that is not empty."""
    items = array(value, where)
    if not items:
        refuse(where, "is empty")
    return items


def text(value: JsonValue, where: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        refuse(where, "is not a text")
    return value


def optional_text(fields: JsonObject, key: str, where: str) -> str | None:
    """The text under `key`, None when the key is absent."""
    return text(fields[key], f"{where}.{key}") if key in fields else None


def texts(value: JsonValue, where: str) -> tuple[str, ...]:
    """An array of texts."""
    return tuple(
        item if isinstance(item, str) and item else refuse(f"{where}[{i}]", "is not a text")
        for i, item in enumerate(array(value, where))
    )


def matching(pattern: re.Pattern[str], value: JsonValue, where: str, what: str) -> str:
    """A text that `pattern` matches as a whole; `what` names what it should be."""
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        refuse(where, f"is not {what}")
    return value


def digests(value: JsonValue, where: str) -> tuple[str, ...]:
    """An array of distinct sha256 digests."""
    found = tuple(
        item
        if isinstance(item, str) and DIGEST.fullmatch(item)
        else refuse(f"{where}[{i}]", "is not a sha256 digest")
        for i, item in enumerate(array(value, where))
    )
    if len(set(found)) != len(found):
        refuse(where, "names one digest twice")
    return found


def choice(value: JsonValue, where: str, choices: tuple[_T, ...]) -> _T:
    """One of `choices`."""
    if value not in choices:
        refuse(where, f"is {value!r}, not one of {', '.join(choices)}")
    return value
