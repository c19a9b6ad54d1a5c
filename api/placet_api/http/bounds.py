"""What bounds the connections of one listener and what they share; how an answer to nobody ends in silence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

_INTERIM = b"HTTP/1.1 1"  # 100 Continue is no head of an answer: the client waits for it


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one listener: open connections, seconds for one request to arrive, bytes held for all of them."""

    connections: int
    request_seconds: float
    held_bytes: int = 128 * 1024 * 1024


@dataclass(slots=True)
class Shared:
    """What all connections of one listener know of each other.

    `held` counts the bytes of bodies that are being read or worked on, and of requests that came too early. `idle`
    are the connections of which no whole request is here that wants an answer, the one that is so for longest first.
    """

    held: int = 0
    idle: dict[object, None] = field(default_factory=dict)


class Writer(asyncio.Transport):
    """What one answer is written to: its head waits for its body, so that both leave as one piece.

    Over TLS they would be two records and two system calls otherwise, as expensive as reading a small request. Words
    for a client that has gone are dropped, where uvloop would raise. With `whole` false (HEAD) there is no body.
    """

    def __init__(self, transport: asyncio.Transport, *, whole: bool = True) -> None:
        super().__init__()
        self._transport = transport
        self._whole = whole
        self._head = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Unless it ends already."""
        piece = bytes(data)
        if self._whole and not piece.startswith(_INTERIM):
            self._whole, self._head = False, piece
        else:
            self._send(self._head + piece)

    def close(self) -> None:
        """After what was written."""
        if self._head:
            self._send(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it ends."""
        return self._transport.is_closing()

    def _send(self, data: bytes) -> None:
        self._head = b""
        if not self._transport.is_closing():
            self._transport.write(data)
