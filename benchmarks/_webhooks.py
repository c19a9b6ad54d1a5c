"""Both webhooks over TLS, and what they are asked: Placet's as `placet serve` opens it, and the smallest one."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks._load import Place, post
from benchmarks._project import Place as Project
from benchmarks._project import serving_unbounded
from placet_api.admission.webhook import PATH
from tests.api.http.serving import Serving
from tests.tls import Authority, Leaf

NAMESPACE: Final = "staging"
SETTINGS: Final = f"""
kubernetes:
  cluster: bench
  environments:
    - {{namespaces: [{NAMESPACE}], environment: staging}}
"""
IMAGES: Final = 3
_SMALLEST: Final = Path(__file__).with_name("_smallest_webhook.py")


@dataclass(frozen=True, slots=True)
class Certified:
    """An authority made for this run, and a server's certificate of it."""

    authority: Authority
    leaf: Leaf

    @classmethod
    def make(cls, folder: Path) -> Certified:
        """Files in `folder`."""
        authority = Authority.make(folder)
        return cls(authority, authority.issue_server("webhook"))

    def place(self, port: int) -> Place:
        """A listener with this certificate, as a client sees it."""
        return Place(("127.0.0.1", port), self._context())

    def _context(self) -> ssl.SSLContext:
        return self.authority.client_context()


@contextmanager
def placet_webhook(project: Project, certified: Certified) -> Iterator[tuple[Serving, int]]:
    """A service with its webhook, and the webhook's port."""
    leaf = certified.leaf
    variables = {
        "PLACET_KUBERNETES_LISTEN": "127.0.0.1:0",
        "PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert),
        "PLACET_KUBERNETES_KEY": str(leaf.key),
    }
    with serving_unbounded(project, **variables) as service:
        yield service, urlsplit(service.hook).port or 0


@contextmanager
def smallest_webhook(certified: Certified) -> Iterator[tuple[int, int]]:
    """The process id and the port of the smallest webhook."""
    command = [sys.executable, str(_SMALLEST), str(certified.leaf.cert), str(certified.leaf.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline())
        finally:
            process.terminate()


def pod(name: str, digests: Sequence[str]) -> dict[str, Any]:
    """A Pod with a container for each digest."""
    containers = [
        {"name": f"c{number}", "image": f"registry.example/model@{digest}"}
        for number, digest in enumerate(digests)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"containers": containers, "restartPolicy": "Never"},
    }


def review(name: str, digests: Sequence[str]) -> bytes:
    """A POST of the review of this Pod's creation, as an API server writes it; each has an id of its own."""
    made = pod(name, digests)
    request = {
        "uid": str(uuid.uuid4()),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
        "requestResource": {"group": "", "version": "v1", "resource": "pods"},
        "name": name,
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": []},
        "object": made,
        "oldObject": None,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
    }
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return post(f"{PATH}?timeout=5s", json.dumps(body).encode())
