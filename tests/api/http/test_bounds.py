from __future__ import annotations

import asyncio

from placet_api.http.bounds import Writer


class Wire(asyncio.Transport):
    """Remembers what was sent, and whether it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_head_and_body_leave_as_one_piece_and_what_follows_at_once() -> None:
    wire = Wire()
    writer = Writer(wire)
    writer.write(b"head, ")
    assert wire.sent == []
    writer.write(b"body")
    writer.write(b"more")
    assert wire.sent == [b"head, body", b"more"]


def test_a_head_without_a_body_leaves_at_once() -> None:
    wire = Wire()
    Writer(wire, whole=False).write(b"head")
    assert wire.sent == [b"head"]


def test_a_client_that_waits_to_go_on_is_told_at_once() -> None:
    wire = Wire()
    writer = Writer(wire)
    writer.write(b"HTTP/1.1 100 Continue")
    writer.write(b"HTTP/1.1 200 OK, ")
    writer.write(b"body")
    assert wire.sent == [b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OK, body"]


def test_a_head_whose_body_never_came_leaves_before_the_end() -> None:
    wire = Wire()
    writer = Writer(wire)
    writer.write(b"head")
    writer.close()
    assert (wire.sent, writer.is_closing()) == ([b"head"], True)
    writer.close()
    writer.write(b"nobody reads this")
    assert wire.sent == [b"head"]
