"""Servers that behave as OPA must not, for the adapter's tests. They run in a thread and count what reaches them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Script = Callable[[socket.socket, bytes], None]


def answer(body: bytes, *, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole HTTP answer; `length` lies about the size of the body."""
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()
        + body
    )


def sends(*parts: bytes) -> Script:
    """Answer with these bytes, and close."""

    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"".join(parts))

    return script


class RawServer:
    """Listens on a unix socket; each connection is one request, answered by `script`."""

    def __init__(self, path: Path, script: Script) -> None:
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()
        self._script = script
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                request = _read_request(connection)
                if request == b"":
                    return
                self.requests.append(request)
                self._script(connection, request)

    def close(self) -> None:
        """End the thread by a connection that asks nothing."""
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self._listener.getsockname())
        self._thread.join()
        self._listener.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(path: Path, script: Script) -> Iterator[RawServer]:
    server = RawServer(path, script)
    try:
        yield server
    finally:
        server.close()
