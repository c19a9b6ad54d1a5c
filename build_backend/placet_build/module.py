"""Read `engine/opa/`: the Go module of two files that pins OPA and everything below it by hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet_build.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

OPA_PACKAGE = "github.com/open-policy-agent/opa"

_GO_LINE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)
_OPA_LINE = re.compile(rf"^\s*(?:require )?{re.escape(OPA_PACKAGE)} (v\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OpaModule:
    """The pin: where it lies, which OPA it names, which Go it needs at least, and its exact bytes."""

    folder: Path
    opa_version: str
    minimum_go: tuple[int, int, int]
    go_mod: bytes
    go_sum: bytes


def read_module(folder: Path) -> OpaModule:
    """The pinned module in `folder`; BuildError when a file or one of its two facts is missing."""
    try:
        go_mod = (folder / "go.mod").read_bytes()
        go_sum = (folder / "go.sum").read_bytes()
    except OSError as error:
        raise BuildError(
            f"the Go module that pins OPA cannot be read: {error}",
            "build from a complete checkout or source distribution; engine/opa/ holds go.mod and go.sum",
        ) from error
    text = go_mod.decode("utf-8", errors="replace")
    go_line, opa_line = _GO_LINE.search(text), _OPA_LINE.search(text)
    if go_line is None or opa_line is None:
        raise BuildError(
            f"{folder / 'go.mod'} does not say which Go or which OPA",
            "it needs a `go X.Y.Z` line and a requirement of " + OPA_PACKAGE,
        )
    major, minor, patch = go_line.groups(default="0")
    return OpaModule(folder, opa_line[1], (int(major), int(minor), int(patch)), go_mod, go_sum)
