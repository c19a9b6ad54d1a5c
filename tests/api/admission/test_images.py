from __future__ import annotations

from typing import Any

import pytest

from placet_api.admission import paths
from placet_api.admission.images import MAX_IMAGES, Exempt, Image, changed, exempt, images
from placet_api.admission.paths import Paths
from placet_api.admission.review import Review, ReviewError, decode
from placet_api.errors import ConfigurationError
from tests.api.admission.objects import APP, MODEL, UID, decoded, pod_spec, recorded, review

SERVICE = {
    "group": "serving.kserve.io",
    "kind": "InferenceService",
    "images": ["spec.predictor.model.image", "spec.predictor.workers[*].image"],
}
PATHS = paths.parse([SERVICE], "kubernetes.paths")
NONE = Paths({})


def found(tree: dict[str, Any], known: Paths = NONE) -> list[tuple[str, str, str]]:
    return [(image.where, image.kind, image.text) for image in images(decoded(tree), known)]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("pod-create", "spec"),
        ("deployment-create", "spec.template.spec"),
        ("cronjob-create", "spec.jobTemplate.spec.template.spec"),
    ],
)
def test_every_place_of_a_pods_spec(name: str, place: str) -> None:
    assert images(decode(recorded(name)), NONE) == (
        Image(f'{place}.initContainers[0] "fetch"', "init", MODEL),
        Image(f'{place}.containers[0] "app"', "container", APP),
        Image(f'{place}.volumes[0] "model"', "volume", MODEL),
    )


@pytest.mark.parametrize("kind", ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"])
def test_every_workload(kind: str) -> None:
    tree = review({"template": {"spec": pod_spec()}}, kind=("apps", kind))
    assert found(tree) == [('spec.template.spec.containers[0] "app"', "container", APP)]


def test_the_other_workloads() -> None:
    inner = {"template": {"spec": pod_spec()}}
    job, controller = review(inner, kind=("batch", "Job")), review(inner, kind=("", "ReplicationController"))
    template = review(inner, kind=("", "PodTemplate"), wrap=False)
    assert found(job) == found(controller) == [('spec.template.spec.containers[0] "app"', "container", APP)]
    assert found(template) == [('template.spec.containers[0] "app"', "container", APP)]


def test_an_ephemeral_container() -> None:
    asked = decode(recorded("pod-ephemeral"))
    debug = Image('spec.ephemeralContainers[0] "debug"', "ephemeral", MODEL)
    assert images(asked, NONE)[1:] == (debug,)
    assert changed(asked, NONE) == (debug,)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pod-delete", Exempt.OPERATION),
        ("pod-exec", Exempt.OPERATION),
        ("deployment-scale", Exempt.SUBRESOURCE),
    ],
)
def test_what_holds_no_images(name: str, why: Exempt) -> None:
    asked = decode(recorded(name))
    assert exempt(asked) is why
    assert images(asked, NONE) == changed(asked, NONE) == ()


def update(before: dict[str, Any], after: dict[str, Any], **request: Any) -> Review:
    old, new = ({"apiVersion": "v1", "kind": "Pod", **tree} for tree in (before, after))
    return decoded(review(None, **{"operation": "UPDATE", "oldObject": old, "object": new, **request}))


HELD: dict[str, Any] = {
    "metadata": {
        "name": "one",
        "finalizers": ["example.org/a", "example.org/b"],
        "resourceVersion": "7",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": pod_spec(),
    "status": {"phase": "Running"},
}


def held(metadata: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**HELD, "metadata": {**HELD["metadata"], **metadata}, **more}


@pytest.mark.parametrize(
    "left",
    [
        {"finalizers": ["example.org/b"], "resourceVersion": "8"},
        {"finalizers": None, "managedFields": [], "generation": 2},
    ],
)
def test_letting_go_of_an_object_is_not_judged(left: dict[str, Any]) -> None:
    assert exempt(update(HELD, held(left))) is Exempt.FINALIZERS
    # Whether it can be read or not: what cannot be read must be deletable, too.
    odd = {**HELD, "spec": {"containers": 7}}
    assert exempt(update(odd, {**held(left), "spec": odd["spec"]})) is Exempt.FINALIZERS
    assert exempt(update(HELD, held(left, status=None))) is Exempt.FINALIZERS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HELD, HELD),
        (HELD, held({"finalizers": ["example.org/a", "example.org/c"]})),
        (HELD, held({"finalizers": ["example.org/c"]})),
        (HELD, held({"finalizers": []}, spec=pod_spec(initContainers=[{"image": MODEL}]))),
        (HELD, held({"finalizers": [], "labels": {"app": "x"}})),
        (HELD, held({"finalizers": [], "deletionTimestamp": None})),
        (HELD, held({"finalizers": "all"})),
        (held({"finalizers": "all"}), held({"finalizers": []})),
        (held({"finalizers": []}), held({"finalizers": []})),
        (HELD, {**HELD, "metadata": None}),
        ({**HELD, "metadata": 1}, held({"finalizers": []})),
    ],
)
def test_what_changes_more_is_judged(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert exempt(update(before, after)) is None


def test_a_creation_and_a_subresource_let_nothing_go() -> None:
    left = held({"finalizers": []})
    assert exempt(update(HELD, left, operation="CREATE")) is None
    assert exempt(update(HELD, left, subResource="ephemeralcontainers")) is None
    assert exempt(update(HELD, left, oldObject=None)) is None


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        {},
        {"containers": None},
        {"containers": []},
        {"containers": {"a": 1}},
        {"containers": "app"},
        {"containers": [1]},
        {"containers": [{}]},
        {"containers": [{"image": ""}]},
        {"containers": [{"image": 7}]},
        pod_spec(initContainers={}),
        pod_spec(ephemeralContainers=[None]),
        pod_spec(volumes=[{"image": "x"}]),
        pod_spec(volumes=[{"image": {}}]),
        pod_spec(volumes=1),
    ],
)
def test_a_malformed_object_is_refused(spec: Any) -> None:
    with pytest.raises(ReviewError) as caught:
        found(review(spec))
    assert (caught.value.code, caught.value.uid) == ("admission.malformed", UID)


