"""Compile etcd, kube-apiserver and kubectl at their pinned versions into the user's cache, at most once.

python -m tests.kubernetes.binaries         print where the three are; about three minutes the first time
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from placet_build import compiler, once
from placet_build.errors import BuildError
from placet_build.fetch import fetch_go
from placet_build.module import GoModule, read_module
from placet_build.toolchain import Toolchain

MODULE: Final = Path(__file__).with_name("controlplane")
KUBERNETES: Final = "k8s.io/kubernetes"
PACKAGES: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubectl": f"{KUBERNETES}/cmd/kubectl",
    "kube-apiserver": f"{KUBERNETES}/cmd/kube-apiserver",
}

# Both packages keep the version of their own: the server tells the first, client libraries the second.
_VERSIONED: Final = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The three programs, and the release of Kubernetes that they are (`v1.36.3`)."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path
    version: str


def binaries(environ: Mapping[str, str] = os.environ) -> Binaries:
    """The programs, out of the cache or compiled now; BuildError with Go's own words when that fails.

    Of two processes that ask at once the second waits for the first.
    """
    module = read_module(MODULE, KUBERNETES)
    values = _version_values(module.version)
    flags = (*compiler.flags(values), *(f"{name}={package}" for name, package in PACKAGES.items()))
    job = once.Job("controlplane", module, flags, f"Kubernetes {module.version}", "three minutes or more")

    def compile_into(go: Toolchain, scratch: Path) -> None:
        _compile(module, go, scratch, environ, values)

    entry = once.compiled(job, compile_into, environ, fetch_go)
    return Binaries(entry / "etcd", entry / "kube-apiserver", entry / "kubectl", module.version)


def _compile(
    module: GoModule,
    toolchain: Toolchain,
    scratch: Path,
    environ: Mapping[str, str],
    values: Mapping[str, str],
) -> None:
    go = compiler.Go.at(module, toolchain, scratch, environ)
    for number, (name, package) in enumerate(PACKAGES.items(), start=1):
        once.say(f"compiling {name} ({number} of {len(PACKAGES)})")
        go.build(package, scratch / "result" / name, values)


def _version_values(version: str) -> dict[str, str]:
    # Without them the server says v0.0.0-master, and clients warn of its age.
    major, minor, _ = version.removeprefix("v").split(".")
    texts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {f"{package}.{name}": text for package in _VERSIONED for name, text in texts.items()}


def main() -> int:
    """Print the three paths; 1 with a message for a person when there are none."""
    try:
        found = binaries()
    except BuildError as error:
        sys.stderr.write(f"placet build: {error}\n")
        return 1
    sys.stdout.write(f"{found.etcd}\n{found.kube_apiserver}\n{found.kubectl}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
