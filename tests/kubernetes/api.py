"""Raw calls of the Kubernetes API over one kept connection a thread."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TIMEOUT: Final = 40.0  # seconds; the apiserver itself gives up on admission after 34
_IDLE: Final = 30.0  # seconds after which a kept connection may have been closed at the other end


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    content: bytes

    def json(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.content)

    def __str__(self) -> str:
        return f"HTTP {self.status}: {self.content.decode('utf-8', 'replace')}"


class _Kept(threading.local):
    """What one thread keeps."""

    connection: http.client.HTTPSConnection | None = None
    used = 0.0


class Api:
    """One server and one identity. Threads may share it: each has a connection of its own."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._host, self._port, self._context = host, port, context
        self._kept = _Kept()
        self._all: list[http.client.HTTPSConnection] = []

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        content_type: str = "application/json",
    ) -> Reply:
        """Send one request and read the whole answer; OSError or HTTPException when there is none."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if content else {})
        connection = self._connection()
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.read())
        except BaseException:
            connection.close()
            raise
        self._kept.used = time.monotonic()
        return reply

    def close(self) -> None:
        """Close what any thread kept open."""
        for connection in self._all:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        kept = self._kept.connection
        if kept is None:
            kept = http.client.HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT, context=self._context
            )
            self._kept.connection = kept
            self._all.append(kept)
        elif time.monotonic() - self._kept.used > _IDLE:
            kept.close()  # it opens again by itself
        return kept