def test_absent_lists_and_names() -> None:
    spec = {"initContainers": None, "containers": [{"image": APP}], "volumes": [{"image": None}]}
    assert found(review(spec)) == [("spec.containers[0]", "container", APP)]


def test_bounds_how_many() -> None:
    most = [{"image": APP}] * MAX_IMAGES
    assert len(found(review({"containers": most}))) == MAX_IMAGES
    with pytest.raises(ReviewError) as caught:
        found(review({"containers": [*most, {"image": APP}]}))
    assert caught.value.code == "admission.too_many"


@pytest.mark.parametrize("kind", [("", "Secret"), ("example.org", "Pod"), ("example.org", "Thing")])
def test_an_unknown_kind_is_refused(kind: tuple[str, str]) -> None:
    with pytest.raises(ReviewError) as caught:
        found(review({}, kind=kind), PATHS)
    assert caught.value.code == "admission.kind_unknown"


def test_what_changed() -> None:
    update = decode(recorded("deployment-update"))
    assert [image.text for image in changed(update, NONE)] == [MODEL]
    old = review(pod_spec())["request"]["object"]
    same = decoded(review(pod_spec(), operation="UPDATE", oldObject=old))
    assert changed(same, NONE) == ()
    unreadable: dict[str, Any] = {"spec": {}}
    for before in (None, unreadable):
        asked = decoded(review(pod_spec(), operation="UPDATE", oldObject=before))
        assert [image.text for image in changed(asked, NONE)] == [APP]


def test_a_custom_resources_images() -> None:
    assert images(decode(recorded("inferenceservice-create")), PATHS) == (
        Image("spec.predictor.model.image", "container", APP),
        Image("spec.predictor.workers[0].image", "container", MODEL),
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"predictor": []},
        {"predictor": {"model": "x"}},
        {"predictor": {"model": {"image": 1}}},
        {"predictor": {"model": {"image": ""}}},
        {"predictor": {"workers": {}}},
        {"predictor": {"workers": ["x"]}},
    ],
)
def test_a_custom_resource_of_another_shape_is_refused(spec: Any) -> None:
    with pytest.raises(ReviewError) as caught:
        found(review(spec, kind=("serving.kserve.io", "InferenceService")), PATHS)
    assert caught.value.code == "admission.malformed"


def test_a_custom_resource_without_images() -> None:
    assert found(review({"predictor": None}, kind=("serving.kserve.io", "InferenceService")), PATHS) == []


@pytest.mark.parametrize(
    "item",
    [
        "x",
        {**SERVICE, "more": 1},
        {**SERVICE, "group": 1},
        {**SERVICE, "group": ""},
        {**SERVICE, "group": "apps"},
        {**SERVICE, "kind": "a b"},
        {**SERVICE, "images": None},
        {**SERVICE, "images": []},
        {**SERVICE, "images": [1]},
        {**SERVICE, "images": [""]},
        {**SERVICE, "images": ["spec..image"]},
        {**SERVICE, "images": ["spec.workers[0].image"]},
        {**SERVICE, "images": [".".join(["a"] * 33)]},
    ],
)
def test_wrong_paths_are_refused(item: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        paths.parse([item], "kubernetes.paths")
    assert (caught.value.code, caught.value.where) == ("kubernetes.paths", "kubernetes.paths[0]")


def test_a_kind_stands_once() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        paths.parse([SERVICE, SERVICE], "kubernetes.paths")
