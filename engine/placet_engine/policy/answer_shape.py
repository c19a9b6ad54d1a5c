"""Strict reading of the members of an answer: the right type in the right place, or PolicyError
policy.answer.

Every function takes an object, a key of it, and where the object stands (`checks[3].results[0]`), for the error's
words: those are put together when there is an error and not before, because an answer has a thousand members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeVar, cast

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
    """`value` itself: an object with all `required` keys and none but the `optional` ones beside them."""
    # What the reader gives comes first in these tests: asking an abstract class is slow.
    if not isinstance(value, (dict, Mapping)):
        refuse(where, "is not an object")
    if not all(map(value.__contains__, required)):
        refuse(where, f"lacks {', '.join(key for key in required if key not in value)}")
    # All required keys are there, so only a longer object has others.
    if len(value) > len(required) and (unknown := sorted(value.keys() - {*required, *optional})):
        refuse(where, f"has unknown {', '.join(unknown)}")
    return value


def array(fields: JsonObject, key: str, where: str) -> Sequence[JsonValue]:
    """An array."""
    value = fields[key]
    if isinstance(value, str) or not isinstance(value, (list, Sequence)):
        refuse(f"{where}.{key}", "is not an array")
    return value


def filled(fields: JsonObject, key: str, where: str) -> Sequence[JsonValue]:
    """An array that is not empty."""
    items = array(fields, key, where)
    if not items:
        refuse(f"{where}.{key}", "is empty")
    return items


def text(fields: JsonObject, key: str, where: str) -> str:
    """A text that is not empty."""
    value = fields[key]
    if not isinstance(value, str) or not value:
        refuse(f"{where}.{key}", "is not a text")
    return value


def optional_text(fields: JsonObject, key: str, where: str) -> str | None:
    """The text under `key`, None when the key is absent."""
    return text(fields, key, where) if key in fields else None


def texts(fields: JsonObject, key: str, where: str) -> tuple[str, ...]:
    """An array of texts."""
    items = array(fields, key, where)
    for i, item in enumerate(items):
        if not isinstance(item, str) or not item:
            refuse(f"{where}.{key}[{i}]", "is not a text")
    return cast("tuple[str, ...]", tuple(items))


def matching(pattern: re.Pattern[str], fields: JsonObject, key: str, where: str, what: str) -> str:
    """A text that `pattern` matches as a whole; `what` names what it should be."""
    value = fields[key]
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        refuse(f"{where}.{key}", f"is not {what}")
    return value


def digests(fields: JsonObject, key: str, where: str) -> tuple[str, ...]:
    """An array of distinct sha256 digests."""
    items = array(fields, key, where)
    for i, item in enumerate(items):
        if not isinstance(item, str) or DIGEST.fullmatch(item) is None:
            refuse(f"{where}.{key}[{i}]", "is not a sha256 digest")
    found = cast("tuple[str, ...]", tuple(items))
    if len(found) > 1 and len(set(found)) != len(found):
        refuse(f"{where}.{key}", "names one digest twice")
    return found


def choice(fields: JsonObject, key: str, where: str, choices: tuple[_T, ...]) -> _T:
    """One of `choices`."""
    value = fields[key]
    if value not in choices:
        refuse(f"{where}.{key}", f"is {value!r}, not one of {', '.join(choices)}")
    return value
