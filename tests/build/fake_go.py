"""A stand-in for a Go toolchain: a script that answers the three commands of the build, and counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OPA_TEXT = "a compiled opa"

_SCRIPT = """#!/bin/sh
echo "$1" >> '{folder}/calls'
case "$1" in
env) echo '{version}' ;;
build)
    env > '{folder}/environment'
    if [ '{failure}' ]; then echo '{failure}' >&2; exit 3; fi
    while [ "$1" != -o ]; do shift; done
    printf '{opa}' > "$2" ;;
list)
    echo
    printf 'github.com/open-policy-agent/opa v1.22.2\\t{folder}/modules/opa\\n'
    printf 'example.org/other v0.1.0\\t{folder}/modules/other\\n' ;;
esac
"""


@dataclass(frozen=True, slots=True)
class FakeGo:
    """A folder for PATH with a program `go` in it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, version: str = "go1.26.8", failure: str = "") -> FakeGo:
        """Write the script and two modules with their licences."""
        for name in ("opa", "other"):
            module = folder / "modules" / name
            module.mkdir(parents=True, exist_ok=True)
            (module / "LICENSE").write_text(f"the licence of {name}")
            (module / "main.go").write_text("package main")
        go = folder / "go"
        go.write_text(_SCRIPT.format(folder=folder, version=version, failure=failure, opa=OPA_TEXT))
        go.chmod(0o755)
        return cls(folder)

    def calls(self) -> list[str]:
        """The commands it was run with, in order."""
        log = self.folder / "calls"
        return log.read_text().split() if log.exists() else []

    def environment(self) -> dict[str, str]:
        """The environment of the last `go build`."""
        rows = (self.folder / "environment").read_text().splitlines()
        return dict(row.split("=", 1) for row in rows if "=" in row)

    def environ(self, home: Path, **more: str) -> dict[str, str]:
        """An environment in which this is the Go on PATH and `home` is the user's."""
        return {"PATH": f"{self.folder}:/usr/bin:/bin", "HOME": str(home), **more}
