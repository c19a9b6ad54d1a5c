"""What the example shows: one table of admission cases, in order; later ones use what earlier ones made.

`expected` is `allowed by GATE`, `allowed, not judged` or `refused: CODE`, with ` (dry)` where the log says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.kubernetes.cluster import STRANGER, Cluster, Ran
from tests.kubernetes.waiting import until
from tests.kubernetes.workloads import made, pod, spec, volume

_MANY: Final = 100
_DAY: Final = 86_400.0
_REVOKED: Final = ("revoked: []", 'revoked: [{artifact: "%s", from: always, reason: "dataset retracted"}]')
_HOLD: Final = {"finalizers": ["example.org/hold"]}
_LET_GO: Final = json.dumps({"metadata": {"finalizers": None}})


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `before` prepares it and must work; `act` is what is asked of the API server."""

    name: str
    expected: str
    act: Callable[[Cluster], Ran]
    before: Callable[[Cluster], object] = lambda _: None


def _pod(name: str, expected: str, *images: str, namespace: str = "staging", **more: Any) -> Case:
    """A case that creates a Pod; `GOOD` in it is the good image."""

    def act(cluster: Cluster) -> Ran:
        text = json.dumps(pod(_slug(name), *images, **more)).replace(GOOD, cluster.good)
        return cluster.create(namespace, json.loads(text))

    return Case(name, expected, act)


def _workload(kind: str, expected: str, image: str, **metadata: Any) -> Case:
    def act(cluster: Cluster) -> Ran:
        runs = spec(image.replace(GOOD, cluster.good))
        return cluster.create("staging", made(kind, _slug(f"{kind}-{expected}"), runs, **metadata))

    bad = "" if image == GOOD else ", bad image"
    return Case(f"{kind}{' of a controller' if metadata else ''}{bad}", expected, act)


def _kubectl(name: str, expected: str, command: str, namespace: str = "staging") -> Case:
    """A case that is one command line of kubectl; GOOD and STRANGER in it are images."""

    def act(cluster: Cluster) -> Ran:
        words = command.replace("GOOD", cluster.good).replace("STRANGER", STRANGER).split(" ")
        return cluster.run(namespace, *words)

    return Case(name, expected, act)


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:60].strip("-")


def _must(ran: Ran) -> None:
    assert ran.returncode == 0, ran.stderr


GOOD: Final = "GOOD"
_TAGGED: Final = "registry.example/churn:latest"
_UNKNOWN: Final = "refused: lineage.subject_known"

PODS: Final = (
    _pod("Pod, pinned, first time", "allowed by deploy/staging", GOOD),
    _pod("Pod, pinned, admitted before", "allowed by running/staging", GOOD),
    _pod("Pod that nobody vouched for", _UNKNOWN, STRANGER),
    _pod("a tag", "refused: image.tag_only", _TAGGED),
    _pod("neither tag nor digest", "refused: image.tag_only", "churn"),
    _pod("a tag of a bad image beside a digest", _UNKNOWN, f"registry.example/app:1@sha256:{'5' * 64}"),
    _pod(
        "a model's name in a volume, pinned",
        "allowed by running/staging",
        GOOD,
        **volume("threshold"),
    ),
    _pod("a model's name as a container", "refused: image.tag_only", "threshold"),
    _pod("a tag of a name that evidence gives", "refused: image.tag_only", "threshold:1"),
    _pod("a reference that is none", "refused: image.malformed", "Registry/UPPER@sha256:12"),
    _pod("a digest of another kind", "refused: image.digest_algorithm", f"churn@sha512:{'a' * 128}"),
    _pod("two images, both good", "allowed by running/staging", GOOD, GOOD),
    _pod("two images, one bad", _UNKNOWN, GOOD, STRANGER),
    _pod("init container, bad", _UNKNOWN, GOOD, initContainers=[{"name": "i", "image": STRANGER}]),
    _pod(
        "init container, good",
        "allowed by running/staging",
        GOOD,
        initContainers=[{"name": "i", "image": GOOD}],
    ),
    _pod("image volume, bad", _UNKNOWN, GOOD, **volume(STRANGER)),
    _pod("image volume, good", "allowed by running/staging", GOOD, **volume(GOOD)),
    _pod("100 containers", "allowed by running/staging", *[GOOD] * _MANY),
    _pod("100 containers, the last one bad", _UNKNOWN, *[GOOD] * (_MANY - 1), STRANGER),
    _pod("201 containers", "refused: admission.too_many", *[GOOD] * 201),
    _kubectl("kubectl debug, bad image", _UNKNOWN, "debug pod-pinned-first-time --image=STRANGER -c d1"),
    _kubectl(
        "kubectl debug, good image",
        "allowed by deploy/staging",
        "debug pod-pinned-first-time --image=GOOD -c d2",
    ),
)

_KINDS: Final = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "PodTemplate",
)
_OWNER: Final = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "name": "deployment-allowed-by-deploy-staging",
    "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
    "controller": True,
}

WORKLOADS: Final = (
    *(_workload(kind, "allowed by deploy/staging", GOOD) for kind in _KINDS),
    *(_workload(kind, _UNKNOWN, STRANGER) for kind in _KINDS),
    _workload("ReplicaSet", _UNKNOWN, STRANGER, ownerReferences=[_OWNER]),
)

