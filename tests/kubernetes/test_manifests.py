"""The real API server takes every manifest of examples/kubernetes, strictly, and their Pod under `restricted`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.control_plane import ControlPlane

pytestmark = pytest.mark.xdist_group("kubernetes")

FOLDER = Path(__file__).parents[2] / "examples" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))


def apply(plane: ControlPlane, tree: dict[str, Any], *flags: str) -> tuple[int, str]:
    """`kubectl apply` of an object, judged by the server and its strict schema; nothing is kept."""
    strictly = ("apply", "--validate=strict", "--dry-run=server", *flags, "-f", "-")
    ran = plane.kubectl(*strictly, input=json.dumps(tree))
    return ran.returncode, ran.stdout + ran.stderr


def manifest(file: Path) -> dict[str, Any]:
    tree = next(iter(yaml.safe_load_all(file.read_text(encoding="utf-8"))))
    assert isinstance(tree, dict)
    return tree


@pytest.fixture(scope="module", autouse=True)
def _placets_namespace(plane: ControlPlane) -> Iterator[None]:
    plane.kubectl("apply", "--validate=strict", "-f", str(FOLDER / "namespace.yaml"), check=True)
    yield
    plane.kubectl("delete", "namespace", "placet", "--wait=false", check=True)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_server_takes_it_without_a_warning(plane: ControlPlane, file: Path) -> None:
    ran = plane.kubectl("apply", "--validate=strict", "--dry-run=server", "-f", str(file))
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    assert "(server dry run)" in ran.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_field_that_nobody_knows_is_refused(plane: ControlPlane, file: Path) -> None:
    code, said = apply(plane, manifest(file) | {"replicass": 1})
    assert code != 0
    assert 'unknown field "replicass"' in said


def test_a_field_deep_inside_that_nobody_knows_is_refused(plane: ControlPlane) -> None:
    tree = manifest(FOLDER / "deployment.yaml")
    tree["spec"]["template"]["spec"]["containers"][0]["securityContext"]["runAsNonRot"] = True
    code, said = apply(plane, tree)
    assert code != 0
    assert 'runAsNonRot"' in said


def test_its_pod_is_one_of_the_restricted(plane: ControlPlane) -> None:
    runs = manifest(FOLDER / "deployment.yaml")["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "placet", "namespace": "placet"},
        "spec": runs["spec"],
    }
    assert apply(plane, pod)[0] == 0
    del pod["spec"]["containers"][0]["securityContext"]["capabilities"]
    code, said = apply(plane, pod)
    assert code != 0
    assert 'violates PodSecurity "restricted' in said
