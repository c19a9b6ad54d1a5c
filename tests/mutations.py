"""Signed bytes made wrong, a step at a time, on the level of bytes and on that of JSON.

    raw, how = mutate(source, donor, random.Random(1))

Everything is drawn from the `Random` that is given, which may be Hypothesis's. Bytes that are no JSON are changed as
bytes alone.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

_Byte: TypeAlias = Callable[[bytes, bytes, random.Random], bytes]
_Place: TypeAlias = tuple[Any, Any]
"""A container and a key or index in it."""
_Json: TypeAlias = Callable[[_Place, list[_Place], random.Random], None]

_AGAIN: Final = "__again__"
_NESTED: Final = re.compile(rb'"__nested__(\d+)"')
_TOKENS: Final = (
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"null",
    b"\n ",
)
_EMPTY: Final[tuple[Any, ...]] = ([], {}, [None], {"": None})
_OTHERS: Final = (None, True, False, 0, -1, 0.5, "", "x", *_EMPTY, 2**31, 2**63, 2**64)
_NUMBERS: Final = (
    10**400,
    -(10**400),
    float("inf"),
    float("nan"),
    1e308,
    "1" * 400,
    "-1",
    "01",
    "+1",
    "1e3",
    " 1",
)


def mutate(source: bytes, donor: bytes, choose: random.Random) -> tuple[bytes, tuple[str, ...]]:
    """One to three changes of `source`, those of JSON first; with their names. `donor` gives what is put in."""
    raw, names = source, []
    steps = choose.randint(1, 3)
    by_json = choose.randint(0, steps)
    for _ in range(by_json):
        raw, name = _json(raw, donor, choose)
        names += [name] if name else []
    for _ in range(steps - len(names)):
        name = choose.choice(list(_BYTES))
        raw = _BYTES[name](raw, donor, choose)
        names.append(name)
    return raw, tuple(names)


def _flip(raw: bytes, _donor: bytes, choose: random.Random) -> bytes:
    if not raw:
        return raw
    at = choose.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << choose.randrange(8)]) + raw[at + 1 :]


def _span(raw: bytes, choose: random.Random) -> tuple[int, int]:
    start = choose.randint(0, len(raw))
    return start, min(len(raw), start + choose.choice((1, 2, 4, 64, 1024)))


def _cut(raw: bytes, _donor: bytes, choose: random.Random) -> bytes:
    start, end = _span(raw, choose)
    return raw[:start] + raw[end:]


def _truncate(raw: bytes, _donor: bytes, choose: random.Random) -> bytes:
    return raw[: choose.randint(0, len(raw))]


def _insert(raw: bytes, _donor: bytes, choose: random.Random) -> bytes:
    at = choose.randint(0, len(raw))
    return raw[:at] + choose.choice(_TOKENS) * choose.choice((1, 2, 100)) + raw[at:]


def _repeat(raw: bytes, _donor: bytes, choose: random.Random) -> bytes:
    start, end = _span(raw, choose)
    return raw[:end] + raw[start:end] + raw[end:]


def _splice(raw: bytes, donor: bytes, choose: random.Random) -> bytes:
    start, end = _span(donor, choose)
    at = choose.choice((start, choose.randint(0, len(raw))))
    return raw[:at] + donor[start:end] + raw[at + choose.choice((0, end - start)) :]


def _join(raw: bytes, donor: bytes, choose: random.Random) -> bytes:
    return choose.choice((raw + b"\n" + donor, donor + raw, b"[" + raw + b"," + donor + b"]"))


_BYTES: Final[dict[str, _Byte]] = {
    "flip a bit": _flip,
    "cut out": _cut,
    "truncate": _truncate,
    "insert": _insert,
    "repeat": _repeat,
    "splice": _splice,
    "join": _join,
}


def _json(raw: bytes, donor: bytes, choose: random.Random) -> tuple[bytes, str]:
    try:
        document, other = ({"": json.loads(text)} for text in (raw, donor))
    except (ValueError, RecursionError):
        return raw, ""
    places = _places(document)
    name = choose.choice(list(_JSON))
    _JSON[name](choose.choice(places), _places(other), choose)
    text = json.dumps(document.get("")).encode()
    text = text.replace(f'"{_AGAIN}'.encode(), b'"')  # a name that stands there already
    return _NESTED.sub(lambda found: b"[" * int(found[1]) + b"]" * int(found[1]), text), name


def _places(value: Any) -> list[_Place]:
    found: list[_Place] = []
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += [(value, key), *_places(value[key])]
    return found


def _drop(place: _Place, _others: list[_Place], _choose: random.Random) -> None:
    del place[0][place[1]]


def _twice(place: _Place, others: list[_Place], choose: random.Random) -> None:
    holder, key = place
    value = copy.deepcopy(choose.choice((holder[key], choose.choice(others)[0])))
    if isinstance(holder, list):
        holder.insert(choose.randint(0, len(holder)), value)
    else:
        holder[f"{_AGAIN}{key}"] = value


def _retype(place: _Place, _others: list[_Place], choose: random.Random) -> None:
    place[0][place[1]] = copy.deepcopy(choose.choice(_OTHERS))


def _number(place: _Place, _others: list[_Place], choose: random.Random) -> None:
    place[0][place[1]] = choose.choice(_NUMBERS)


def _wrap(place: _Place, _others: list[_Place], choose: random.Random) -> None:
    value = place[0][place[1]]
    place[0][place[1]] = choose.choice(([value], {str(place[1]): value}, json.dumps(value)))


def _nest(place: _Place, _others: list[_Place], choose: random.Random) -> None:
    place[0][place[1]] = f"__nested__{choose.choice((1, 60, 64, 65, 1000, 100_000))}"


def _rename(place: _Place, others: list[_Place], choose: random.Random) -> None:
    holder, key = place
    if isinstance(holder, dict):
        names = [str(key).swapcase(), f"{key} ", "__proto__", "raw_bytes", str(choose.choice(others)[1])]
        holder[choose.choice(names)] = holder.pop(key)


def _take(place: _Place, others: list[_Place], choose: random.Random) -> None:
    """The donor's value, of the same name where there is one."""
    same = [(holder, key) for holder, key in others if key == place[1]]
    holder, key = choose.choice(same or others)
    place[0][place[1]] = copy.deepcopy(holder[key])


def _spell(place: _Place, _others: list[_Place], choose: random.Random) -> None:
    """Base64 in another spelling, or a text with what no text should hold."""
    value = place[0][place[1]]
    if isinstance(value, str):
        at = choose.randint(0, len(value))
        spellings = [
            value.rstrip("="),
            f"{value}=",
            f"{value}====",
            value.replace("+", "-").replace("/", "_"),
            value.swapcase(),
            f"{value[:at]}\n{value[at:]}",
            f"{value[:at]} {value[at:]}",
            f"{value[:at]}\ud800{value[at:]}",
            f"{value[:at]}\0{value[at:]}",
            f"{value[:at]}\u00e9{value[at:]}",
            re.sub(r".(=*)$", r"B\1", value),
        ]
        place[0][place[1]] = choose.choice(spellings)


_JSON: Final[dict[str, _Json]] = {
    "drop a member": _drop,
    "a member twice": _twice,
    "another type": _retype,
    "a huge number": _number,
    "wrap": _wrap,
    "nest": _nest,
    "rename": _rename,
    "take from another": _take,
    "another spelling": _spell,
}

WAYS: Final = (*_BYTES, *_JSON)
"""The names of all changes."""
MIXING: Final = frozenset({"splice", "join", "take from another", "a member twice"})
"""Those that put the donor's content in, so that the donor's own answer may come out."""
