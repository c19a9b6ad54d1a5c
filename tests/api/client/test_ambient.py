"""Where the token of a caller comes from, in a shell and in CI."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from placet_api.client.ambient import GITHUB_TOKEN, GITHUB_URL, find_token
from placet_api.errors import AccessError, ConfigurationError, ServiceError
from placet_api.settings import resolve
from tests.fakes.service import answering


def found(**variables: str) -> str:
    """The token that these variables give."""
    return find_token(resolve({}, variables, None, "placet.yaml"), variables)


@contextmanager
def runner(seen: list[tuple[str, str | None]]) -> Iterator[str]:
    """The token service of a CI system; `seen` gets what it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(200)
            self.send_header("Content-Length", "19")
            self.end_headers()
            self.wfile.write(b'{"value":"a.jwt.x"}')

        def log_message(self, *_: object) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_token_of_ones_own_comes_first() -> None:
    assert found(PLACET_TOKEN="mine\n", PLACET_ID_TOKEN="ci") == "mine"


def test_gitlab_puts_it_into_a_variable() -> None:
    assert found(PLACET_ID_TOKEN="ci", PLACET_TOKEN="") == "ci"


def test_github_is_asked_for_one_made_out_to_placet() -> None:
    seen: list[tuple[str, str | None]] = []
    with runner(seen) as url:
        given = {GITHUB_URL: f"{url}/idtoken?api-version=2.0&audience=else", GITHUB_TOKEN: "of-the-job"}
        assert found(**given, PLACET_CLIENT_AUDIENCE="our placet") == "a.jwt.x"
    assert seen == [("/idtoken?api-version=2.0&audience=our+placet", "Bearer of-the-job")]


@pytest.mark.parametrize("variables", [{}, {GITHUB_URL: "https://x.example"}, {GITHUB_TOKEN: "x"}])
def test_without_any_it_is_said_what_to_set(variables: dict[str, str]) -> None:
    with pytest.raises(AccessError) as caught:
        found(**variables)
    assert caught.value.code == "access.missing"
    assert "PLACET_TOKEN" in str(caught.value.hint)


@pytest.mark.parametrize("url", ["http://tokens.example.org/x", "https://[broken", "file:///etc/passwd"])
def test_the_jobs_own_token_goes_over_https_only(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        found(**{GITHUB_URL: url, GITHUB_TOKEN: "x"})
    assert caught.value.code == "client.url"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"value":""}', b'{"value":7}'])
def test_an_answer_without_a_token_is_none(body: bytes) -> None:
    raw = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with answering(raw) as url, pytest.raises(ServiceError) as caught:
        found(**{GITHUB_URL: url, GITHUB_TOKEN: "x"})
    assert caught.value.code == "service.answer"
