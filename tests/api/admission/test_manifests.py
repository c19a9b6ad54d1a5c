"""The manifests in examples/kubernetes hold what their README promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from placet_api import settings
from placet_api.admission import environments
from placet_api.admission.images import POD_SPECS
from placet_api.admission.references import parse
from placet_api.admission.webhook import PATH

FOLDER: Final = Path(__file__).parents[3] / "examples" / "kubernetes"
OPTED_IN: Final = FOLDER / "opted-in-namespaces.yaml"
FILES: Final = sorted(file for file in FOLDER.glob("*.yaml") if file != OPTED_IN)
POLICIES: Final = FOLDER.parents[1] / "policies" / "placet" / "settings" / "data.yaml"


def manifest(name: str) -> dict[str, Any]:
    made = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    assert isinstance(made, dict)
    return made


DEPLOYMENT: Final = manifest("deployment")
POD: Final[dict[str, Any]] = DEPLOYMENT["spec"]["template"]["spec"]
HOOK: Final[dict[str, Any]] = manifest("validatingwebhookconfiguration")["webhooks"][0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_one_object_of_this_name_that_the_readme_applies(file: Path) -> None:
    made = manifest(file.stem)
    assert made["kind"].lower() == file.stem
    assert made["metadata"]["name"] == "placet"
    assert f"-f {file.name}" in (FOLDER / "README.md").read_text()
    if made["kind"] not in {"Namespace", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}:
        assert made["metadata"]["namespace"] == "placet"


def test_one_writer() -> None:
    assert DEPLOYMENT["spec"]["replicas"] == 1
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "Recreate"}


def test_the_pod_may_do_little() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] > 0
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in POD["containers"] + POD["initContainers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        assert parse(container["image"]).digest == "sha256:" + "0" * 64


def test_probes_and_volumes() -> None:
    container = POD["containers"][0]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/readyz", "port": "admission", "scheme": "HTTPS"}
    mounted = {
        mount["name"] for item in POD["containers"] + POD["initContainers"] for mount in item["volumeMounts"]
    }
    assert mounted == {volume["name"] for volume in POD["volumes"]}


def test_the_webhook_fails_closed_in_namespaces_that_opt_in() -> None:
    assert HOOK["failurePolicy"] == "Fail"
    assert HOOK["sideEffects"] == "NoneOnDryRun"
    assert HOOK["matchPolicy"] == "Equivalent"
    assert HOOK["timeoutSeconds"] == 5
    assert HOOK["admissionReviewVersions"] == ["v1"]
    assert HOOK["namespaceSelector"]["matchLabels"] == {"placet.dev/admission": "enforce"}
    assert HOOK["clientConfig"]["service"]["path"] == PATH
    assert "placet.dev/admission" not in manifest("namespace")["metadata"]["labels"]


def test_the_rules_name_every_kind_that_is_read_and_no_other() -> None:
    ruled = {
        (group, resource)
        for rule in HOOK["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert ruled - {("", "pods/ephemeralcontainers")} == {
        (group, f"{kind.lower()}s") for group, kind in POD_SPECS
    }
    assert all(rule["operations"] == ["CREATE", "UPDATE"] for rule in HOOK["rules"])


def test_service_budget_and_policy_select_the_pod() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in POD["containers"][0]["ports"]}
    service = manifest("service")["spec"]
    assert service["selector"] == labels
    assert {port["targetPort"] for port in service["ports"]} == ports
    assert HOOK["clientConfig"]["service"]["port"] in {port["port"] for port in service["ports"]}
    assert manifest("poddisruptionbudget")["spec"]["selector"]["matchLabels"] == labels
    policy = manifest("networkpolicy")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_the_environments_are_those_of_the_opted_in_namespaces_and_have_their_gates() -> None:
    text = manifest("configmap")["data"]["placet.yaml"]
    found = settings.resolve({}, {}, yaml.safe_load(text), "placet.yaml")
    rows = found.items("kubernetes.environments")
    known = environments.parse(rows, found.text("kubernetes.cluster"), "kubernetes.environments")
    assert (known.of("shop-1"), known.of("staging")) == ("production", "staging")
    gates = yaml.safe_load(POLICIES.read_text())["gates"]
    for namespace in yaml.safe_load_all(OPTED_IN.read_text()):
        assert namespace["kind"] == "Namespace"
        assert namespace["metadata"]["labels"] == HOOK["namespaceSelector"]["matchLabels"]
        environment = known.of(namespace["metadata"]["name"])
        assert {f"deploy/{environment}", f"running/{environment}"} <= gates.keys()
    assert f"-f {OPTED_IN.name}" in (FOLDER / "README.md").read_text()
