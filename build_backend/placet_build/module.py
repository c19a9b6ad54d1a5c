"""Read a Go module of two files that pins a program of others, and everything below it, by hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet_build.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

OPA_PACKAGE = "github.com/open-policy-agent/opa"

_GO_LINE = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GoModule:
    """The pin: where it lies, which version of the program it names, which Go it needs at least, its bytes."""

    folder: Path
    version: str
    minimum_go: tuple[int, int, int]
    go_mod: bytes
    go_sum: bytes


def read_module(folder: Path, pinned: str = OPA_PACKAGE) -> GoModule:
    """The module in `folder` that pins the module `pinned`; BuildError when a file or a fact is missing."""
    try:
        go_mod = (folder / "go.mod").read_bytes()
        go_sum = (folder / "go.sum").read_bytes()
    except OSError as error:
        raise BuildError(
            f"the Go module that pins {pinned} cannot be read: {error}",
            f"build from a complete checkout or source distribution; {folder.name}/ holds go.mod and go.sum",
        ) from error
    text = go_mod.decode("utf-8", errors="replace")
    go_line = _GO_LINE.search(text)
    pin = re.search(rf"^\s*(?:require )?{re.escape(pinned)} (v\S+)", text, re.MULTILINE)
    if go_line is None or pin is None:
        raise BuildError(
            f"{folder / 'go.mod'} does not say which Go or which {pinned}",
            "it needs a `go X.Y.Z` line and a requirement of " + pinned,
        )
    major, minor, patch = go_line.groups(default="0")
    return GoModule(folder, pin[1], (int(major), int(minor), int(patch)), go_mod, go_sum)
