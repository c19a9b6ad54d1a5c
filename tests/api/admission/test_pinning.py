"""The mutating webhook: digests where names stood, and never a verdict."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from placet_api.admission import environments, paths
from placet_api.admission.webhook import MUTATE, Webhook
from placet_api.errors import BusyError
from tests.api.admission.asking import Reply, ask
from tests.api.admission.objects import APP, MODEL, UID, A, B, data, pod_spec, review
from tests.fakes.admission import MemoryJudge

NAME = "placet.example/app:1"
PATHS = paths.parse(
    [{"group": "example.org", "kind": "Service", "images": ["spec.workers[*].image", "spec.main-image"]}],
    "x",
)


def mutate(judge: MemoryJudge, tree: Any) -> Reply:
    hook = Webhook(judge, environments.parse([], "c1", "x"), PATHS, cluster="c1", actor="kubernetes:x")
    return ask(hook, data(tree), path=MUTATE)


def patch(reply: Reply) -> Any:
    assert reply.response["allowed"] is True
    if "patch" not in reply.response:
        return None
    assert reply.response["patchType"] == "JSONPatch"
    return json.loads(base64.b64decode(reply.response["patch"]))


def put(pointer: str, name: str = NAME, digest: str = A) -> dict[str, str]:
    return {"op": "replace", "path": pointer, "value": f"{name}@{digest}"}


def test_every_place_of_a_pod_gets_the_digest_of_what_it_names() -> None:
    container = {"name": "one", "image": NAME}
    tree = review(
        {
            "initContainers": [container],
            "containers": [{"name": "pinned", "image": APP}, container],
            "ephemeralContainers": [container],
            "volumes": [{"name": "v", "image": {"reference": "placet.example/model:2"}}, {"name": "w"}],
        }
    )
    judge = MemoryJudge(names={NAME: {A: "image", B: "model"}, "placet.example/model:2": {B: "model"}})
    reply = mutate(judge, tree)
    assert patch(reply) == [
        put("/spec/initContainers/0/image"),
        put("/spec/containers/1/image"),
        put("/spec/ephemeralContainers/0/image"),
        put("/spec/volumes/0/image/reference", "placet.example/model:2", B),
    ]
    assert reply.response["uid"] == UID
    assert judge.records == []
    assert judge.questions == []


def test_workloads_and_custom_resources_too() -> None:
    judge = MemoryJudge(names={NAME: {A: "image"}})
    template = {"template": {"spec": {"containers": [{"name": "app", "image": NAME}]}}}
    deployment = review(template, kind=("apps", "Deployment"))
    assert patch(mutate(judge, deployment)) == [put("/spec/template/spec/containers/0/image")]
    custom = review({"workers": [{"image": MODEL}, {"image": NAME}], "main-image": NAME},
                    kind=("example.org", "Service"))  # fmt: skip
    assert patch(mutate(judge, custom)) == [put("/spec/workers/1/image"), put("/spec/main-image")]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({}, "no admitted statement says which image is called placet.example/app:1"),
        ({NAME: {}}, "no admitted statement says which image is called"),
        ({NAME: {A: "model"}}, "no admitted statement says which image is called"),
        ({NAME: {A: "dataset"}}, "no admitted statement says which image is called"),
        ({NAME: {A: "image", B: "image"}}, "several are called placet.example/app:1"),
    ],
)
def test_a_name_that_is_not_exactly_one_image_stays(names: dict[str, dict[str, str]], words: str) -> None:
    tree = review({"containers": [{"name": "a", "image": NAME}, {"name": "b", "image": NAME}]})
    reply = mutate(MemoryJudge(names=names), tree)
    assert patch(reply) is None
    (warning,) = reply.response["warnings"]
    assert words in warning


def test_what_is_pinned_or_no_reference_is_left_to_the_validating_webhook() -> None:
    tree = review(pod_spec(initContainers=[{"name": "odd", "image": "not a reference"}]))
    reply = mutate(MemoryJudge(names={"not a reference": {A: "image"}}), tree)
    assert reply.response == {"uid": UID, "allowed": True}
    deleted = review(pod_spec(), operation="DELETE")
    assert mutate(MemoryJudge(), deleted).response == {"uid": UID, "allowed": True}


def test_what_cannot_be_read_or_looked_up_is_denied() -> None:
    assert mutate(MemoryJudge(), review({"containers": []})).code == "admission.malformed"
    tree = review({"containers": [{"name": "a", "image": NAME}]})
    assert mutate(MemoryJudge(failure=BusyError("http.overloaded", "full")), tree).code == "http.overloaded"
