"""Reviews and objects of the tests: recorded ones by name, and small ones made here."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

from placet_api.admission.review import Review, decode

FOLDER: Final = Path(__file__).parent / "reviews"
A: Final = "sha256:" + "a" * 64
B: Final = "sha256:" + "b" * 64
APP: Final = f"placet.example/app:1@{A}"
MODEL: Final = f"placet.example/model@{B}"
UID: Final = "705ab4f5-6393-11e8-b7cc-42010a800002"


def recorded(name: str) -> bytes:
    """The bytes of a recorded review."""
    return (FOLDER / f"{name}.json").read_bytes()


def pod_spec(**more: Any) -> dict[str, Any]:
    """A Pod's spec with one pinned container."""
    return {"containers": [{"name": "app", "image": APP}], **more}


def review(
    spec: Any,
    *,
    kind: tuple[str, str] = ("", "Pod"),
    wrap: bool = True,
    **request: Any,
) -> dict[str, Any]:
    """A review that creates an object with this spec; `request` lays further fields over the request's."""
    group, name = kind
    version = f"{group}/v1" if group else "v1"
    made = {"apiVersion": version, "kind": name, "metadata": {"name": "one"}}
    base: dict[str, Any] = {
        "uid": UID,
        "kind": {"group": group, "version": "v1", "kind": name},
        "resource": {"group": group, "version": "v1", "resource": f"{name.lower()}s"},
        "name": "one",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "dev@example.org"},
        "object": {**made, "spec": spec} if wrap else {**made, **spec},
        "oldObject": None,
        "dryRun": False,
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {**base, **request},
    }


def data(tree: Any) -> bytes:
    """The tree as JSON."""
    return json.dumps(tree).encode()


def decoded(tree: Any) -> Review:
    """The tree as a review."""
    return decode(data(tree))


def without(tree: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy without the member at this path."""
    made = copy.deepcopy(tree)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return made
