"""Settings written in YAML, read so that they mean to Placet what they mean to OPA. The engine's one user of
PyYAML.

Refused is what readers of YAML disagree about or what hides something: a key twice, keys that are no text,
aliases, unquoted dates, more than one document. Where two readers still differ, `accept` compares ours with
OPA's.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import yaml

from placet_attestations.strictjson import JsonValue
from placet_engine.errors import PolicyError

_PLAIN = (str, bool, int, float, type(None))


class _Loader(yaml.SafeLoader):
    """Safe, and strict about keys and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.composer.ComposerError(None, None, "an alias (*name) is used", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is not a text, quote it", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_yaml(data: bytes, *, where: str) -> JsonValue:
    """One YAML document as JSON values. Raises PolicyError settings.invalid with the line."""
    try:
        value = yaml.load(data, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(
            "settings.invalid", f"not the YAML of settings: {_words(error)}", where=where, hint=_HINT
        ) from error
    except RecursionError as error:
        raise PolicyError("settings.invalid", "nested too deeply", where=where, hint=_HINT) from error
    _require_json(value, where)
    return value  # type: ignore[no-any-return]  # `_require_json` has looked at every part of it


_HINT = "see the settings of the shipped policy set for the form"


def _words(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    mark = getattr(error, "problem_mark", None)
    parts = (getattr(error, "context", None), getattr(error, "problem", None))
    problem = ", ".join(part for part in parts if part) or str(error)
    return problem if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _require_json(value: object, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _require_json(item, f"{where}: {key}")
    elif isinstance(value, list):
        for item in value:
            _require_json(item, where)
    elif not isinstance(value, _PLAIN) or (isinstance(value, float) and not math.isfinite(value)):
        raise PolicyError(
            "settings.invalid",
            f"{value} is not a value that JSON has",
            where=where,
            hint="quote dates and times, and write numbers in full",
        )
