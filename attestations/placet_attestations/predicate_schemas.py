"""The only file that imports jsonschema: holds a predicate against its schema.

jsonschema costs 50 ms to import and half a millisecond a predicate, so it is asked only about those that do not fit
(`_schema_check.py`), and each validator is built once. Its own messages quote the instance, whole; ours name the place
and the rule.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from placet_attestations._schema_check import Check, compile_schema
from placet_attestations.errors import AttestationError
from placet_attestations.predicate_types import (
    APPROVAL,
    DATASET,
    DEPLOYMENT_SPEC,
    MEASUREMENT,
    PROVENANCE,
    VERIFICATION_SUMMARY,
)
from placet_attestations.strictjson import JsonObject
from placet_attestations.suggest import did_you_mean
from placet_attestations.times import parse_date, parse_time

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import ValidationError

_FOLDER: Final = Path(__file__).parent / "schemas"
_FILES: Final[Mapping[str, str]] = {
    DATASET: "dataset",
    MEASUREMENT: "measurement",
    APPROVAL: "approval",
    DEPLOYMENT_SPEC: "deployment-spec",
    PROVENANCE: "provenance",
    VERIFICATION_SUMMARY: "verification-summary",
}
_DEFINITION: Final = "#/$defs/"
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@functools.cache
def schema(predicate_type: str) -> JsonObject | None:
    """The JSON Schema (draft 2020-12) of a predicate type, None for a type that has none. Do not change what
    it returns.
    """
    name = _FILES.get(predicate_type)
    return None if name is None else load_schema(name)


def load_schema(name: str) -> JsonObject:
    """A schema file of this room by its name without `.json`: the predicates', and `trust` for trust.yaml."""
    loaded: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_bytes())
    return loaded


def first_problem(predicate_type: str, predicate: JsonObject) -> tuple[str, str] | None:
    """The first place that misses the schema and what it should be, `("$.origin", 'misses "source"')`; None
    when it fits.
    """
    if _check(predicate_type)(predicate):
        return None
    error = next(_validator(predicate_type).iter_errors(predicate), None)
    return None if error is None else (json_path(error.absolute_path), _rule(error))


def json_path(steps: Iterable[str | int]) -> str:
    """Keys and indexes as a JSON path: `$.results[0].value`."""
    text = "$"
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{json.dumps(step[:60])}]"
    return text


@functools.cache
def _check(predicate_type: str) -> Check:
    return compile_schema(_whole(predicate_type), _FORMATS)


@functools.cache
def _validator(predicate_type: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_whole(predicate_type), format_checker=_formats())


def _whole(predicate_type: str) -> Mapping[str, Any]:
    given = schema(predicate_type) or {}
    definitions = given.get("$defs", {})
    assert isinstance(definitions, Mapping)
    whole: Mapping[str, Any] = _inlined(given, definitions)
    return whole


def _inlined(part: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with every `#/$defs/NAME` written out: looking them up costs a third of a validation.

    None of ours is recursive, and none has a keyword beside a reference that the definition has, too, but words.
    """
    if isinstance(part, list):
        return [_inlined(item, definitions) for item in part]
    if not isinstance(part, Mapping):
        return part
    own = {key: _inlined(value, definitions) for key, value in part.items() if key not in ("$ref", "$defs")}
    if "$ref" not in part:
        return own
    meant = _inlined(definitions[str(part["$ref"]).removeprefix(_DEFINITION)], definitions)
    assert own.keys() & meant.keys() <= {"description"}
    return {**own, **meant}  # the words of a definition say what is wanted, those beside it what for


def _formats() -> FormatChecker:
    from jsonschema import FormatChecker

    # Only ours: the stock checkers depend on what else happens to be installed.
    checker = FormatChecker(formats=())
    for name, check in _FORMATS.items():
        checker.checks(name, raises=AttestationError)(check)
    return checker


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(parse_time(value))


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(parse_date(value))


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


_FORMATS: Final[Mapping[str, Check]] = {"date-time": _is_time, "date": _is_date, "uri": _is_uri}


def _rule(error: ValidationError) -> str:
    instance = _any(error.instance)
    rule, wanted, within = str(error.validator), _any(error.validator_value), _any(error.schema)
    if rule == "additionalProperties":
        return _unknown_field(instance, within)
    if rule == "required":
        missing = next(name for name in wanted if name not in instance)
        return f'misses "{missing}"'
    if rule == "enum":
        return f"must be one of {', '.join(map(str, wanted))}"
    if rule in ("pattern", "format"):
        # A pattern in a message helps nobody: the schema says it in words beside it.
        return f"must be {within.get('description', f'a {wanted}')}"
    if rule in ("minLength", "minItems") and wanted == 1:
        return "must not be empty"
    return _WORDS.get(rule, f"breaks the rule {rule}").format(wanted)


def _any(value: Any) -> Any:
    return value  # jsonschema types these as possibly unset; in an error they never are


def _unknown_field(instance: JsonObject, within: JsonObject) -> str:
    properties = within.get("properties")
    known = sorted(properties) if isinstance(properties, Mapping) else []
    name = min(key for key in instance if key not in known)
    return f"has an unknown field {json.dumps(name[:60])}{did_you_mean(name, known)}"


_WORDS: Final[Mapping[str, str]] = {
    "type": "must be of type {}",
    "minItems": "must have at least {} entries",
    "maxItems": "must have at most {} entries",
    "minimum": "must be at least {}",
}
