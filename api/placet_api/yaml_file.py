"""YAML files that users write for the doors: `placet.yaml`, settings overlays, predicates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from placet_api.errors import ConfigurationError
from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import read_bounded
from placet_attestations.strictyaml import load
from placet_attestations.yaml_values import to_json

MAX_BYTES = 1 << 20


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a file whose top level is a mapping (YAML, hence JSON too); an empty file is an empty mapping.

    Raises `MalformedError` yaml.* with the line, `ConfigurationError` yaml.shape.
    """
    data = read_bounded(path, MAX_BYTES)
    try:
        tree = to_json(load(data, file=str(path), code="yaml", max_bytes=MAX_BYTES))
    except MalformedError as error:
        if error.code == "yaml.empty":  # nothing but comments, say
            return {}
        raise
    if not isinstance(tree, Mapping):
        raise ConfigurationError(
            "yaml.shape", "the top level must be a mapping (key: value)", where=str(path)
        )
    return dict(tree)
