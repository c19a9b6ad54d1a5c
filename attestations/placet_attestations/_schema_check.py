"""Whether a value fits a JSON Schema, and nothing more: the schema compiled to closures, once.

jsonschema says what is wrong, and takes ten times as long to say that nothing is. It stays the judge: what does not fit
here is shown to it, and a test holds the two together. A keyword that our schemas do not use is not known here: a
schema with one is an error when it is compiled, never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from placet_attestations.errors import AttestationError

Check: TypeAlias = Callable[[Any], bool]

_PASSED_OVER: Final = frozenset({"description", "title", "$schema", "$id", "$defs"})
_MEMBERS: Final = frozenset({"required", "properties", "additionalProperties"})
_OF_ANOTHER: Final = _MEMBERS | {"if", "then"}  # read together with the keyword they go with


def compile_schema(schema: Mapping[str, Any], formats: Mapping[str, Check]) -> Check:
    """A check of values against a schema without references; `formats` may raise AttestationError for no.

    Raises NotImplementedError for a keyword, type or format that is not known.
    """
    return _Compiler(formats).of(schema)


@dataclass(frozen=True, slots=True)
class _Compiler:
    formats: Mapping[str, Check]
    keywords: Mapping[str, Callable[[Any], Check]] = field(init=False)

    def __post_init__(self) -> None:
        keywords: Mapping[str, Callable[[Any], Check]] = {
            "type": _type,
            "items": self._items,
            "enum": _one_of,
            "const": lambda wanted: _one_of([wanted]),
            "pattern": _pattern,
            "format": lambda wanted: _format(_known(self.formats, wanted)),
            "minLength": lambda wanted: lambda value: not isinstance(value, str) or len(value) >= wanted,
            "minItems": lambda wanted: lambda value: not isinstance(value, list) or len(value) >= wanted,
            "maxItems": lambda wanted: lambda value: not isinstance(value, list) or len(value) <= wanted,
            "minProperties": lambda wanted: lambda value: not isinstance(value, dict) or len(value) >= wanted,
            "minimum": lambda wanted: lambda value: not _is_number(value) or value >= wanted,
        }
        object.__setattr__(self, "keywords", keywords)

    def of(self, schema: Mapping[str, Any]) -> Check:
        checks = [
            _known(self.keywords, keyword)(wanted)
            for keyword, wanted in schema.items()
            if keyword not in _PASSED_OVER | _OF_ANOTHER
        ]
        if "if" in schema:
            checks.append(_implies(self.of(schema["if"]), self.of(schema.get("then", {}))))
        if _MEMBERS & schema.keys():
            checks.append(self._members(schema))
        return _all(tuple(checks))

    def _items(self, wanted: Mapping[str, Any]) -> Check:
        each = self.of(wanted)
        return lambda value: not isinstance(value, list) or all(map(each, value))

    def _members(self, schema: Mapping[str, Any]) -> Check:
        """`required`, `properties` and `additionalProperties`: together, for they are most of the work."""
        names = frozenset(schema.get("required", ()))
        known = {name: self.of(part) for name, part in schema.get("properties", {}).items()}
        others = schema.get("additionalProperties", True)
        rest: Check = (lambda _: others) if isinstance(others, bool) else self.of(others)

        def check(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            for name, member in value.items():
                if not known.get(name, rest)(member):
                    return False
            return names <= value.keys()

        return check


def _all(checks: tuple[Check, ...]) -> Check:
    if len(checks) == 1:
        return checks[0]

    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)
    return lambda value: all(one(value) for one in checks)


def _implies(asked: Check, then: Check) -> Check:
    return lambda value: not asked(value) or then(value)


def _type(wanted: str | list[str]) -> Check:
    if isinstance(wanted, str):
        known: Check = _known(_TYPES, wanted)
        return known
    several = tuple(_type(each) for each in wanted)
    return lambda value: any(one(value) for one in several)


def _one_of(wanted: list[Any]) -> Check:
    if not all(isinstance(item, str) for item in wanted):
        raise NotImplementedError("one of other things than texts")  # true is no 1 in JSON, and is in Python
    texts = frozenset(wanted)
    return lambda value: isinstance(value, str) and value in texts


def _pattern(wanted: str) -> Check:
    search = re.compile(wanted).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _format(known: Check) -> Check:
    def check(value: Any) -> bool:
        try:
            return known(value)
        except AttestationError:
            return False

    return check


def _known(table: Mapping[str, Any], word: str) -> Any:
    if word not in table:
        raise NotImplementedError(f"a schema with {word}")
    return table[word]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Check]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}
