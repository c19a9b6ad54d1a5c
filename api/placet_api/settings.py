"""Every setting of Placet: read once, frozen, each with its source (interface.md section 1).

Precedence: option, `PLACET_…` variable, `placet.yaml`, default. `TABLE` is the only list of settings: the file's
allowed keys, the variables' names and the output of `placet doctor` all come from it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet_api.errors import ConfigurationError

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key in `placet.yaml` (dotted), its type, its default and one line of words."""

    key: str
    kind: type[str | int | float]
    default: Value
    words: str

    @property
    def variable(self) -> str:
        """The environment variable: `opa.path` is `PLACET_OPA_PATH`."""
        return "PLACET_" + self.key.upper().replace(".", "_")


TABLE: tuple[Setting, ...] = (
    Setting("store", str, "sqlite:///.placet/placet.db", "where evidence and the decision log live"),
    Setting("trust", str, "trust.yaml", "the trust policy: who may say what"),
    Setting("policies", str, None, "a policy folder instead of the shipped one"),
    Setting("settings", str, None, "a YAML file laid over the policy set's settings"),
    Setting("opa.path", str, None, "an OPA binary instead of the one that came with Placet"),
    Setting("opa.url", str, None, "an OPA service (https, or http on loopback) instead of a child process"),
    Setting("opa.ca", str, None, "the certificate authority of opa.url, a PEM file"),
    Setting("opa.timeout", float, 5.0, "seconds a decision may take in OPA"),
    Setting("log.key", str, ".placet/log.key", "the key that signs the log's checkpoints"),
    Setting("log.head", str, None, "where the last signed checkpoint is kept (default: beside the database)"),
    Setting("signing.default", str, None, "the key that signs when no --as is given"),
    Setting("signing.keys", str, ".placet/keys", "the folder of private keys"),
    Setting("receipts", str, ".placet/receipts", "where gate puts its receipts"),
    Setting("anchors", str, None, "the digest that all trust anchors together must have"),
    Setting("limits.facts", int, 2_000_000, "bytes of facts above which a decision is refused"),
    Setting("limits.artifacts", int, 4096, "artifacts in one lineage"),
)

_BY_KEY = {setting.key: setting for setting in TABLE}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process. `sources` says for each where it came from."""

    values: Mapping[str, Value]
    sources: Mapping[str, str]

    def text(self, key: str) -> str:
        """A setting that always has a value, as text."""
        value = self.values[key]
        if value is None:
            raise ConfigurationError(
                "settings.missing", f"setting {key} has no value", hint=f"set {_BY_KEY[key].variable}"
            )
        return str(value)

    def optional(self, key: str) -> str | None:
        """A setting that may be absent."""
        value = self.values[key]
        return None if value is None else str(value)

    def number(self, key: str) -> float:
        """A numeric setting; above 0."""
        return float(self.text(key))


def resolve(
    options: Mapping[str, Value], variables: Mapping[str, str], file: Mapping[str, Any] | None, file_name: str
) -> Settings:
    """Lay option over variable over file over default.

    Raises `ConfigurationError` `settings.unknown` for a key nobody knows, `settings.type` for a value of a wrong type.
    """
    given = _flatten(file or {}, "", file_name)
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    for setting in TABLE:
        if options.get(setting.key) is not None:
            values[setting.key], sources[setting.key] = options[setting.key], "option"
        elif setting.variable in variables:
            values[setting.key] = _typed(setting, variables[setting.variable], setting.variable)
            sources[setting.key] = setting.variable
        elif setting.key in given:
            values[setting.key] = _typed(setting, given[setting.key], f"{file_name}: {setting.key}")
            sources[setting.key] = file_name
        else:
            values[setting.key], sources[setting.key] = setting.default, "default"
    return Settings(values, sources)


def load(options: Mapping[str, Value], variables: Mapping[str, str], path: Path | None) -> Settings:
    """Read `placet.yaml` when there is one, and resolve."""
    if path is None or not path.is_file():
        return resolve(options, variables, None, "placet.yaml")
    from placet_api.yaml_file import read_mapping

    return resolve(options, variables, read_mapping(path), path.name)


def _flatten(tree: Mapping[str, Any], prefix: str, file_name: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    groups = {key.split(".")[0] for key in _BY_KEY if "." in key}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if key in groups:
            found = _flatten(_group(key, value, file_name), f"{key}.", file_name)
        elif key in _BY_KEY:
            found = {key: value}
        else:
            raise _unknown(key, file_name)
        if twice := sorted(found.keys() & flat.keys()):
            raise ConfigurationError("settings.twice", f"setting {twice[0]} is given twice", where=file_name)
        flat |= found
    return flat


def _group(key: str, value: Any, file_name: str) -> Mapping[str, Any]:
    """The settings below a key such as `opa:`; nothing below it is no setting."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            "settings.type", f"{key} holds settings, not {value!r}", where=f"{file_name}: {key}"
        )
    return value


def _unknown(key: str, file_name: str) -> ConfigurationError:
    close = difflib.get_close_matches(key, list(_BY_KEY), n=1)
    hint = f"did you mean {close[0]}?" if close else "`placet doctor` lists every setting"
    return ConfigurationError("settings.unknown", f"unknown setting {key}", where=file_name, hint=hint)


def _typed(setting: Setting, value: Any, where: str) -> Value:
    if value is None:
        return None
    try:
        if isinstance(value, bool) or (setting.kind is str and not isinstance(value, str)):
            raise ValueError
        return value if isinstance(value, str) and setting.kind is str else _number(setting, value)
    except (TypeError, ValueError, OverflowError):
        wanted = {str: "text", int: "a whole number above 0", float: "a number above 0"}[setting.kind]
        raise ConfigurationError(
            "settings.type", f"{setting.key} must be {wanted}, not {value!r}", where=where
        ) from None


def _number(setting: Setting, value: Any) -> Value:
    number = setting.kind(value)
    # A number that changes when it is made whole is none; no comparison with NaN holds.
    if (isinstance(value, float) and number != value) or not 0 < float(number) < float("inf"):
        raise ValueError
    return number