_SERVED: Final = "deployment/deployment-allowed-by-deploy-staging"
UPDATES: Final = (
    _kubectl("another image by update", _UNKNOWN, f"set image {_SERVED} c0=STRANGER"),
    _kubectl("a tag by update", "refused: image.tag_only", f"set image {_SERVED} c0={_TAGGED}"),
    _kubectl(
        "another good image by update", "allowed by deploy/staging", f"set image {_SERVED} c0=other/GOOD"
    ),
    _kubectl("update without another image", "allowed by running/staging", f"label {_SERVED} tier=front"),
    _kubectl("rollout restart", "allowed by running/staging", f"rollout restart {_SERVED}"),
    _kubectl("scaled", "allowed, not judged", f"scale {_SERVED} --replicas=3"),
    _kubectl("dry run, good", "allowed by running/staging (dry)", "run dry --image=GOOD --dry-run=server"),
    _kubectl("dry run, bad", f"{_UNKNOWN} (dry)", "run dry --image=STRANGER --dry-run=server"),
)


def _legacy(cluster: Cluster) -> None:
    for name, more in (("old", {}), ("held", _HOLD)):
        _must(cluster.create("legacy", pod(name, STRANGER, metadata=more)))
    cluster.opt_in("legacy")


PLACES: Final = (
    _pod("a namespace that did not opt in", "allowed, not judged", STRANGER, namespace="free"),
    _pod("a namespace in no environment", "refused: admission.unmapped", GOOD, namespace="unmapped"),
    _pod("an environment that no gate knows", "refused: gate.unknown", GOOD, namespace="moon"),
    _pod("production, without approval", "refused: change.approved", GOOD, namespace="shop"),
    _pod(
        "labels that claim another environment",
        "refused: change.approved",
        GOOD,
        namespace="shop",
        metadata={"labels": {"environment": "staging", "placet.dev/environment": "staging"}},
    ),
    Case(
        "a bad Pod from before, labelled",
        _UNKNOWN,
        lambda cluster: cluster.run("legacy", "label", "pod", "old", "x=y"),
        _legacy,
    ),
    _kubectl(
        "a bad Pod from before, deleted", "allowed, not judged", "delete pod old --wait=false", "legacy"
    ),
    _kubectl(
        "a bad Pod held by a finalizer, deleted",
        "allowed, not judged",
        "delete pod held --wait=false",
        "legacy",
    ),
    _kubectl(
        "… another image while it ends", "refused: image.tag_only", "set image pod/held c0=x:1", "legacy"
    ),
    _kubectl(
        "… its finalizer taken away",
        "allowed, not judged",
        f"patch pod held -p {_LET_GO}".replace(": ", ":"),
        "legacy",
    ),
)


def _prod(name: str) -> Callable[[Cluster], Ran]:
    return lambda cluster: cluster.create("shop", made("Deployment", name, spec(cluster.good)))


def _approved_for_a_moment(cluster: Cluster) -> Ran:
    """Deploy inside the window of an approval that is as short as this machine lets it be."""
    seconds, ran = 5.0, _prod("server")(cluster)
    while ran.returncode != 0 and seconds < 200:
        cluster.approve(seconds / _DAY)
        ran, seconds = _prod("server")(cluster), seconds * 2
    return ran


def _approval_over(cluster: Cluster) -> None:
    until(lambda: _prod("probe")(cluster).returncode != 0 or _removed(cluster, "probe"), 300)


def _removed(cluster: Cluster, name: str) -> bool:
    _must(cluster.run("shop", "delete", "deployment", name, "--wait=false"))
    return False


def _owned(cluster: Cluster) -> Ran:
    owned = made("ReplicaSet", "server-1", spec(cluster.good), ownerReferences=[{**_OWNER, "name": "server"}])
    return cluster.create("shop", owned)


EXPIRY: Final = (
    Case("production, approved", "allowed by deploy/production", _approved_for_a_moment),
    Case(
        "a new workload once the approval is over", "refused: change.approved", _prod("late"), _approval_over
    ),
    _pod("a replica once the approval is over", "allowed by running/production", GOOD, namespace="shop"),
    _kubectl(
        "rollout restart once it is over",
        "allowed by running/production",
        "rollout restart deployment/server",
        "shop",
    ),
    Case("… and the ReplicaSet of that restart", "refused: change.approved", _owned),
)


def _revoke(cluster: Cluster) -> None:
    before, after = _REVOKED
    cluster.trust(before, after % cluster.good.partition("@")[2])


def _restore(cluster: Cluster) -> None:
    after, before = _REVOKED
    cluster.trust(before % cluster.good.partition("@")[2], after)


FAILURES: Final = (
    Case(
        "revoked artifact, a workload",
        "refused: lineage.not_revoked",
        lambda cluster: cluster.create("staging", made("Deployment", "revoked", spec(cluster.good))),
        _revoke,
    ),
    _pod("revoked artifact, a replica", "refused: lineage.not_revoked", GOOD),
    Case(
        "no longer revoked",
        "allowed by running/staging",
        lambda cluster: cluster.create("staging", pod("again", cluster.good)),
        _restore,
    ),
    Case(
        "the log cannot be written",
        "refused: log.unwritable",
        lambda cluster: cluster.create("staging", pod("unlogged", cluster.good)),
        Cluster.fill_disk,
    ),
    Case(
        "the log can be written again",
        "allowed by running/staging",
        lambda cluster: cluster.create("staging", pod("logged", cluster.good)),
        Cluster.empty_disk,
    ),
    Case(
        "OPA is dead",
        "refused: opa.unreachable",
        lambda cluster: cluster.create("staging", made("Deployment", "unjudged", spec(cluster.good))),
        Cluster.kill_opa,
    ),
    Case(
        "Placet is away",
        "refused: no answer",
        lambda cluster: cluster.create("staging", pod("unasked", cluster.good)),
        lambda cluster: cluster.service.end(),
    ),
    _pod("Placet is away, no opt-in", "allowed, not judged", STRANGER, namespace="free"),
)

CASES: Final = PODS + WORKLOADS + UPDATES + PLACES + EXPIRY + FAILURES
