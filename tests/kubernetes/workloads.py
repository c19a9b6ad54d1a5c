"""Kubernetes objects by the images that they run."""

from __future__ import annotations

from typing import Any, Final

from placet_api.admission.images import POD_SPECS

_LABELS: Final = {"app": "x"}
_FIELDS: Final[dict[str, dict[str, Any]]] = {
    "DaemonSet": {"selector": {"matchLabels": _LABELS}},
    "Deployment": {"selector": {"matchLabels": _LABELS}},
    "ReplicaSet": {"selector": {"matchLabels": _LABELS}},
    "ReplicationController": {"selector": _LABELS},
    "StatefulSet": {"selector": {"matchLabels": _LABELS}, "serviceName": "x"},
    "CronJob": {"schedule": "0 3 * * *"},
}
_GROUPS: Final = {kind: group for group, kind in POD_SPECS}


def spec(*images: str, **more: Any) -> dict[str, Any]:
    """A Pod's spec with a container for each image; `more` are further fields."""
    return {
        "containers": [{"name": f"c{number}", "image": image} for number, image in enumerate(images)],
        **more,
    }


def volume(image: str) -> dict[str, Any]:
    """The fields of a Pod's spec that mount an image as a volume."""
    return {"volumes": [{"name": "weights", "image": {"reference": image}}]}


def made(kind: str, name: str, runs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """An object of a built-in kind that runs this Pod's spec."""
    group = _GROUPS[kind]
    tree: dict[str, Any] = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
    }
    if kind in _FIELDS:
        tree["spec"] = dict(_FIELDS[kind])
    inner = tree
    *path, last = POD_SPECS[group, kind]
    for step in path:
        inner = inner.setdefault(step, {})
        if step == "template":
            inner["metadata"] = {"labels": _LABELS}
    inner[last] = {**runs, "restartPolicy": "Never"} if kind in {"Job", "CronJob"} else runs
    return tree


def pod(name: str, *images: str, metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A Pod; for `more` see `spec`."""
    return made("Pod", name, spec(*images, **more), **(metadata or {}))
