from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_api.admission.review import (
    MAX_DEPTH,
    MalformedReviewError,
    ReviewError,
    TooLargeError,
    answer,
    decode,
    find_uid,
)
from tests.api.admission.objects import UID, data, pod_spec, recorded, review, without

POD = review(pod_spec())


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def changed(**request: Any) -> dict[str, Any]:
    return {**POD, "request": {**POD["request"], **request}}


def test_reads_a_recorded_review() -> None:
    found = decode(recorded("pod-ephemeral"))
    assert (found.uid, found.kind, found.group, found.version) == (UID, "Pod", "", "v1")
    assert (found.resource, found.subresource, found.namespace) == ("pods", "ephemeralcontainers", "shop")
    assert (found.operation, found.user, found.dry_run) == ("UPDATE", "dev@example.org", False)
    assert found.object is not None
    assert found.old_object is not None


def test_absent_fields_are_empty() -> None:
    found = decode(data(without(without(POD, "request", "userInfo"), "request", "dryRun")))
    assert (found.user, found.dry_run, found.subresource) == ("", False, "")


@pytest.mark.parametrize(
    ("body", "code", "uid"),
    [
        (b"", "admission.json", None),
        (b"\xff\xfe{}", "admission.json", None),
        (b"{", "admission.json", None),
        (json.dumps(POD).encode("utf-16"), "admission.json", None),
        (b'{"a": NaN}', "admission.json", None),
        (b'{"a": 1, "a": 2}', "admission.json", None),
        (b'{"a": ' + b"1" * 5000 + b"}", "admission.json", None),
        (b'{"request":{"uid":"abc","a":1,"a":2}}', "admission.json", "abc"),
        (b"[]", "admission.malformed", None),
        (b"null", "admission.malformed", None),
        (data({**POD, "apiVersion": "admission.k8s.io/v1beta1"}), "admission.version", UID),
        (data({**POD, "kind": "Review"}), "admission.version", UID),
        (data(without(POD, "request")), "admission.uid", None),
        (data({**POD, "request": []}), "admission.uid", None),
        (data(changed(uid=None)), "admission.uid", None),
        (data(changed(uid="")), "admission.uid", None),
        (data(changed(uid="a\nb")), "admission.uid", None),
        (data(changed(uid="a" * 129)), "admission.uid", None),
        (data(changed(uid=7)), "admission.uid", None),
        (data(changed(kind="Pod")), "admission.malformed", UID),
        (data(changed(kind=None)), "admission.malformed", UID),
        (data(changed(resource=[])), "admission.malformed", UID),
        (data(changed(resource={})), "admission.malformed", UID),
        (data(changed(userInfo="x")), "admission.malformed", UID),
        (data(changed(operation="PATCH")), "admission.malformed", UID),
        (data(changed(operation=["CREATE"])), "admission.malformed", UID),
        (data(changed(namespace=1)), "admission.malformed", UID),
        (data(changed(dryRun="yes")), "admission.malformed", UID),
        (data(changed(object=None)), "admission.malformed", UID),
        (data(changed(object=[])), "admission.malformed", UID),
        (data(changed(object={"kind": "Secret"})), "admission.malformed", UID),
        (data(changed(object={"apiVersion": "apps/v1"})), "admission.malformed", UID),
        (data(changed(object=nested(MAX_DEPTH))), "admission.too_deep", UID),
        (b'{"request":{"uid":"abc","a":' + b"[" * 200_000, "admission.too_deep", "abc"),
    ],
)
def test_refuses(body: bytes, code: str, uid: str | None) -> None:
    with pytest.raises(ReviewError) as caught:
        decode(body)
    assert (caught.value.code, caught.value.uid) == (code, uid)


def test_bounds_bytes_and_levels() -> None:
    body = data(POD)
    assert decode(body, max_bytes=len(body)).uid == UID
    with pytest.raises(TooLargeError, match="larger"):
        decode(body, max_bytes=len(body) - 1)
    assert decode(data(changed(object={"x": nested(MAX_DEPTH - 3)}))).uid == UID


@given(st.binary())
def test_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(MalformedReviewError):
        decode(body)


def test_finds_the_uid_where_the_api_server_writes_it() -> None:
    assert find_uid(b'{"kind":"AdmissionReview","request":{"uid":"abc-1","kind":') == "abc-1"
    assert find_uid(b" " * 5000 + b'{"request":{"uid":"abc"') == ""
    assert find_uid(b'{"object":{"uid":"abc"}') == ""


def test_answers() -> None:
    allowed = json.loads(answer("u", True))
    assert allowed == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u", "allowed": True},
    }
    response = json.loads(
        answer("u", False, "why\nso", "a.b", ["w" * 121, "x\x1b"] + ["y"] * 30, {"gate": "g\n" * 4000})
    )["response"]
    assert response["status"] == {
        "status": "Failure",
        "code": 403,
        "reason": "Forbidden",
        "message": "why\nso",
    }
    assert response["warnings"][:3] == ["w" * 119 + "…", "x\\x1b", "y"]
    assert len(response["warnings"]) == 20
    assert response["auditAnnotations"]["code"] == "a.b"
    assert len(response["auditAnnotations"]["gate"]) == 2048
    assert "patch" not in response
