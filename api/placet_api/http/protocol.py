"""HTTP connections with bounds that uvicorn leaves open: how many, how slow, how long their headers.

A connection over the bound is closed at once, without an answer; so is one whose request does not come to its end.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD = 32 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one listener: open connections, seconds for one request to arrive."""

    connections: int
    request_seconds: float


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `bounds` is set by `bounded`."""

    bounds = Bounds(1000, 10.0)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._clock: asyncio.TimerHandle | None = None
        self._head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and give its first request its time."""
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            transport.abort()
            return
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget its clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Each request has its time; the first one had it since the connection was made."""
        super().on_message_begin()
        self._head = 0
        if self._clock is None:
            self._start_clock()

    def on_url(self, url: bytes) -> None:
        """Count what the head has."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count what the head has."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_message_complete(self) -> None:
        """The request is here; answering it has bounds of its own."""
        self._stop_clock()
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > _MAX_HEAD:
            self.transport.abort()

    def _start_clock(self) -> None:
        self._clock = self.loop.call_later(self.bounds.request_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        self.transport.abort()


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol class of a listener with these bounds."""
    return type("ListenerProtocol", (BoundedProtocol,), {"bounds": bounds})
