from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.hook import Hook, serving
from tests.kubernetes.objects import APP, MODEL, create, get, pod, pod_spec
from tests.kubernetes.waiting import until

pytestmark = pytest.mark.xdist_group("kubernetes")


def test_server_and_client_are_the_pinned_release(plane: ControlPlane) -> None:
    told = json.loads(plane.kubectl("version", "-o", "json", check=True).stdout)
    assert told["serverVersion"]["gitVersion"] == plane.programs.version
    assert told["clientVersion"]["gitVersion"] == plane.programs.version


def test_a_pod_is_created_and_seen_again(plane: ControlPlane, namespace: str) -> None:
    create(plane, namespace, pod("plain"))
    seen = get(plane, f"/api/v1/namespaces/{namespace}/pods/plain")
    assert [container["image"] for container in seen["spec"]["containers"]] == [APP]


def test_a_dry_run_on_the_server_fills_in_and_stores_nothing(plane: ControlPlane, namespace: str) -> None:
    answer = create(plane, namespace, pod("dry"), "--dry-run=server")
    assert answer["metadata"]["uid"]
    assert answer["spec"]["dnsPolicy"] == "ClusterFirst"
    assert plane.api("GET", f"/api/v1/namespaces/{namespace}/pods/dry").status == 404


def test_an_ephemeral_container_comes_through_its_subresource(plane: ControlPlane, namespace: str) -> None:
    create(plane, namespace, pod("debugged"))
    path = f"/api/v1/namespaces/{namespace}/pods/debugged"
    added = get(plane, path)
    added["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": MODEL}]
    assert plane.api("PUT", path, added).status == 422
    reply = plane.api("PUT", f"{path}/ephemeralcontainers", added)
    assert reply.status == 200, reply
    assert [each["image"] for each in get(plane, path)["spec"]["ephemeralContainers"]] == [MODEL]


def test_an_image_volume_is_kept(plane: ControlPlane, namespace: str) -> None:
    volume = {"name": "model", "image": {"reference": MODEL, "pullPolicy": "IfNotPresent"}}
    create(plane, namespace, pod("with-model", volumes=[volume]))
    seen = get(plane, f"/api/v1/namespaces/{namespace}/pods/with-model")
    assert [each["image"]["reference"] for each in seen["spec"]["volumes"]] == [MODEL]


def test_a_deployment_and_a_cron_job_keep_their_templates(plane: ControlPlane, namespace: str) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod_spec(restartPolicy="Always")}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "served"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": pod_spec()}}}},
    }
    create(plane, namespace, deployment)
    create(plane, namespace, job)
    served = get(plane, f"/apis/apps/v1/namespaces/{namespace}/deployments/served")
    nightly = get(plane, f"/apis/batch/v1/namespaces/{namespace}/cronjobs/nightly")
    templates = [served["spec"]["template"], nightly["spec"]["jobTemplate"]["spec"]["template"]]
    assert [each["spec"]["containers"][0]["image"] for each in templates] == [APP, APP]


def test_rbac_judges_who_is_no_administrator(plane: ControlPlane, namespace: str) -> None:
    done = plane.kubectl("get", "pods", "-n", namespace, "--as", "somebody")
    assert done.returncode == 1
    assert 'User "somebody" cannot list resource "pods"' in done.stderr


def test_a_webhook_on_loopback_refuses_a_pod(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    with serving(tmp_path) as hook:
        register(plane, hook, namespace)
        try:
            dry = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
            # The server reads new webhooks some moments after it has stored them.
            until(lambda: plane.api("POST", dry, pod("bad")).status == 403)
            refused = plane.kubectl("create", "-n", namespace, "-f", "-", input=json.dumps(pod("bad")))
            create(plane, namespace, pod("good"))
        finally:
            plane.kubectl("delete", "validatingwebhookconfiguration", "minimal", check=True)
    assert refused.returncode == 1
    assert 'admission webhook "minimal.example.org" denied the request: no Pod is named bad' in refused.stderr
    names = [each["metadata"]["name"] for each in get(plane, f"/api/v1/namespaces/{namespace}/pods")["items"]]
    assert names == ["good"]
    assert hook.asked[-2:] == ["bad", "good"]


def register(plane: ControlPlane, hook: Hook, namespace: str) -> None:
    webhook = {
        "name": "minimal.example.org",
        "clientConfig": {"url": hook.url, "caBundle": hook.ca_bundle},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "minimal"},
        "webhooks": [webhook],
    }
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    reply = plane.api("POST", path, configuration)
    assert reply.status == 201, reply
