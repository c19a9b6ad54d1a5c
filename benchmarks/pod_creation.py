"""What a webhook adds to the creation of a Pod, through a real kube-apiserver and etcd: one caller, in turns.

    python benchmarks/pod_creation.py [--quick]

- no webhook: a namespace that neither selects;
- smallest: a webhook that allows everything;
- repeated: Placet, a Pod of one image that it has judged before;
- judged: Placet, a Pod of one image that it was never asked about.

The first run compiles the control plane (four minutes, once); see `make control-plane`.
"""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._project import make_project
from benchmarks._timing import table
from benchmarks._webhooks import NAMESPACE, SETTINGS, Certified, placet_webhook, pod, smallest_webhook
from placet_api.admission.webhook import PATH
from tests.kubernetes.control_plane import ControlPlane, control_plane
from tests.kubernetes.objects import make_namespace

_STARTING = 20.0  # seconds for the API server to take over a configuration
_BARE, _SMALLEST = "bare", "smallest"
_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of creating Pods: a namespace, and the image of each."""

    name: str
    namespace: str
    digests: Sequence[str]

    def create(self, plane: ControlPlane, number: int) -> float:
        """Create the Pod of this number; the seconds it took. Ends the benchmark when it is not created."""
        name = f"{self.name.replace(' ', '-')}-{number}"
        made = pod(name, [self.digests[number % len(self.digests)]])
        del made["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        start = time.perf_counter()
        reply = plane.api("POST", path, made)
        seconds = time.perf_counter() - start
        if reply.status != 201:
            sys.exit(f"{self.name}: {reply}")
        # Not measured: the next one meets a namespace as empty as this one did.
        plane.api("DELETE", f"{path}/{name}?gracePeriodSeconds=0")
        return seconds


def register(plane: ControlPlane, name: str, url: str, certified: Certified, namespace: str) -> None:
    """A webhook for Pods of one namespace, and the namespace; returns once the API server asks it."""
    authority = base64.b64encode(certified.authority.certificate.read_bytes()).decode()
    hook: Mapping[str, Any] = {
        "name": f"{name}.example.org",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url, "caBundle": authority},
        "failurePolicy": "Fail",
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": 5,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        ],
    }
    made = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    reply = plane.api("POST", _CONFIGURATIONS, made)
    if reply.status != 201:
        sys.exit(str(reply))
    make_namespace(plane, namespace)


def wait_until_asked(plane: ControlPlane) -> None:
    """Until the API server refuses what only Placet would: an image that nobody knows."""
    stranger = pod("stranger", [f"sha256:{'5' * 64}"])
    until = time.monotonic() + _STARTING
    while plane.api("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", stranger).status == 201:
        if time.monotonic() > until:
            sys.exit("the API server does not ask Placet")
        time.sleep(0.1)


@contextmanager
def cluster(folder: Path, models: int) -> Iterator[tuple[ControlPlane, list[Way]]]:
    """A control plane with both webhooks, and the four ways."""
    certified = Certified.make(folder / "tls")
    project = make_project(folder / "project", models + 1, 0, SETTINGS)
    with (
        control_plane(folder / "plane") as plane,
        placet_webhook(project, certified) as (_, port),
        smallest_webhook(certified) as (_, other),
    ):
        register(plane, "placet", f"https://127.0.0.1:{port}{PATH}", certified, NAMESPACE)
        register(plane, _SMALLEST, f"https://127.0.0.1:{other}/", certified, _SMALLEST)
        make_namespace(plane, _BARE)
        wait_until_asked(plane)
        known, fresh = [str(project.models[0])], [str(model) for model in project.models[1:]]
        yield (
            plane,
            [
                Way("no webhook", _BARE, known),
                Way("smallest", _SMALLEST, known),
                Way("repeated", NAMESPACE, known),
                Way("judged", NAMESPACE, fresh),
            ],
        )


def measure(plane: ControlPlane, ways: Sequence[Way], count: int, warm: int) -> list[list[float]]:
    """Seconds of each creation by way; the first `warm` rounds are dropped."""
    taken: list[list[float]] = [[] for _ in ways]
    for number in range(warm + count):
        # Each round begins with another way, so that none has always the same one before it.
        for step in range(len(ways)):
            at = (number + step) % len(ways)
            seconds = ways[at].create(plane, number)
            if number >= warm:
                taken[at].append(seconds)
    return taken


def cells(way: Way, seconds: Sequence[float], bare: float) -> list[str]:
    """A line of the table."""
    middle, late = median(seconds), sorted(seconds)[int(0.99 * len(seconds))]
    return [way.name, *(f"{1000 * value:.1f}" for value in (min(seconds), middle, late, middle - bare))]


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few of each; shows that it runs, not how fast")
    count, warm = (10, 2) if parser.parse_args(arguments).quick else (200, 10)
    with (
        tempfile.TemporaryDirectory(prefix="placet-bench-") as name,
        cluster(Path(name), count + warm) as (plane, ways),
    ):
        taken = measure(plane, ways, count, warm)
    bare = median(taken[0])
    rows = [cells(way, seconds, bare) for way, seconds in zip(ways, taken, strict=True)]
    print(table(["ms", "min", "median", "p99", "added"], rows))
    print(f"\n{count} Pods each, one caller, in turns")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
