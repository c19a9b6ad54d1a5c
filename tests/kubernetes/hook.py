"""The smallest validating webhook: it refuses every Pod that is named `bad`, and remembers who was asked about."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.tls import Authority


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that listens: where, and the authority's certificate as `clientConfig.caBundle` wants it."""

    url: str
    ca_bundle: str
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Hook]:
    """A webhook on loopback over TLS, with certificates in `folder`, until the block ends."""
    authority = Authority.make(folder)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer one AdmissionReview."""
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            asked.append(request["name"])
            response = {"uid": request["uid"], "allowed": request["name"] != "bad"}
            if not response["allowed"]:
                response["status"] = {"code": 403, "message": "no Pod is named bad"}
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            content = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = authority.issue_server("webhook").server_context()
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
        try:
            yield Hook(f"https://127.0.0.1:{server.server_port}/", bundle, asked)
        finally:
            server.shutdown()
            thread.join()
