"""A second real OPA, which polls its policy set as operators configure it; and what serves it bundles.

with polling(folder, configuration(url, ca, token, keys), leaf, port) as opa:
    opa.wait_for("Bundle loaded and activated successfully")
"""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from placet_engine.policy.binary import locate
from tests.saying import PATIENCE, Saying
from tests.tls import Leaf

PATH = "/bundles/placet.tar.gz"
EXAMPLE = Path(__file__).parents[2] / "examples" / "sidecar"


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of this machine for a program that only takes a number: bound here, so nobody else is given it.

    It does not listen, and both sides reuse addresses, so that the program can bind it, too.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port


def configuration(
    url: str,
    authority: Path,
    token: Path,
    keys: Mapping[str, Any],
    *,
    scope: str | None = None,
) -> dict[str, Any]:
    """The example's configuration with what is ours here: the bundle comes from `url`, signed by one of the keys."""
    config: dict[str, Any] = yaml.safe_load((EXAMPLE / "opa.yaml").read_text())
    service, bundle = config["services"]["placet"], config["bundles"]["placet"]
    assert bundle["resource"] == PATH.removeprefix("/")
    service["url"] = url
    service["tls"]["ca_cert"] = str(authority)
    service["credentials"]["bearer"]["token_path"] = str(token)
    config["keys"] = dict(keys)
    bundle["polling"] = {"min_delay_seconds": 1, "max_delay_seconds": 1}
    bundle["signing"] = {} if scope is None else {"scope": scope}
    return config


@dataclass(slots=True)
class Sidecar(Saying):
    """A running OPA."""

    url: str


@contextmanager
def polling(folder: Path, config: Mapping[str, Any], leaf: Leaf, port: int) -> Iterator[Sidecar]:
    """OPA with this configuration, behind TLS at the port, for the time of a block."""
    folder.mkdir(exist_ok=True)
    (folder / "opa.json").write_text(json.dumps(config))
    arguments = ["run", "--server", "--addr", f"127.0.0.1:{port}", "--config-file", "opa.json"]
    arguments += ["--tls-cert-file", str(leaf.cert), "--tls-private-key-file", str(leaf.key)]
    arguments += ["--log-format", "json", "--skip-version-check"]
    process = subprocess.Popen(
        [str(locate().path), *arguments], cwd=folder, env={}, stderr=subprocess.PIPE, text=True
    )
    running = Sidecar(process, f"https://127.0.0.1:{port}")
    running.listen()
    try:
        yield running
    finally:
        process.kill()
        process.wait(PATIENCE)
        running.heard_out()


@dataclass(slots=True)
class Shelf:
    """Serves whatever bytes lie on it as the bundle, each under a tag of its own. `asked` counts."""

    data: bytes
    url: str = ""
    asked: int = 0


@contextmanager
def shelf(data: bytes, context: ssl.SSLContext) -> Iterator[Shelf]:
    """A bundle server that OPA trusts by its certificate, and that serves what it should not."""
    lying = Shelf(data)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            lying.asked += 1
            self.send_response(200)
            self.send_header("Content-Type", "application/gzip")
            self.send_header("Content-Length", str(len(lying.data)))
            self.end_headers()
            self.wfile.write(lying.data)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        lying.url = f"https://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield lying
        finally:
            server.shutdown()
            thread.join(PATIENCE)
