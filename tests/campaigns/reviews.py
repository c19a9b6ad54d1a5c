"""AdmissionReviews about Pods, as an API server posts them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

PATH: Final = "/v1/admission/validate?timeout=10s"
NAMESPACE: Final = "staging"
SETTINGS: Final = """
kubernetes:
  environments:
    - {namespaces: [staging], environment: staging}
"""
"""To be put at the end of a project's placet.yaml: the namespace of the Pods here is the environment staging."""


def image(digest: str) -> str:
    """A pinned image."""
    return f"registry.example/model@{digest}"


def pod_review(uid: str, images: Sequence[str], initial: Sequence[str] = ()) -> bytes:
    """The review of a Pod that is created with these images; `initial` are those of its init containers."""
    spec: dict[str, Any] = {"containers": _containers("app", images)}
    if initial:
        spec["initContainers"] = _containers("init", initial)
    request = {
        "uid": uid,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "name": "one",
        "namespace": NAMESPACE,
        "operation": "CREATE",
        "userInfo": {"username": "dev@example.org"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": spec},
        "oldObject": None,
        "dryRun": False,
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(review).encode()


def _containers(name: str, images: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": f"{name}-{number}", "image": text} for number, text in enumerate(images)]
