"""etcd and kube-apiserver on loopback, for one test session: no nodes, no scheduler, no controllers.

    with control_plane(tmp_path) as plane:
        plane.kubectl("create", "-f", "-", input=json.dumps(pod), check=True)
        plane.api("GET", "/api/v1/namespaces/default/pods").json()["items"]

Objects are stored and admitted as in any cluster, and nothing acts on them: a Deployment makes no Pods.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.api import Api, Reply
from tests.kubernetes.apiserver import (
    LOOPBACK,
    Identities,
    Ports,
    apiserver_command,
    etcd_command,
    write_kubeconfig,
)
from tests.kubernetes.binaries import Binaries, binaries
from tests.kubernetes.child import Child
from tests.kubernetes.kubectl import Kubectl
from tests.tls import Authority

_STARTING: Final = 60.0  # seconds; two or three are usual
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A control plane that is ready. `kubeconfig` and `api` are those of a member of system:masters."""

    folder: Path
    port: int
    authority: Authority
    kubeconfig: Path
    programs: Binaries
    etcd: Child
    apiserver: Child
    _api: Api

    @property
    def server(self) -> str:
        """Where the API is, as a client wants it."""
        return f"https://{LOOPBACK}:{self.port}"

    def api(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        content_type: str = "application/json",
    ) -> Reply:
        """One raw call over a kept connection, whatever its answer; threads have one connection each."""
        return self._api.call(method, path, body, content_type)

    def kubectl(
        self, *args: str, input: str | None = None, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, as `Kubectl.run` does."""
        return Kubectl(self.programs.kubectl, self.kubeconfig, self.folder).run(
            *args, input=input, check=check
        )


@contextlib.contextmanager
def control_plane(folder: Path, flags: Sequence[str] = ()) -> Iterator[ControlPlane]:
    """A ready control plane in `folder`, ended with the block; `flags` are more flags for kube-apiserver.

    BuildError when the programs cannot be compiled, AssertionError with the server's words when one does not
    start.
    """
    programs = binaries()
    identities = Identities.make(folder / "certificates")
    for attempt in range(1, _ATTEMPTS + 1):
        with contextlib.ExitStack() as stack:
            try:
                plane = _start(folder, programs, identities, flags, stack)
            except _PortTakenError:
                if attempt == _ATTEMPTS:
                    raise
                continue
            yield plane
        return


class _PortTakenError(AssertionError):
    """Somebody took the port between our asking for a free one and the server's start."""


def _start(
    folder: Path,
    programs: Binaries,
    identities: Identities,
    flags: Sequence[str],
    stack: contextlib.ExitStack,
) -> ControlPlane:
    ports = Ports.free()
    etcd = Child.start(etcd_command(programs, ports, folder), folder)
    stack.callback(etcd.stop)
    _wait(etcd, lambda: _listens(ports.etcd))
    apiserver = Child.start(apiserver_command(programs, ports, identities, folder, flags), folder)
    stack.callback(apiserver.stop)
    api = Api(LOOPBACK, ports.apiserver, identities.authority.client_context(identities.admin))
    stack.callback(api.close)
    kubeconfig = folder / "kubeconfig"
    plane = ControlPlane(
        folder, ports.apiserver, identities.authority, kubeconfig, programs, etcd, apiserver, api
    )
    write_kubeconfig(kubeconfig, plane.server, identities.authority, identities.admin)
    _wait(apiserver, lambda: _ready(api))
    return plane


def _wait(child: Child, done: Callable[[], bool]) -> None:
    until = time.monotonic() + _STARTING
    while not done():
        if not child.alive():
            words = child.words()
            kind = _PortTakenError if "address already in use" in words else AssertionError
            raise kind(f"{child.name} ended before it was ready:\n{words}")
        if time.monotonic() > until:
            raise AssertionError(f"{child.name} is not ready after {_STARTING:.0f} s:\n{child.words()}")
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _ready(api: Api) -> bool:
    """Ready, and with the namespace that every client takes for granted."""
    try:
        return all(api.call("GET", path).status == 200 for path in ("/readyz", "/api/v1/namespaces/default"))
    except (OSError, HTTPException):
        return False
