"""Somebody between a client and a real service: passes on what is asked, and may change what is answered.

with relaying(service.url) as relay:
    relay.twist = lambda path, answer: answer
"""

from __future__ import annotations

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Passed:
    """One answer as it is passed on."""

    status: int
    kind: str
    body: bytes
    after: str | None = None


Twist = Callable[[str, Passed], Passed]


@dataclass(slots=True)
class Relay:
    """`before` is called with each path that is asked, `twist` with each answer; `asked` are the paths so far."""

    target: str
    url: str = ""
    before: Callable[[str], object] = lambda _: None
    twist: Twist = lambda _, answer: answer
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, token: str | None) -> Passed:
        """What the service says, changed; OSError when it does not answer."""
        self.asked.append(path)
        self.before(path)
        asked = urllib.request.Request(f"{self.target}{path}")
        if token is not None:
            asked.add_header("Authorization", token)
        try:
            with urllib.request.urlopen(asked, timeout=60) as got:
                return self.twist(path, Passed(got.status, got.headers.get_content_type(), got.read()))
        except urllib.error.HTTPError as error:
            with error:
                kind = error.headers.get_content_type()
                return self.twist(path, Passed(error.code, kind, error.read(), error.headers["Retry-After"]))


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """A relay before the service at `target`, for the time of a block."""
    relay = Relay(target)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answer = relay.answer(self.path, self.headers["Authorization"])
            except OSError:  # the service is gone: so is this line
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.after is not None:
                self.send_header("Retry-After", answer.after)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        relay.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            server.shutdown()
            thread.join()
