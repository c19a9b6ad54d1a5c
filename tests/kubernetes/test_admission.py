"""A real API server asks a real Placet: the example manifests' webhook, with its address on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.http.serving import Serving, serving
from tests.api.projects import call, done, make_ready, placet_environment
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.objects import make_namespace
from tests.kubernetes.waiting import until
from tests.tls import Authority

pytestmark = pytest.mark.xdist_group("kubernetes")

MANIFEST = Path(__file__).parents[2] / "examples" / "kubernetes" / "validatingwebhookconfiguration.yaml"
STRANGER = f"registry.example/app@sha256:{'5' * 64}"
CONFIGURATION = """
kubernetes:
  cluster: test
  environments:
    - {namespaces: [staging], environment: staging}
    - {namespaces: [prod, "prod-*"], environment: production}
    - {namespaces: [moon], environment: moon}
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server with Placet behind it, and the image of a model that may run in staging."""

    plane: ControlPlane
    service: Serving
    good: str

    def create(self, namespace: str, made: dict[str, Any], *flags: str) -> tuple[int, str]:
        """`kubectl create`: its exit code, and what it wrote."""
        ran = self.plane.kubectl("create", "-n", namespace, "-f", "-", *flags, input=json.dumps(made))
        return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("admission")
    with placet_environment(folder / "cache"):
        project = folder / "churn"
        make_ready(project)
        with (project / "placet.yaml").open("a") as settings:
            settings.write(CONFIGURATION)
        authority = Authority.make(folder / "tls")
        leaf = authority.issue_server("placet")
        tls = {"PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert), "PLACET_KUBERNETES_KEY": str(leaf.key)}
        digest = done("digest", "model.json", folder=project).out.split()[0]
        with serving(project, PLACET_KUBERNETES_LISTEN="127.0.0.1:0", **tls) as service:
            register(plane, service.hook, authority)
            for name in ("staging", "prod", "moon", "unmapped"):
                make_namespace(plane, name)
                plane.kubectl("label", "namespace", name, "placet.dev/admission=enforce", check=True)
            found = Cluster(plane, service, f"registry.example/churn@{digest}")
            until(lambda: found.create("staging", pod("probe", STRANGER), "--dry-run=server")[0] != 0)
            yield found
            plane.kubectl("delete", "validatingwebhookconfiguration", "--all", check=True)
        assert call("log", "verify", folder=project).code == 0


def register(plane: ControlPlane, url: str, authority: Authority) -> None:
    """The example's configuration; only its address is the test's own."""
    made = yaml.safe_load(MANIFEST.read_text())
    for hook in made["webhooks"]:
        path = hook["clientConfig"]["service"]["path"]
        bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
        hook["clientConfig"] = {"url": f"{url}{path}", "caBundle": bundle}
    plane.kubectl("create", "-f", "-", input=json.dumps(made), check=True)


def pod(name: str, *images: str, **more: Any) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers, **more},
    }


def template(image: str, **more: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "app", "image": image}], **more}
    return {"metadata": {"labels": {"app": "x"}}, "spec": spec}


def deployment(name: str, image: str) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": template(image)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def cron_job(name: str, image: str) -> dict[str, Any]:
    job = {"template": template(image, restartPolicy="Never")}
    spec = {"schedule": "0 0 * * *", "jobTemplate": {"spec": job}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec}


def volume(image: str) -> dict[str, Any]:
    return {"volumes": [{"name": "weights", "image": {"reference": image}}]}


def test_what_was_vouched_for_is_admitted(cluster: Cluster) -> None:
    good = cluster.good
    for made in (
        pod("one", good),
        pod("two", good, good),
        pod("init", good, initContainers=[{"name": "i", "image": good}]),
        pod("volume", good, **volume(good)),
        deployment("server", good),
        cron_job("nightly", good),
    ):
        code, said = cluster.create("staging", made)
        assert code == 0, said


@pytest.mark.parametrize(
    ("namespace", "case", "words"),
    [
        ("staging", "stranger", "lineage.subject_known"),
        ("staging", "second", "lineage.subject_known"),
        ("staging", "init", "lineage.subject_known"),
        ("staging", "volume", "lineage.subject_known"),
        ("staging", "deployment", "lineage.subject_known"),
        ("staging", "cronjob", "lineage.subject_known"),
        ("staging", "tag", "image.tag_only"),
        ("staging", "odd", "image.malformed"),
        ("prod", "good", "change.approved"),
        ("moon", "good", "gate.unknown"),
        ("unmapped", "good", "admission.unmapped"),
    ],
)
def test_what_was_not_is_refused_in_words(cluster: Cluster, namespace: str, case: str, words: str) -> None:
    good = cluster.good
    made = {
        "stranger": pod("x", STRANGER),
        "second": pod("x", good, STRANGER),
        "init": pod("x", good, initContainers=[{"name": "i", "image": STRANGER}]),
        "volume": pod("x", good, **volume(STRANGER)),
        "deployment": deployment("x", STRANGER),
        "cronjob": cron_job("x", STRANGER),
        "tag": pod("x", "registry.example/churn:latest"),
        "odd": pod("x", "Registry/UPPER@sha256:12"),
        "good": pod("x", good),
    }[case]
    code, said = cluster.create(namespace, made)
    assert code != 0
    assert words in said
    assert "denied the request" in said


def test_a_refusal_names_a_decision_that_the_log_explains(cluster: Cluster) -> None:
    _, said = cluster.create("staging", pod("x", STRANGER))
    newest = call(
        "log", "list", "--json", "--verdict", "deny", "--limit", "20", folder=cluster.service.folder
    ).json
    assert any(row["decision"] in said for row in newest)


def test_an_ephemeral_container_is_judged(cluster: Cluster) -> None:
    code, said = cluster.create("staging", pod("debugged", cluster.good))
    assert code == 0, said
    path = "/api/v1/namespaces/staging/pods/debugged"
    for image, status in ((STRANGER, 403), (cluster.good, 200)):
        found = cluster.plane.api("GET", path).json()
        found["spec"]["ephemeralContainers"] = [{"name": "debug", "image": image}]
        assert cluster.plane.api("PUT", f"{path}/ephemeralcontainers", found).status == status


def test_many_images_take_one_place(cluster: Cluster) -> None:
    images = [f"registry.example/app@sha256:{number:064x}" for number in range(80)]
    code, said = cluster.create("staging", pod("many", *images))
    assert code != 0
    assert "lineage.subject_known" in said or "deadline" in said
    assert "overloaded" not in said


def test_a_dry_run_and_a_namespace_that_did_not_opt_in(cluster: Cluster) -> None:
    assert cluster.create("staging", pod("dry", cluster.good), "--dry-run=server")[0] == 0
    assert cluster.create("staging", pod("dry", STRANGER), "--dry-run=server")[0] != 0
    assert cluster.create("default", pod("free", STRANGER))[0] == 0
    entries = call("log", "list", "--all", "--json", "--limit", "100", folder=cluster.service.folder).json
    assert any(row["type"] == "admission" for row in entries)


def test_without_the_service_nothing_is_admitted(cluster: Cluster) -> None:
    cluster.service.end()
    code, said = cluster.create("staging", pod("late", cluster.good))
    assert code != 0, said
