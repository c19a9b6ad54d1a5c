"""One call of a service: what is sent, what is believed, and which error everything else becomes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from placet_api.client.connection import Connection
from placet_api.client.problems import error_of
from placet_api.errors import (
    CLOSED,
    DENY,
    USAGE,
    AccessError,
    BusyError,
    ConfigurationError,
    DoorError,
    HouseError,
    ServiceError,
    UsageError,
    exit_code,
)
from placet_attestations.errors import MalformedError, StoreError, VerificationError
from placet_engine.errors import LogError
from tests.fakes.service import TOKEN, answering, serving
from tests.tls import Authority

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


def failing(url: str, *, ca: Path | None = None, max_body: int = 100) -> str:
    """The code of the error of one call."""
    with pytest.raises(ServiceError) as caught:
        Connection(url, None, ca, 20, max_body=max_body).get("/")
    return caught.value.code


@pytest.mark.parametrize(
    "url",
    [
        "",
        "placet.example.org",
        "ftp://placet.example.org",
        "https://",
        "https://placet.example.org:0",
        "https://placet.example.org:port",
        "https://user:secret@placet.example.org",
        "https://placet.example.org/?a=b",
        "https://placet.example.org/#a",
        "https://placet.example.org/a b",
        "https://pläcet.example.org",
        "https://[::1",
        "http://placet.example.org",
        "http://10.0.0.7:8080",
        "http://127.0.0.1.example.org",
    ],
)
def test_only_https_and_this_machine_are_places_of_a_service(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Connection(url, None, None, 1)
    assert caught.value.code == "client.url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "https://placet.example.org/below"])
def test_https_anywhere_and_http_here_are(url: str) -> None:
    assert Connection(url, None, None, 1).url == url


def test_a_token_that_would_be_another_header_is_none() -> None:
    with pytest.raises(AccessError) as caught:
        Connection("https://placet.example.org", "a\r\nHost: b", None, 1)
    assert caught.value.code == "access.token"


def test_what_is_sent_is_under_the_path_of_the_url(project: Path) -> None:
    with serving(project) as service, pytest.raises(UsageError) as caught:
        Connection(f"{service.url}/below/", TOKEN, None, 20).post("/v1/x", b"{}", "text/x", {"a": "b&c"})
    assert caught.value.code == "http.not_found"
    (seen,) = service.seen
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", "/below/v1/x", {"a": "b&c"}, b"{}")
    assert seen.headers["content-type"] == "text/x"


def test_headers_and_body_of_an_answer() -> None:
    with answering(b"HTTP/1.1 201 Made\r\nContent-Type: Text/X; a=b\r\nContent-Length: 2\r\n\r\nab") as url:
        reply = Connection(url, None, None, 20).get("/")
    assert (reply.status, reply.kind, reply.body) == (201, "text/x", b"ab")


def test_tls_is_spoken_with_whom_the_authority_knows(project: Path, tmp_path: Path) -> None:
    ours, other = Authority.make(tmp_path / "ours"), Authority.make(tmp_path / "other")
    with serving(project, ours.issue_server("placet").server_context()) as service:
        connection = Connection(service.url, TOKEN, ours.certificate, 20)
        assert connection.get("/checkpoint").kind == "text/plain"
        assert failing(service.url, ca=other.certificate) == "service.tls"
        assert failing(service.url) == "service.tls"


def test_plain_words_on_a_tls_port_are_no_service() -> None:
    with answering(OK + b"{}") as url:
        assert failing(url.replace("http:", "https:")) == "service.tls"


def test_an_authority_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(ConfigurationError) as caught:
            Connection("https://placet.example.org", None, tmp_path / name, 1)
        assert caught.value.code == "client.ca"


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        assert failing(f"http://127.0.0.1:{taken.getsockname()[1]}") == "service.unreachable"


def test_a_host_name_that_can_be_none() -> None:
    assert failing(f"https://{'a' * 70}.invalid") == "service.unreachable"


def test_an_answer_has_a_bound() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101) as url:
        assert failing(url) == "service.answer"
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100) as url:
        assert Connection(url, None, None, 20, max_body=100).get("/").body == b"x" * 100


# errors


def told(status: int, kind: str = "application/problem+json", **said: object) -> HouseError:
    """The error of a problem."""
    return error_of(status, kind, json.dumps(said).encode(), after=None, where="https://placet.example.org")


@pytest.mark.parametrize(
    ("status", "code", "kind", "exits"),
    [
        (400, "json.syntax", UsageError, USAGE),
        (401, "access.unknown", AccessError, USAGE),
        (403, "access.forbidden", AccessError, USAGE),
        (404, "log.not_found", UsageError, USAGE),
        (413, "http.too_large", UsageError, USAGE),
        (422, "signature.invalid", VerificationError, DENY),
        (422, "trust.role_missing", VerificationError, DENY),
        (422, "json.syntax", MalformedError, USAGE),
        (422, "store.closed", StoreError, CLOSED),
        (422, "clock.rolled_back", LogError, CLOSED),
        (429, "access.rate", AccessError, USAGE),
        (500, "internal.error", ServiceError, CLOSED),
        (503, "log.unwritable", LogError, CLOSED),
        (503, "busy.queue", BusyError, CLOSED),
    ],
)
def test_a_problem_is_the_error_that_it_is_here(
    status: int, code: str, kind: type[HouseError], exits: int
) -> None:
    error = told(status, code=code, title="No", detail="why", hint="do", where="there")
    assert (type(error), error.code, error.message, error.hint) == (kind, code, "why", "do")
    assert exit_code(error) == exits
    assert error.where == (None if kind is AccessError else "there")


def test_when_several_bundles_are_refused_the_first_says_why() -> None:
    first, second = {"line": 1, "code": "trust.role_missing", "detail": "a"}, {"code": "json.syntax"}
    error = told(422, code="attestations.refused", refused=[first, second])
    assert (type(error), error.code, error.message) == (VerificationError, "trust.role_missing", "a")


def test_words_are_found_where_some_are_missing() -> None:
    assert told(400, code="a.b").message == "a.b"
    assert told(400, code="a.b", title="T", hint=7).hint is None


@pytest.mark.parametrize(
    "error",
    [
        told(403, "text/html", code="access.forbidden"),
        told(400, code=7),
        told(503),
        error_of(401, "application/problem+json", b"<html>", after=None, where="x"),
        error_of(401, "application/problem+json", b"[]", after=None, where="x"),
    ],
)
def test_an_error_without_words_of_placet_is_no_answer(error: HouseError) -> None:
    assert (type(error), error.code) == (ServiceError, "service.answer")


@pytest.mark.parametrize(
    ("header", "after"), [("Retry-After: 7\r\n", 7.0), ("", None), ("Retry-After: x\r\n", None)]
)
def test_when_to_ask_again_is_kept(header: str, after: float | None) -> None:
    body = b'{"code":"access.rate"}'
    head = f"HTTP/1.1 429 No\r\n{header}Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    with answering(head.encode() + body) as url, pytest.raises(DoorError) as caught:
        Connection(url, None, None, 20).get("/")
    assert isinstance(caught.value, AccessError)
    assert (caught.value.status, caught.value.after) == (429, after)
