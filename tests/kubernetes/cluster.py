"""A real API server that asks a real Placet: the example's webhook, with its address on loopback by URL.

with joined(kubectl, folder) as cluster:
    cluster.create("staging", pod("one", cluster.good))
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import yaml

from placet_api.log_key import PUBLIC_KEY
from placet_api.logbook import find_entry, rows, shown
from placet_engine.log.keyfile import load_verifier
from placet_engine.log.log import DecisionLog
from placet_engine.policy.binary import locate
from tests.api.http.serving import Serving, serving
from tests.api.projects import done, make_ready, placet_environment
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import until
from tests.kubernetes.workloads import pod
from tests.tls import Authority

MANIFESTS: Final = Path(__file__).parents[2] / "examples/kubernetes"
LABEL: Final = "placet.dev/admission=enforce"
STRANGER: Final = f"registry.example/app@sha256:{'5' * 64}"
_OPTED_IN: Final = ("shop", "staging", "moon", "unmapped")
_OTHERS: Final = ("moon", "unmapped", "legacy", "free")
_MORE: Final = (
    {"namespaces": ["legacy"], "environment": "staging"},
    {"namespaces": ["moon"], "environment": "moon"},
)
# As long as the API server's own bound: a busy machine is slow, and that is no refusal.
_SECONDS: Final = 30
_HOOKS: Final = ("validatingwebhookconfiguration", "mutatingwebhookconfiguration")
_OPA: Final = "placet-opa"

Ran = CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer of the webhook as the log keeps it: its id, the gates that judged, the decisions it rests on."""

    id: str
    gates: tuple[str, ...]
    decisions: tuple[str, ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server with Placet behind it. `good` is an image (a model, in fact) that may run in staging."""

    kubectl: Kubectl
    service: Serving
    project: Path
    good: str

    def create(self, namespace: str, tree: dict[str, Any], *flags: str) -> Ran:
        """`kubectl create` it."""
        return self.run(namespace, "create", "-f", "-", *flags, input=json.dumps(tree))

    def run(self, namespace: str, *args: str, input: str | None = None) -> Ran:
        """kubectl in a namespace."""
        return self.kubectl.run("-n", namespace, *args, input=input)

    def refuses(self, namespace: str) -> bool:
        """Whether a Pod that nobody vouched for is refused there; a dry run."""
        return self.create(namespace, pod("probe", STRANGER), "--dry-run=server").returncode != 0

    def opt_in(self, namespace: str) -> None:
        """Label a namespace, and wait until the API server goes by it: it reads labels some moments later."""
        self.kubectl.run("label", "namespace", namespace, LABEL, "--overwrite", check=True)
        until(lambda: self.refuses(namespace))

    def newest(self) -> Entry | None:
        """The newest answer in the log; None when there is none."""
        verifier = load_verifier(self.project / PUBLIC_KEY)
        with DecisionLog.read(self.project / ".placet/placet.db", verifier=verifier) as log:
            found = rows(log, kind="admission", limit=1)
            if not found:
                return None
            decisions = tuple(found[0]["decisions"])
            gates = {str(shown(log, find_entry(log, name)).body["gate"]) for name in decisions}
            return Entry(found[0]["id"], tuple(sorted(gates)), decisions, found[0]["dryRun"])

    def approve(self, days: float) -> None:
        """The approver signs that the model may be deployed in production, for so many days."""
        who = ("--ticket", "CHG-7", "--as", "approver")
        done("approve", "deploy/production", "model.json", *who, "--days", f"{days:f}", folder=self.project)

    def trust(self, before: str, after: str) -> None:
        """Change trust.yaml, and let the service read it again."""
        path = self.project / "trust.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
        self.service.process.send_signal(signal.SIGHUP)
        self.service.wait_for('"reloaded"')

    def fill_disk(self) -> None:
        """From now on the service can write to no file, as on a full disk."""
        self._limit_files(0)

    def empty_disk(self) -> None:
        """Undo `fill_disk`."""
        self._limit_files(None)

    def _limit_files(self, size: int | None) -> None:
        for pid, name in _below(self.service.process.pid):
            if name != _OPA:
                _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (most if size is None else size, most))

    def kill_opa(self) -> None:
        """End OPA, which from now on does not start again."""
        (self.project / "no-opa").touch()
        for pid in self._opas():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self._opas())

    def _opas(self) -> list[int]:
        return [pid for pid, name in _below(self.service.process.pid) if name == _OPA]


@contextmanager
def joined(kubectl: Kubectl, folder: Path) -> Iterator[Cluster]:
    """A project that is ready, its service, and the webhook registered; the service ends with the block."""
    with placet_environment(folder / "cache"):
        project = folder / "churn"
        make_ready(project)
        with (project / "placet.yaml").open("a") as settings:
            settings.write(f"\nkubernetes: {json.dumps(_settings())}\n")
        digest = done("digest", "model.json", folder=project).out.split()[0]
        authority = Authority.make(folder / "tls")
        leaf = authority.issue_server("placet")
        variables = {
            "PLACET_KUBERNETES_LISTEN": "127.0.0.1:0",
            "PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert),
            "PLACET_KUBERNETES_KEY": str(leaf.key),
            "PLACET_OPA_PATH": str(_mortal_opa(project)),
            "PLACET_OPA_TIMEOUT": "10",
        }
        with serving(project, **variables) as service:
            cluster = Cluster(kubectl, service, project, f"registry.example/churn@{digest}")
            register(kubectl, service.hook, authority)
            try:
                kubectl.run("apply", "-f", str(MANIFESTS / "opted-in-namespaces.yaml"), check=True)
                for name in _OTHERS:
                    kubectl.run("create", "namespace", name, check=True)
                for name in _OPTED_IN:
                    cluster.opt_in(name)
                yield cluster
            finally:
                for kind in _HOOKS:
                    kubectl.run("delete", kind, "placet")
        done("log", "verify", folder=project)


def register(kubectl: Kubectl, url: str, authority: Authority) -> None:
    """The example's configurations; their address, their authority and their patience are our own."""
    bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
    for kind in _HOOKS:
        tree = _manifest(kind)
        for hook in tree["webhooks"]:
            path = hook["clientConfig"]["service"]["path"]
            hook["clientConfig"] = {"url": f"{url}{path}", "caBundle": bundle}
            hook["timeoutSeconds"] = _SECONDS
        kubectl.run("create", "-f", "-", input=json.dumps(tree), check=True)


def _manifest(name: str) -> Any:
    return yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8"))


def _settings() -> dict[str, Any]:
    """The example's cluster and environments, and some for cases that it does not have."""
    given = yaml.safe_load(_manifest("configmap")["data"]["placet.yaml"])["kubernetes"]
    return {"cluster": given["cluster"], "environments": [*given["environments"], *_MORE]}


def _mortal_opa(project: Path) -> Path:
    """The real OPA, until a file says that there is none."""
    path = project / "mortal-opa"
    real = locate().path
    path.write_text(f'#!/bin/sh\n[ -e "{project}/no-opa" ] && exit 1\nexec "{real}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def _below(top: int) -> list[tuple[int, str]]:
    """A process and all that it started, and they, from /proc: ids and names, parents first."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                # pid (name) state parent …; a name may hold anything, so the last bracket counts.
                before, _, after = (folder / "stat").read_text().rpartition(")")
                pid = int(folder.name)
                names[pid], parents[pid] = before.partition("(")[2], int(after.split()[1])
    found = [top]
    for parent in found:
        found += [pid for pid, above in parents.items() if above == parent]
    return [(pid, names.get(pid, "")) for pid in found]
