"""Run Go: compile the pinned OPA, and collect the licences of every module that ends up in the program."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from placet_build.cache import OpaFiles
from placet_build.errors import BuildError
from placet_build.module import OPA_PACKAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from placet_build.module import OpaModule
    from placet_build.toolchain import Toolchain

# No VCS stamp, no paths of this machine, no debug tables: the same pin and toolchain give the same bytes.
BUILD_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags=-s -w")

# The rest of what decides the bytes. GOPROXY, GONOSUMDB and their like stay as the user has them.
SETTINGS = {
    "CGO_ENABLED": "0",
    "GOAMD64": "v1",
    "GOARM64": "v8.0",
    "GOFIPS140": "off",
    "GOFLAGS": "-mod=readonly",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
_DROPPED = ("GOOS", "GOARCH", "GOROOT", "GOEXPERIMENT", "GODEBUG")

_LICENCE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
_MODULE_ROWS = "{{with .Module}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}"


def flags() -> tuple[str, ...]:
    """All that is fixed about the compilation, as texts for the cache's key."""
    return (*BUILD_FLAGS, *(f"{name}={value}" for name, value in SETTINGS.items()))


def compile_opa(module: OpaModule, toolchain: Toolchain, scratch: Path, environ: Mapping[str, str]) -> None:
    """Compile the OPA of `module` into `scratch/result`; BuildError with Go's own words when it fails."""
    into = OpaFiles.under(scratch / "result")
    env = _go_environment(toolchain, environ, scratch / "go")
    go = str(toolchain.go)
    _run([go, "build", *BUILD_FLAGS, "-o", str(into.binary), OPA_PACKAGE], module.folder, env)
    listed = _run([go, "list", "-deps", "-f", _MODULE_ROWS, OPA_PACKAGE], module.folder, env)
    folders = dict(row.split("\t") for row in sorted(set(listed.split("\n"))) if row)
    texts = {name: _licences(Path(folder)) for name, folder in folders.items()}
    own = f"{OPA_PACKAGE} {module.opa_version}"
    if not texts.get(own):
        raise BuildError(f"{own} came without its licence", "report this: no wheel may be built without it")
    into.licence.write_text(texts.pop(own), "utf-8")
    chapters = (f"{'=' * 80}\n{name}\n{'=' * 80}\n\n{text}\n" for name, text in texts.items())
    into.third_party.write_text("\n".join(chapters), "utf-8")
    into.binary.chmod(0o755)


def _go_environment(toolchain: Toolchain, environ: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The environment for Go; a packaged Go works in `scratch`, so that only the result stays behind."""
    env = {name: value for name, value in environ.items() if name not in _DROPPED} | SETTINGS
    if toolchain.root is None:
        return env
    config = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    return env | {
        # Go counts its own runs below the user's configuration, where what `go env -w` wrote lies too.
        "GOENV": environ.get("GOENV") or f"{config}/go/env",
        "XDG_CONFIG_HOME": str(scratch / "config"),
        "GOROOT": str(toolchain.root),
        "GOPATH": str(scratch),
        "GOMODCACHE": str(scratch / "mod"),
        "GOCACHE": str(scratch / "build"),
        # Go makes its module cache read-only unless told otherwise, and then it could not be removed.
        "GOFLAGS": f"{SETTINGS['GOFLAGS']} -modcacherw",
    }


def _licences(folder: Path) -> str:
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    found = (path for path in files if path.name.upper().startswith(_LICENCE_NAMES))
    return "\n".join(path.read_text("utf-8", errors="replace") for path in found)


def _run(command: list[str], folder: Path, env: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    except OSError as error:
        raise BuildError(f"Go could not be started: {error}", "check the toolchain on PATH") from error
    except subprocess.CalledProcessError as error:
        tail = "\n".join(error.stderr.splitlines()[-15:])
        raise BuildError(
            f"`go {command[1]}` failed with exit code {error.returncode}:\n{tail}",
            "Go fetches OPA's modules through GOPROXY: see that it is reachable from here, then build again",
        ) from error
    return done.stdout
