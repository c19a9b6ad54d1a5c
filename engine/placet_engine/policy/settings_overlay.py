"""Settings: the data that rules compare with. An operator's overlay is merged into the policy set's own.

Objects merge key by key, everything else is replaced. What comes out is checked against the policy set's
schema when the set is accepted, so that a misspelt key is an error and not a threshold that silently stayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import JsonObject, JsonValue, dumps, loads
from placet_attestations.strictyaml import load as load_yaml
from placet_attestations.yaml_values import to_json
from placet_engine.errors import PolicyError
from placet_engine.policy.archive import PolicyFile
from placet_engine.policy.folder import DATA_FILES
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS

FOLDER: Final = "placet/settings"

_HINT = "placet policy show lists the settings that exist"


def settings_file(files: Sequence[PolicyFile]) -> PolicyFile | None:
    """The file that holds the settings. Raises PolicyError settings.invalid when there are two."""
    names = [f"{FOLDER}/{name}" for name in DATA_FILES]
    found = [file for file in files if file.path in names]
    if len(found) > 1:
        paths = " and ".join(file.path for file in found)
        raise PolicyError("settings.invalid", f"settings stand in {paths}", hint="keep them in one file")
    return found[0] if found else None


def read_settings(file: PolicyFile) -> JsonObject:
    """The settings in a YAML or JSON file. Raises PolicyError settings.invalid."""
    try:
        limit = DEFAULT_POLICY_LIMITS.max_policy_file_bytes
        if file.path.endswith(".json"):
            value = loads(file.data, max_bytes=limit, where=file.path)
        else:
            value = to_json(load_yaml(file.data, file=file.path, code="settings", max_bytes=limit))
    except MalformedError as error:
        raise PolicyError("settings.invalid", error.message, where=error.where, hint=error.hint) from error
    if not isinstance(value, Mapping):
        raise PolicyError("settings.invalid", "settings are not an object", where=file.path, hint=_HINT)
    return value


def merge(base: JsonValue, overlay: JsonValue) -> JsonValue:
    """`overlay` over `base`."""
    if not isinstance(base, Mapping) or not isinstance(overlay, Mapping):
        return overlay
    merged = dict(base)
    for key, value in overlay.items():
        merged[key] = merge(base[key], value) if key in base else value
    return merged


def overlay_files(files: tuple[PolicyFile, ...], overlay: JsonObject) -> tuple[PolicyFile, ...]:
    """The files with their settings file replaced by the merged settings, written as canonical JSON.

    Raises PolicyError settings.invalid.
    """
    old = settings_file(files)
    merged = merge({} if old is None else read_settings(old), overlay)
    try:
        new = PolicyFile(f"{FOLDER}/data.json", dumps(merged))
    except MalformedError as error:
        raise PolicyError("settings.invalid", error.message, where="settings overlay", hint=_HINT) from error
    kept = [file for file in files if file is not old]
    return tuple(sorted([*kept, new], key=lambda file: file.path))


def check_settings(settings: JsonObject, schema: bytes) -> None:
    """Hold settings against a JSON Schema. Raises PolicyError settings.invalid (the path, what is wrong, what
    was probably meant), settings.schema (the schema itself is none).
    """
    from placet_engine.policy.settings_schema import first_fault

    fault = first_fault(settings, schema)
    if fault is not None:
        raise PolicyError("settings.invalid", fault.message, where=fault.where, hint=fault.hint)


def did_you_mean(wrong: str, known: Sequence[str]) -> str:
    """A hint that names the nearest of `known`, or all of them when none is near."""
    near = get_close_matches(wrong, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else _HINT


def check_codes(settings: JsonObject, rules: Mapping[str, Sequence[str]]) -> None:
    """What settings say about rules is about rules that exist: `unwaivable` codes, `collections` of gates.

    `rules`: code -> its collections. Raises PolicyError settings.invalid.
    """
    collections = {name for names in rules.values() for name in names}
    gates = settings.get("gates")
    named = [("settings.unwaivable", settings.get("unwaivable"), set(rules))]
    if isinstance(gates, Mapping):
        named += [
            (f"settings.gates.{gate}.collections", _member(asked, "collections"), collections)
            for gate, asked in gates.items()
        ]
    for where, value, known in named:
        for name in value if isinstance(value, list) else []:
            if name not in known:
                raise PolicyError(
                    "settings.invalid",
                    f"{where} names {name!r}, which no rule has",
                    where=where,
                    hint=did_you_mean(str(name), sorted(known)),
                )


def _member(value: JsonValue, key: str) -> JsonValue:
    return value.get(key) if isinstance(value, Mapping) else None
