"""How etcd and kube-apiserver are called, and what they need on disk: the choices of `envtest`, written out."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kubernetes.binaries import Binaries
from tests.tls import Authority, Leaf

LOOPBACK: Final = "127.0.0.1"
AUDIT: Final = "audit.log"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the two listen."""

    etcd: int
    apiserver: int

    @classmethod
    def free(cls) -> Ports:
        """Two ports that nobody has at this moment; somebody may take one before the server does."""
        with socket.socket() as first, socket.socket() as second:
            for taken in (first, second):
                taken.bind((LOOPBACK, 0))
            return cls(first.getsockname()[1], second.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Identities:
    """Who is who: the server, the one who may do everything, and the key that signs service accounts."""

    authority: Authority
    server: Leaf
    admin: Leaf
    accounts: Leaf

    @classmethod
    def make(cls, folder: Path) -> Identities:
        """New certificates in `folder`. Members of system:masters pass every check of RBAC."""
        authority = Authority.make(folder)
        return cls(
            authority,
            authority.issue_server("kube-apiserver"),
            authority.issue_client("admin", "system:masters"),
            authority.issue_client("service-accounts"),
        )


def etcd_command(programs: Binaries, ports: Ports, folder: Path) -> list[str]:
    """etcd alone, without the promise that anything survives a power cut."""
    here = f"http://{LOOPBACK}:{ports.etcd}"
    return [
        str(programs.etcd),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={here}",
        f"--advertise-client-urls={here}",
        f"--listen-peer-urls=http://{LOOPBACK}:0",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_command(
    programs: Binaries, ports: Ports, identities: Identities, folder: Path, flags: Sequence[str]
) -> list[str]:
    """kube-apiserver with RBAC and every usual admission plugin but one; `flags` come last, and so win."""
    return [
        str(programs.kube_apiserver),
        f"--bind-address={LOOPBACK}",
        f"--secure-port={ports.apiserver}",
        # Without a given address it looks for a default route, which a closed-off machine has not. This one is
        # for documentation only, and with no reconciler nobody is told it.
        "--advertise-address=192.0.2.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={identities.server.cert}",
        f"--tls-private-key-file={identities.server.key}",
        f"--client-ca-file={identities.authority.certificate}",
        f"--etcd-servers=http://{LOOPBACK}:{ports.etcd}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.0.0.0/24",
        # No controller runs that would make the account `default` of a namespace, and Pods would wait for it.
        "--disable-admission-plugins=ServiceAccount",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={identities.accounts.cert}",
        f"--service-account-signing-key-file={identities.accounts.key}",
        *flags,
    ]


def audit_flags(folder: Path) -> list[str]:
    """Flags by which kube-apiserver writes down who asked for what about Pods: a line of JSON each in `AUDIT`."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "resources": [{"group": "", "resources": ["pods"]}]}],
    }
    path = folder / "audit-policy.json"
    path.write_text(json.dumps(policy), encoding="utf-8")
    return [
        f"--audit-policy-file={path}",
        f"--audit-log-path={folder / AUDIT}",
        "--audit-log-mode=blocking-strict",
    ]


def write_kubeconfig(path: Path, server: str, authority: Authority, leaf: Leaf) -> None:
    """A kubeconfig for one cluster and one user, readable for us only. (JSON is YAML.)"""
    name = "placet-tests"
    user = {"client-certificate": str(leaf.cert), "client-key": str(leaf.key)}
    cluster = {"server": server, "certificate-authority": str(authority.certificate)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(config, file, indent=2)
