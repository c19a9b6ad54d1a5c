"""Which namespaces are which environment: the operator's own words, never a label of the judged object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from placet_api.errors import ConfigurationError

CODE: Final = "kubernetes.environments"
_KEYS: Final = frozenset({"cluster", "namespaces", "environment"})
_NAMESPACE = re.compile(r"[a-z0-9*](?:[a-z0-9*-]{0,61}[a-z0-9*])?", re.ASCII)
_ENVIRONMENT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Environments:
    """The rows for one cluster, in the order of the file: a namespace's pattern and its environment."""

    rows: tuple[tuple[re.Pattern[str], str], ...]

    def of(self, namespace: str) -> str | None:
        """The environment of the first row that fits; None when no row does, or the object has no namespace."""
        if not namespace:
            return None
        return next((name for pattern, name in self.rows if pattern.fullmatch(namespace)), None)


def parse(items: Iterable[Any], cluster: str, where: str) -> Environments:
    """Read the setting `kubernetes.environments`; rows of other clusters are checked, then left out.

    Raises `ConfigurationError` `kubernetes.environments`.
    """
    rows: list[tuple[re.Pattern[str], str]] = []
    for index, item in enumerate(items):
        place = f"{where}[{index}]"
        if not isinstance(item, Mapping):
            raise _wrong("a row is cluster, namespaces and environment", place)
        if unknown := sorted(str(key) for key in item if key not in _KEYS):
            raise _wrong(f"unknown key {unknown[0]}", place)
        patterns = _patterns(item.get("namespaces"), place)
        environment = _name(item.get("environment"), place)
        if _cluster(item, place) in {None, cluster}:
            rows += [(pattern, environment) for pattern in patterns]
    return Environments(tuple(rows))


def _wrong(message: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        CODE,
        message,
        where=where,
        hint="a row looks like {namespaces: [shop, shop-*], environment: production}; cluster is optional",
    )


def _cluster(item: Mapping[str, Any], where: str) -> str | None:
    if "cluster" not in item:
        return None
    cluster = item["cluster"]
    if isinstance(cluster, str) and cluster:
        return cluster
    raise _wrong("cluster is the name of one cluster", where)


def _patterns(value: object, where: str) -> list[re.Pattern[str]]:
    if not isinstance(value, list) or not value:
        raise _wrong("namespaces is a list of names, * stands for any letters", where)
    return [_pattern(text, where) for text in value]


def _pattern(text: object, where: str) -> re.Pattern[str]:
    if not isinstance(text, str) or _NAMESPACE.fullmatch(text) is None:
        raise _wrong("namespaces holds names of namespaces; * stands for any letters", where)
    # Runs of stars are one star: two next to each other would only cost time.
    parts = [re.escape(part) for part in re.sub(r"\*+", "*", text).split("*")]
    return re.compile(".*".join(parts), re.DOTALL)


def _name(value: object, where: str) -> str:
    if isinstance(value, str) and _ENVIRONMENT.fullmatch(value):
        return value
    raise _wrong("environment is the name of an environment, such as production", where)
