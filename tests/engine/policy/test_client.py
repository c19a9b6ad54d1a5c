"""The adapter against servers that misbehave: whatever comes, the answer is typed, and a question is sent once."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from opa_client.opa_async import AsyncOpaClient

from placet_engine.errors import PolicyError
from placet_engine.policy.limits import PolicyLimits
from placet_engine.policy.opa import (
    Expected,
    NotConnectedError,
    OpaClient,
    SocketPlace,
    WebPlace,
    checked_path,
)
from placet_engine.policy.port import Answer, Refused, Result, Undefined, Unreachable, WrongBundle
from tests.engine.policy.servers import answer, sends, serving

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


async def ask(path: Path, question: bytes = b"{}", expected: Expected | None = None, **limits: Any) -> Answer:
    client = OpaClient(SocketPlace(path), expected or Expected("r1"), limits=PolicyLimits(**limits))
    async with client:
        return await client.decide(question)


def body(result: str | None, bundles: dict[str, Any] | None) -> bytes:
    parts = [] if bundles is None else [f'"provenance":{json.dumps({"version": "1", "bundles": bundles})}']
    parts += [] if result is None else [f'"result":{result}']
    return ("{" + ",".join(parts) + "}").encode()


R1 = {"b": {"revision": "r1"}}


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (answer(body('{"a": 1.0}', R1)), Result(b'{"a": 1.0}', "r1")),
        (answer(body(None, R1)), Undefined()),
        (answer(body("{}", {"b": {"revision": "r2"}})), WrongBundle("r2")),
        (answer(body("{}", {"b": {}})), WrongBundle("")),
        (answer(body("{}", {})), WrongBundle("")),
        (answer(body("{}", None)), WrongBundle("")),
        (answer(body(None, None)), WrongBundle("")),
        (answer(body("{}", {**R1, "c": {"revision": "r1"}})), WrongBundle("r1, r1")),
        (answer(b'{"message":"no"}', status="500 Internal Server Error"), Refused(500, "no")),
        (answer(b'{"message":"no"}', status="400 Bad Request"), Refused(400, "no")),
        (answer(b"busy", status="503 Service Unavailable"), Refused(503, "busy")),
        (answer(b"", status="302 Found\r\nLocation: http://127.0.0.1:1/"), Refused(302, "no reason given")),
        (answer(b"<html>"), Refused(200, "the body is not the agreed JSON: '{' expected at character 0")),
        (answer(b'{"result":1,"result":2}'), Refused(200, "'result' stands twice in the body")),
        (answer(body('"' + "x" * 5000 + '"', R1)), Refused(200, "the answer has more than 4,000 bytes")),
    ],
)
def test_what_a_server_says_becomes_a_typed_answer(tmp_path: Path, sent: bytes, got: Answer) -> None:
    with serving(tmp_path / "s", sends(sent)) as server:
        assert run(ask(tmp_path / "s", max_answer_bytes=4000)) == got
        assert len(server.requests) == 1


def test_with_a_named_bundle_the_others_do_not_matter(tmp_path: Path) -> None:
    two = {"system": {"revision": "s"}, "placet": {"revision": "r1"}}
    with serving(tmp_path / "s", sends(answer(body("1", two)))):
        assert run(ask(tmp_path / "s", expected=Expected("r1", "placet"))) == Result(b"1", "r1")
        assert run(ask(tmp_path / "s", expected=Expected("s", "placet"))) == WrongBundle("r1")
        assert run(ask(tmp_path / "s", expected=Expected("r1", "other"))) == WrongBundle("")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        answer(b'{"result":1', length=4000),
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_server_that_breaks_off_is_unreachable_and_not_asked_again(tmp_path: Path, sent: bytes) -> None:
    with serving(tmp_path / "s", sends(sent)) as server:
        got = run(ask(tmp_path / "s"))
        assert isinstance(got, Unreachable | Refused)
        assert not (isinstance(got, Refused) and got.status == 200)
        assert len(server.requests) == 1


def test_the_question_is_one_post_with_the_bytes_that_were_given(tmp_path: Path) -> None:
    question = '{ "x" : "é", "y": 1.50 }'.encode()
    with serving(tmp_path / "s", sends(answer(body("1", R1)))) as server:
        run(ask(tmp_path / "s", question))
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == (
        b"POST /v1/data/placet/main/decision?provenance=true&strict-builtin-errors=true HTTP/1.1"
    )
    assert {b"Content-Type: application/json", b"Accept-Encoding: identity"} <= set(lines)
    assert sent == b'{"input":' + question + b"}"


@pytest.mark.parametrize(
    "question", [b"", b"3", b"[]", b'{"a":1},"more":{"b":2}', b"{", b"[" * 100_000, b"\xff"]
)
def test_what_is_not_one_object_is_never_sent(tmp_path: Path, question: bytes) -> None:
    assert run(ask(tmp_path / "absent", question)) == Refused(400, "the question is not one JSON object")


def test_a_question_that_is_too_large_is_never_sent(tmp_path: Path) -> None:
    got = run(ask(tmp_path / "absent", b'{"a":"' + b"x" * 100 + b'"}', max_input_bytes=100))
    assert got == Refused(413, "the question has more than 100 bytes")


def test_without_a_server_nothing_was_sent(tmp_path: Path) -> None:
    with pytest.raises(NotConnectedError):
        run(ask(tmp_path / "absent"))


def test_giving_up_hangs_up(tmp_path: Path) -> None:
    hung_up = []

    def wait(connection: socket.socket, request: bytes) -> None:
        hung_up.append(connection.recv(1))

    async def impatient() -> None:
        async with asyncio.timeout(0.05):
            await ask(tmp_path / "s")

    with serving(tmp_path / "s", wait) as server:
        with pytest.raises(TimeoutError):
            run(impatient())
        assert len(server.requests) == 1
    assert hung_up == [b""]


def test_health_is_asked_with_bundles_and_for_a_bounded_time(tmp_path: Path) -> None:
    async def healthy(patience: float = 10.0) -> bool:
        limits = PolicyLimits(probe_timeout=patience)
        client = OpaClient(SocketPlace(tmp_path / "s"), Expected("r"), limits=limits)
        async with client:
            got: bool = await client.healthy()
            return got

    def silent(connection: socket.socket, request: bytes) -> None:
        connection.recv(1)

    assert not run(healthy())
    with serving(tmp_path / "s", sends(answer(b"{}"))) as server:
        assert run(healthy())
        assert server.requests[0].startswith(b"GET /health?bundles=True HTTP/1.1")
    (tmp_path / "s").unlink()
    with serving(tmp_path / "s", sends(answer(b"{}", status="500 no"))):
        assert not run(healthy())
    (tmp_path / "s").unlink()
    with serving(tmp_path / "s", silent):
        assert not run(healthy(0.05))


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (answer(body(None, R1)), "r1"),
        (answer(body("{}", {**R1, "c": {"revision": "r2"}})), "r1, r2"),
        (answer(body(None, {})), ""),
        (answer(body(None, None)), ""),
        (answer(b"no", status="500 Internal Server Error"), None),
        (answer(b"<html>"), None),
        (answer(b"{}" + b" " * 5000), None),
        (b"", None),
    ],
)
def test_what_it_judges_by_is_asked_without_a_question(tmp_path: Path, sent: bytes, got: str | None) -> None:
    async def holds() -> str | None:
        limits = PolicyLimits(max_answer_bytes=4000)
        async with OpaClient(SocketPlace(tmp_path / "s"), Expected("r1"), limits=limits) as client:
            found: str | None = await client.holds()
            return found

    assert run(holds()) is None  # nobody is there
    with serving(tmp_path / "s", sends(sent)) as server:
        assert run(holds()) == got
        assert server.requests[0].startswith(b"GET /v1/data/placet/none?provenance=true HTTP/1.1")


def test_an_opa_that_does_not_say_in_time_has_not_said(tmp_path: Path) -> None:
    async def holds() -> str | None:
        limits = PolicyLimits(probe_timeout=0.05)
        async with OpaClient(SocketPlace(tmp_path / "s"), Expected("r1"), limits=limits) as client:
            found: str | None = await client.holds()
            return found

    def silent(connection: socket.socket, request: bytes) -> None:
        connection.recv(1)

    with serving(tmp_path / "s", silent):
        assert run(holds()) is None


def test_the_private_hook_that_is_overridden_is_still_there(tmp_path: Path) -> None:
    """What `opa.py` rests on in opa-python-client; a new version of it is read again before it is taken."""
    hook = AsyncOpaClient._init_session
    assert inspect.iscoroutinefunction(hook)
    assert list(inspect.signature(hook).parameters) == ["self"]
    assert "_init_session" in OpaClient.__dict__
    for method, uses in (
        ("__aenter__", "_init_session"),
        ("check_health", "_request"),
        ("_request", "_session"),
    ):
        assert uses in inspect.getsource(getattr(AsyncOpaClient, method))
    client = OpaClient(SocketPlace(tmp_path / "s"), Expected("r"))
    assert client.retries == 0
    assert client.root_url == "http://localhost:8181/v1"

    async def opened() -> None:
        async with client:
            assert isinstance(client._session, aiohttp.ClientSession)
            assert isinstance(client._connector, aiohttp.UnixConnector)
            assert client._session.timeout.total is None
            assert not client._session.trust_env
        assert client._session is None

    run(opened())


def test_nothing_that_writes_can_be_called() -> None:
    """By what it does: every method of the package that sends PUT, PATCH or DELETE refuses."""
    client = OpaClient(WebPlace("127.0.0.1", 1, None), Expected("r"))
    writers = [
        name
        for name, method in inspect.getmembers(AsyncOpaClient, inspect.isfunction)
        if any(f'"{verb}"' in inspect.getsource(method) for verb in ("PUT", "PATCH", "DELETE"))
    ]
    assert {"update_policy_from_string", "delete_data"} <= set(writers)
    for name in [*writers, "update_policy_from_file", "update_policy_from_url"]:
        with pytest.raises(PolicyError) as caught:
            getattr(client, name)("x", "y")
        assert caught.value.code == "opa.read_only"


def test_the_path_is_plain_names() -> None:
    assert checked_path("placet/main/decision") == "placet/main/decision"
    for bad in (
        "",
        "a//b",
        "../../policies/x",
        "a/b?explain=full",
        "a/b#",
        "a b",
        "1a",
        "a/%2e%2e",
        "/a",
        "a/",
    ):
        with pytest.raises(PolicyError) as caught:
            OpaClient(SocketPlace(Path("/s")), Expected("r"), entrypoint=bad)
        assert caught.value.code == "opa.entrypoint"


def test_tls_is_verified_with_the_context_that_was_given() -> None:
    context = ssl.create_default_context()

    async def opened(place: WebPlace) -> Any:
        async with OpaClient(place, Expected("r")) as client:
            assert isinstance(client._connector, aiohttp.TCPConnector)
            return client._connector._ssl, client.root_url, client.headers

    assert run(opened(WebPlace("opa.example.org", 8443, context, "secret"))) == (
        context,
        "https://opa.example.org:8443/v1",
        {"Authorization": "Bearer secret"},
    )
    assert run(opened(WebPlace("[::1]", 80, None)))[:2] == (True, "http://[::1]:80/v1")
