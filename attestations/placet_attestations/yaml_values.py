"""YAML as JSON values: what predicates, settings and project files mean, by the core schema of YAML 1.2.

Plain `null`, `true`, `false`, integers and decimal numbers are those values, all other scalars are text: dates stay as
they are written, and `yes` and `on` are words. (PyYAML resolves by YAML 1.1, where they are not.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from placet_attestations.strictjson import MAX_INTEGER, JsonValue
from placet_attestations.strictyaml import Node

# YAML 1.2.2 section 10.3.2, without octal and hexadecimal notation: no reader of these files needs them.
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, JsonValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def to_json(node: Node) -> JsonValue:
    """The value of a tree of YAML.

    Raises MalformedError `<code>.number` for an integer or a number that JSON readers would round, `<code>.not_finite`.
    """
    if isinstance(node.value, Mapping):
        return {key: to_json(member) for key, member in node.value.items()}
    if isinstance(node.value, tuple):
        return [to_json(item) for item in node.value]
    return _scalar(node, node.value) if node.plain else node.value


def _scalar(node: Node, text: str) -> JsonValue:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
            raise node.error(
                "number", f"the integer {text[:40]} is beyond 2^53 - 1", "quote it to keep it as text"
            )
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise node.error(
                "not_finite", f"the number {text[:40]} is too large", "quote it to keep it as text"
            )
        return number
    return text
