"""An OPA service in memory: it holds one revision, says so in every answer, and gives no result.

with opa_service() as opa:
    opa.revision = "f" * 64          # as if it had fetched another bundle
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class OpaService:
    """`revision`: of the bundle it holds. `asked` counts the decisions that it was asked for."""

    url: str = ""
    revision: str = ""
    healthy: bool = True
    asked: int = 0

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        if path.startswith("/health"):
            return (200 if self.healthy else 500), b"{}"
        if "placet/main/decision" in path:
            self.asked += 1
        bundles = {"placet": {"revision": self.revision}} if self.revision else {}
        return 200, json.dumps({"provenance": {"version": "1", "bundles": bundles}}).encode()


@contextmanager
def opa_service() -> Iterator[OpaService]:
    """On a free port of this machine, for the time of a block."""
    opa = OpaService()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            status, body = opa.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # a client that hangs up is no news
            return

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        opa.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield opa
        finally:
            server.shutdown()
            thread.join()
