"""Run Go: compile a pinned program, and collect the licences of every module that ends up in OPA."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from placet_build.cache import OpaFiles
from placet_build.errors import BuildError
from placet_build.module import OPA_PACKAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from placet_build.module import GoModule
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


def build_flags(values: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The arguments of `go build`; `values` are texts to be linked in by the name of their variable."""
    *rest, linked = BUILD_FLAGS
    return (*rest, " ".join([linked, *(f"-X={name}={text}" for name, text in (values or {}).items())]))


def flags(values: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """All that is fixed about the compilation, as texts for the cache's key."""
    return (*build_flags(values), *(f"{name}={value}" for name, value in SETTINGS.items()))


@dataclass(frozen=True, slots=True)
class Go:
    """A toolchain at work in the folder of a pinned module; BuildError with Go's own words when it fails."""

    program: Path
    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def at(cls, module: GoModule, toolchain: Toolchain, scratch: Path, environ: Mapping[str, str]) -> Go:
        """The toolchain with our settings; a packaged one keeps its own caches in `scratch`."""
        return cls(toolchain.go, module.folder, _go_environment(toolchain, environ, scratch / "go"))

    def build(self, package: str, into: Path, values: Mapping[str, str] | None = None) -> None:
        """Compile one program to the file `into`; for `values` see `build_flags`."""
        self.run("build", *build_flags(values), "-o", str(into), package)
        into.chmod(0o755)

    def run(self, *arguments: str) -> str:
        """What a command of Go writes to its standard output."""
        return _run([str(self.program), *arguments], self.folder, self.environment)


def compile_opa(module: GoModule, toolchain: Toolchain, scratch: Path, environ: Mapping[str, str]) -> None:
    """Compile the OPA of `module` into `scratch/result`; BuildError with Go's own words when it fails."""
    into = OpaFiles.under(scratch / "result")
    go = Go.at(module, toolchain, scratch, environ)
    go.build(OPA_PACKAGE, into.binary)
    listed = go.run("list", "-deps", "-f", _MODULE_ROWS, OPA_PACKAGE)
    folders = dict(row.split("\t") for row in sorted(set(listed.split("\n"))) if row)
    texts = {name: _licences(Path(folder)) for name, folder in folders.items()}
    own = f"{OPA_PACKAGE} {module.version}"
    if not texts.get(own):
        raise BuildError(f"{own} came without its licence", "report this: no wheel may be built without it")
    into.licence.write_text(texts.pop(own), "utf-8")
    chapters = (f"{'=' * 80}\n{name}\n{'=' * 80}\n\n{text}\n" for name, text in texts.items())
    into.third_party.write_text("\n".join(chapters), "utf-8")


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
            "Go fetches modules through GOPROXY: see that it is reachable from here, then build again",
        ) from error
    return done.stdout
