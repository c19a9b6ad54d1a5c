"""Settings against their JSON Schema, the first fault in a user's words. The engine's one user of jsonschema.

Imported only when a policy set is accepted: the library takes 100 ms to load.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from placet_attestations.strictjson import JsonObject
from placet_engine.errors import PolicyError
from placet_engine.policy.settings_overlay import did_you_mean


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: the dotted path of the setting, words about it, what to do."""

    where: str
    message: str
    hint: str


def first_fault(settings: JsonObject, schema: bytes) -> Fault | None:
    """None when the settings fit. An unknown key is named before anything else: it mostly explains the rest.

    Raises PolicyError settings.schema when `schema` is no JSON Schema of its own.
    """
    validator = _validator(schema)
    try:
        errors = sorted(validator.iter_errors(settings), key=_where)
    except Unresolvable as elsewhere:
        raise _bad_schema(str(elsewhere)) from elsewhere
    for error in errors:
        if (fault := _unknown_key(error)) is not None:
            return fault
    worst = best_match(errors)
    if worst is None:
        return None
    return Fault(_where(worst), f"{_where(worst)}: {worst.message}", _HINT)


_HINT = "placet policy show lists the settings and what they take"


def _validator(schema: bytes) -> Validator:
    try:
        document = json.loads(schema)
        kind = validator_for(document, default=Draft202012Validator)
        kind.check_schema(document)
    except (ValueError, TypeError, SchemaError) as error:
        raise _bad_schema(str(getattr(error, "message", error))) from error
    # An empty registry: a $ref to elsewhere is an error, never a request over the network.
    return kind(document, registry=Registry())


def _bad_schema(why: str) -> PolicyError:
    return PolicyError(
        "settings.schema",
        f"the schema of the settings cannot be used: {why}",
        where="schemas/settings.json",
        hint="correct the policy set's schemas/settings.json; it may refer to itself only",
    )


def _where(error: ValidationError) -> str:
    return ".".join(["settings", *(str(part) for part in error.absolute_path)])


def _unknown_key(error: ValidationError) -> Fault | None:
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        known = list(error.schema.get("properties", {}))
        patterns = list(error.schema.get("patternProperties", {}))
        instance: Any = error.instance
        keys = [key for key in instance if key not in known and not _matches(key, patterns)]
        return _named(error, keys, known)
    if "propertyNames" in error.absolute_schema_path and isinstance(error.instance, str):
        names: Any = error.validator_value if error.validator == "enum" else []
        return _named(error, [error.instance], list(names))
    return None


def _named(error: ValidationError, keys: Sequence[str], known: Sequence[str]) -> Fault:
    key = min(keys)
    where = f"{_where(error)}.{key}"
    return Fault(where, f"unknown setting {where}", did_you_mean(key, known))


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(re.search(pattern, key) for pattern in patterns)
