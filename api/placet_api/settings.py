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

Value = str | int | float | list[Any] | None


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key in `placet.yaml` (dotted), its type, its default and one line of words.

    A list is written in the file only; whoever reads it checks what stands in it. A secret is given by its variable
    only: a file is copied, committed and read by others.
    """

    key: str
    kind: type[str | int | float | list[Any]]
    default: Value
    words: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable: `opa.path` is `PLACET_OPA_PATH`."""
        return "PLACET_" + self.key.upper().replace(".", "_")


TABLE: tuple[Setting, ...] = (
    Setting("store", str, "sqlite:///.placet/placet.db", "where evidence and the decision log live"),
    Setting("trust", str, "trust.yaml", "the trust policy: who may say what"),
    Setting("policies", str, None, "a policy folder or bundle instead of the shipped one"),
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
    Setting(
        "signing.gate", str, "gate", "the key that signs verification summaries (role gate in trust.yaml)"
    ),
    Setting("server", str, None, "a Placet service that keeps evidence and log, instead of a store here"),
    Setting("token", str, None, "the token by which a service knows this caller", secret=True),
    Setting("client.ca", str, None, "the certificate authority of the service, a PEM file"),
    Setting("client.audience", str, "placet", "the audience that CI's own tokens are asked for"),
    Setting("client.timeout", float, 30.0, "seconds an answer of the service may take"),
    Setting("http.listen", str, "127.0.0.1:8080", "where the service listens, HOST:PORT"),
    Setting("http.certificate", str, None, "the service's certificate chain, a PEM file"),
    Setting("http.key", str, None, "the key of that certificate, a PEM file"),
    Setting("http.workers", int, 1, "processes that serve, each with its own OPA child"),
    Setting("http.threads", int, 4, "decisions that one worker judges at the same time"),
    Setting("http.queue", int, 64, "requests that may wait for them; further ones are refused"),
    Setting("http.connections", int, 2000, "open connections of one worker; further ones are closed"),
    Setting("http.body", int, 16 * 1024 * 1024, "bytes of one request's body"),
    Setting(
        "http.rate", float, 200.0, "requests a second of one caller, on average; short bursts of twice that"
    ),
    Setting("http.request_seconds", float, 10.0, "seconds that sending one request may take a client"),
    Setting("http.idle_seconds", float, 60.0, "seconds that a connection may stay open and unused"),
    Setting("http.drain_seconds", float, 20.0, "seconds that requests under way have when the service ends"),
    Setting("http.bundle_key", str, None, "the private key that signs policy bundles for OPA, a PEM file"),
    Setting("http.issuers", list, None, "OIDC issuers, and which of their tokens is which caller"),
    Setting("kubernetes.listen", str, None, "where the admission webhook listens, HOST:PORT (TLS only)"),
    Setting("kubernetes.certificate", str, None, "the webhook's certificate chain, a PEM file"),
    Setting("kubernetes.key", str, None, "the key of that certificate, a PEM file"),
    Setting(
        "kubernetes.client_ca", str, None, "the authority of the API server's client certificate, a PEM file"
    ),
    Setting("kubernetes.cluster", str, "default", "the name of the cluster that this webhook serves"),
    Setting("kubernetes.environments", list, None, "which namespaces of which cluster are which environment"),
    Setting("kubernetes.paths", list, None, "where custom resources name images"),
    Setting("kubernetes.rate", float, 5000.0, "admission requests a second; further ones are denied"),
    Setting(
        "kubernetes.repeat_seconds", float, 60.0, "seconds for which a decision may be repeated, at most"
    ),
    Setting(
        "roots.refresh", str, "auto", "roots kept fresh by TUF: auto, or never (offline: nothing is fetched)"
    ),
    Setting("roots.refresh_hours", float, 24.0, "hours between two refreshes in a running service"),
    Setting("roots.timeout", float, 60.0, "seconds that refreshing one root may take"),
    Setting("roots.ca", str, None, "the certificate authority of TUF repositories, a PEM file"),
    Setting("roots.warn_days", float, 90.0, "days after which a root that nobody renewed is warned of"),
    Setting("roots.error_days", float, None, "days after which it is not used any more (default: never)"),
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

    def items(self, key: str) -> list[Any]:
        """A list as it stands in the file; empty when there is none."""
        value = self.values[key]
        return value if isinstance(value, list) else []

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
        elif setting.variable in variables and setting.kind is not list:
            values[setting.key] = _typed(setting, variables[setting.variable], setting.variable)
            sources[setting.key] = setting.variable
        elif setting.key in given:
            if setting.secret:
                raise ConfigurationError(
                    "settings.secret",
                    f"{setting.key} is a secret, and this file is none",
                    where=file_name,
                    hint=f"set the variable {setting.variable} where it is needed",
                )
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
    # Not only its own spelling: `opa.pth` may be a word of a group, `listen` one that stands in a group.
    words = [*_BY_KEY, *(name.partition(".")[2] for name in _BY_KEY if "." in name)]
    close = difflib.get_close_matches(key, words, n=3, cutoff=0.7)
    meant = dict.fromkeys(
        name for word in close for name in _BY_KEY if word in (name, name.partition(".")[2])
    )
    tops = sorted({name.split(".")[0] + (".…" if "." in name else "") for name in _BY_KEY})
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"the settings are {', '.join(tops)}"
    return ConfigurationError("settings.unknown", f"unknown setting {key}", where=file_name, hint=hint)


def _typed(setting: Setting, value: Any, where: str) -> Value:
    if value is None:
        return None
    if setting.kind is list:
        if not isinstance(value, list):
            raise ConfigurationError(
                "settings.type", f"{setting.key} must be a list, not {value!r}", where=where
            )
        return value
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
    number = int(value) if setting.kind is int else float(value)
    # A number that changes when it is made whole is none; no comparison with NaN holds.
    if (isinstance(value, float) and number != value) or not 0 < float(number) < float("inf"):
        raise ValueError
    return number
