"""JSON that means one thing only: strict reading, and one byte string for one value.

`json` of the standard library takes the last of two equal keys, NaN, numbers that other readers round, and
halves of surrogate pairs; each is a way to show one document to the signer and another to the policy. All
are refused here.

The C scanner does the parsing. It recurses once a level, so nesting is bounded before it starts
(`_depth_exceeds`), in linear time and without a Python loop over the text.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias, cast

from placet_attestations._files import read_bounded
from placet_attestations.errors import MalformedError

__all__ = ["MAX_INTEGER", "JsonObject", "JsonValue", "dumps", "loads", "read_bounded"]

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259 section 6)."""

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: one level down, one level up
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))


class _RefusedError(Exception):
    """Raised inside the scanner's hooks, which do not know where the document came from."""


def loads(data: bytes, *, max_bytes: int, max_depth: int = 64, where: str = "") -> JsonValue:
    """Read one JSON document, or refuse it: lists for arrays, dicts for objects.

    `where` names the document in errors. Raises MalformedError json.too_large, json.invalid_utf8,
    json.too_deep, json.syntax, json.duplicate_key, json.not_finite, json.surrogate, and json.number for an
    integer beyond MAX_INTEGER.
    """
    if len(data) > max_bytes:
        raise _malformed("too_large", f"JSON of {len(data):,} bytes, the limit is {max_bytes:,}", where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("invalid_utf8", f"byte {error.start} is not UTF-8", where) from error
    if _depth_exceeds(data, max_depth):
        raise _malformed("too_deep", f"nested deeper than {max_depth} levels", where)
    try:
        value = _decode(text)
    except _RefusedError as error:
        code, message = error.args
        raise _malformed(code, message, where) from error
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise _malformed("syntax", message, where) from error
    except RecursionError as error:  # the caller stood near the recursion limit already
        raise _malformed("too_deep", "nested too deeply to be read here", where) from error
    if b"\\" in data and _SURROGATE_ESCAPE.search(data):
        _refuse_lone_surrogates(value, where)
    return cast(JsonValue, value)


def dumps(value: JsonValue) -> bytes:
    """Write a value as compact UTF-8 JSON with sorted keys: the same bytes for the same value.

    `loads(dumps(value)) == value` for whatever `loads` returned. Raises MalformedError json.not_finite,
    json.surrogate, json.too_deep, json.type (something that is not JSON).
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _malformed("surrogate", "a string holds half of a surrogate pair", "") from error
    except ValueError as error:
        raise _malformed("not_finite", f"not a JSON value: {error}", "") from error
    except TypeError as error:
        raise _malformed("type", f"not a JSON value: {error}", "") from error
    except RecursionError as error:
        raise _malformed("too_deep", "nested too deeply to be written", "") from error


def _decode(text: str) -> Any:
    # What most documents are: an object with no white space around it, which `decode` would search for.
    if text.startswith("{"):
        value, end = _DECODER.raw_decode(text)
        if end == len(text):
            return value
    return _DECODER.decode(text)


def _depth_exceeds(data: bytes, max_depth: int) -> bool:
    """Whether brackets outside strings nest deeper than `max_depth`.

    Up to the first syntax error, where the scanner stops, this sees strings and brackets as the scanner does.
    """
    # Replacing looks for the one byte with memchr and `count` does not: a third of the time.
    if 2 * len(data) - len(data.replace(b"[", b"")) - len(data.replace(b"{", b"")) <= max_depth:
        return False
    if b"\\" in data:
        data = _ESCAPE.sub(b"", data)
    steps = data.translate(_STEPS, _NOT_STRUCTURE).replace(b'""', b"")
    steps = _STRING.sub(b"", steps).partition(b'"')[0]
    return max(accumulate(array("b", steps)), default=0) > max_depth


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _RefusedError("duplicate_key", f"the key {_shorten(twice)} stands twice in one object")
    return members


def _integer(digits: str) -> int:
    # The length is compared first: int() of a million digits takes seconds, and Python refuses it in its
    # own words.
    if len(digits) > 17 or not -MAX_INTEGER <= (number := int(digits)) <= MAX_INTEGER:
        raise _RefusedError("number", f"the integer {_shorten(digits)} is beyond 2^53 - 1")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _RefusedError("not_finite", f"the number {_shorten(digits)} is too large for a double")
    return number


def _constant(name: str) -> float:
    raise _RefusedError("not_finite", f"{name} is not a JSON number")


def _plain(value: object) -> object:
    # The encoder knows dict, list and tuple; the types promise every Mapping and Sequence.
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _refuse_lone_surrogates(value: Any, where: str) -> None:
    try:
        _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _malformed("surrogate", "a string holds half of a surrogate pair", where) from error


def _shorten(text: str) -> str:
    shown = json.dumps(text)
    return shown if len(shown) <= 80 else f'{shown[:76]}..."'


_HINTS = {
    "too_large": "is it the right file? Nothing that large is read here",
    "invalid_utf8": "write the document again as UTF-8, without compression",
    "syntax": "JSON has no comments, no trailing commas and no byte order mark",
    "duplicate_key": "two readers would see two documents: keep one of the two members",
    "too_deep": "flatten the document",
    "not_finite": "leave the member out, or write it as a string",
    "number": "other readers would round it: write it as a string",
    "surrogate": "write characters beyond U+FFFF as UTF-8, or as both halves of the pair",
    "type": "only null, booleans, numbers, strings, lists and objects with string keys can be written",
}


def _malformed(code: str, message: str, where: str) -> MalformedError:
    return MalformedError(f"json.{code}", message, where=where or None, hint=_HINTS[code])


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_plain
)
