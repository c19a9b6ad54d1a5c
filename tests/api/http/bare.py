"""One listener with the bounds of the service and the smallest possible application behind it, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from placet_api.http.bounds import Bounds
from placet_api.http.protocol import bounded
from tests.saying import PATIENCE

MIB = 1024 * 1024
Heard = tuple[int, dict[str, Any]] | None
"""Status and body of an answer; None when the connection ended without one."""


@dataclass(slots=True)
class Application:
    """Answers what it was asked: path, token, size of the body. `/wait` waits for `go`, `/large` is 16 MiB long."""

    seen: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            size, more = size + len(message["body"]), message["more_body"]
        path, headers = scope["path"], dict(scope["headers"])
        self.seen.append(path)
        if path == "/wait":
            await asyncio.to_thread(self.go.wait)
        body = b"z" * (16 * MIB) if path == "/large" else _told(path, headers, size)
        length = [(b"content-length", str(len(body)).encode())]
        if path == "/close":
            length.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


def _told(path: str, headers: dict[bytes, bytes], size: int) -> bytes:
    return json.dumps({"path": path, "token": b"authorization" in headers, "size": size}).encode()


class _Quiet(uvicorn.Server):
    def capture_signals(self) -> Any:
        """None: it runs in a thread."""
        return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens, and what answers."""

    port: int
    application: Application

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def say(self, data: bytes) -> Heard:
        """The first answer to these bytes; None when the connection ended without."""
        with self.connect() as line:
            line.sendall(data)
            return heard(line)


@contextlib.contextmanager
def listening(bounds: Bounds, keep_alive: int = 60) -> Iterator[Place]:
    application = Application()
    config = uvicorn.Config(
        application,
        http=bounded(bounds),
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=1,
    )
    server = _Quiet(config)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(64)
        thread = threading.Thread(target=server.run, args=([taken],))
        thread.start()
        try:
            yield Place(taken.getsockname()[1], application)
        finally:
            application.go.set()
            server.should_exit = True
            thread.join()


def read_head(line: socket.socket) -> bytes:
    """Byte by byte: what follows stays where it is."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = line.recv(1)
        if not part:
            return b""
        head += part
    return head


def heard(line: socket.socket) -> Heard:
    """One answer; None when the connection ended without."""
    try:
        head = read_head(line)
        if not head:
            return None
        fields = dict(field.lower().split(b": ", 1) for field in head.split(b"\r\n")[1:-2])
        size, body = int(fields[b"content-length"]), b""
        while len(body) < size:
            body += line.recv(size - len(body))
    except ConnectionResetError:
        return None
    return int(head.split(b" ")[1]), json.loads(body)
