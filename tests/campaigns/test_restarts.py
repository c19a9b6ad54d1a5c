from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.campaigns.cases import make_project
from tests.campaigns.probing import Pod
from tests.campaigns.restarts import Restarts, _reserve, pods_of, run

BAD = Pod("a tag", ("registry.example/model:latest",))
GOOD = Pod("good", ("registry.example/model@sha256:aa",), good=True)


def answer(uid: str = "1", allowed: Any = True, audit: dict[str, str] | None = None, **more: Any) -> bytes:
    response = {"uid": uid, "allowed": allowed, "auditAnnotations": audit or {}}
    return json.dumps({"kind": "AdmissionReview", "response": response, **more}).encode()


def test_short_campaign() -> None:
    """`make campaign-restarts` runs the long one."""
    found, table = run(restarts=5, probers=2, seed=7)
    assert (found.sight.wrong, found.unlogged, found.verify[0]) == ([], 0, 0), table
    assert found.ends == {"SIGKILL": 3, "SIGTERM": 2}, table
    assert (len(found.accepted), len(found.admitted)) == (5, 5), table
    assert found.sight.good["allowed"] >= 10, table
    assert found.sight.bad.total() >= 40, table
    assert found.sight.errors["ConnectionRefusedError"] > 0, table
    assert found.passed


def test_each_bad_pod_is_bad_for_a_reason_of_its_own(tmp_path: Path) -> None:
    _, cases = make_project(tmp_path / "project")
    pods = pods_of(cases)
    assert [pod.name for pod in pods if pod.good] == ["good"]
    assert len({(pod.images, pod.initial) for pod in pods}) == len(pods) == 5


@pytest.mark.parametrize(
    ("pod", "status", "body"),
    [
        (BAD, 200, answer(audit={"entry": "e"})),  # a bad Pod that is allowed
        (GOOD, 200, answer()),  # allowed without an entry
        (GOOD, 200, answer("2", audit={"entry": "e"})),  # the answer to another question
        (GOOD, 200, answer(allowed="yes", audit={"entry": "e"})),
        (GOOD, 200, answer(kind="Other")),
        (GOOD, 200, b"[]"),
        (GOOD, 200, b"gone"),
        (BAD, 503, answer(allowed=False)),
    ],
)
def test_the_campaign_sees_a_wrong_answer(pod: Pod, status: int, body: bytes) -> None:
    found = Restarts(verify=(0, ""))
    found.sight.answered(0, pod, "1", status, body, first=True)
    assert len(found.sight.wrong) == 1
    assert "WRONG" in found.table("", 0.0)
    assert not found.passed


def test_the_campaign_counts_what_is_right() -> None:
    found = Restarts(verify=(0, ""))
    found.sight.answered(
        0, BAD, "1", 200, answer(allowed=False, audit={"code": "image.tag_only"}), first=True
    )
    found.sight.answered(3, GOOD, "1", 200, answer(audit={"entry": "e"}), first=False)
    found.sight.failed(ConnectionRefusedError())
    assert (found.sight.bad, found.sight.good) == ({"denied image.tag_only": 1}, {"allowed": 1})
    assert (found.sight.entries, list(found.sight.admitted), found.passed) == ({"e"}, [3], True)
    assert found.sight.first == {"denied image.tag_only": 1}
    found.unlogged = 1
    assert not found.passed
    assert "never" in found.table("", 0.0)


def test_a_reserved_port_refuses_until_somebody_listens_there() -> None:
    with socket.socket() as reserved:
        port = _reserve(reserved)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
            socket.create_connection(("127.0.0.1", port), 5).close()
