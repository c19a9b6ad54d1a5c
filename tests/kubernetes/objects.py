"""Small Kubernetes objects, and the two ways to make and see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.kubernetes.control_plane import ControlPlane

APP: Final = f"app@sha256:{'a' * 64}"
MODEL: Final = f"model@sha256:{'b' * 64}"


def pod_spec(**more: Any) -> dict[str, Any]:
    """A Pod's spec with one container of `APP`; `more` are further fields, or others instead."""
    return {"containers": [{"name": "app", "image": APP}], "restartPolicy": "Never", **more}


def pod(name: str, **more: Any) -> dict[str, Any]:
    """A Pod; for `more` see `pod_spec`."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod_spec(**more)}


def create(plane: ControlPlane, namespace: str, made: Mapping[str, Any], *args: str) -> dict[str, Any]:
    """`kubectl create` it in the namespace, and give what the server made of it."""
    flags = ("-n", namespace, "-f", "-", "-o", "json", *args)
    answer = json.loads(plane.kubectl("create", *flags, input=json.dumps(made), check=True).stdout)
    assert isinstance(answer, dict)
    return answer


def get(plane: ControlPlane, path: str) -> dict[str, Any]:
    """The object, or the list, at a path of the API."""
    reply = plane.api("GET", path)
    assert reply.status == 200, reply
    answer = reply.json()
    assert isinstance(answer, dict)
    return answer


def make_namespace(plane: ControlPlane, name: str) -> str:
    """A new namespace; gives its name."""
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    reply = plane.api("POST", "/api/v1/namespaces", made)
    assert reply.status == 201, reply
    return name
