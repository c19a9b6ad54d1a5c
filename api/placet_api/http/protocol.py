"""HTTP connections with bounds that uvicorn leaves open: how many, how slow, how long their heads, how much they hold.

What is over a bound is answered with a problem body, and the connection ends; where that would be read as the answer
to another request, or the bound is about a client that does not read, it ends without.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from placet_api.http.bounds import Bounds, Shared, Writer
from placet_api.http.problems import PROBLEM, body

__all__ = ["BoundedProtocol", "Bounds", "bounded"]

_MAX_HEAD = 32 * 1024
_PART = 4 * 1024  # bytes that are parsed at once: so few requests that were sent ahead become objects
_SMALL = 64 * 1024  # bytes of a body that every connection may hold; what is more counts for all of them
_LINGER = (
    1.0  # seconds in which what still comes is read after a refusal, so that the client comes to read it
)
_LEAST_RATE = 1024  # bytes a second that a client must take of an answer that waits for it
_ONCE = frozenset({b"host", b"authorization", b"content-type"})
_BODY = frozenset({b"content-length", b"transfer-encoding"})
_ONCE_WORDS = "host, authorization, content-type"
_TOO_MUCH = (503, "http.overloaded", "too much is being sent at the same time; ask again soon")
_VERSIONS = ("1.0", "1.1")


class _RefusedError(Exception):
    """Ends the parser; why stands in the protocol."""


class Flow(FlowControl):
    """Reads on only while nothing waits to be parsed: a client that sends ahead waits in its own buffers."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.full = False

    def resume_reading(self) -> None:
        """Unless what was read before still waits."""
        if not self.full:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `bounds` and `shared` are set by `bounded`."""

    bounds = Bounds(1000, 10.0)
    shared = Shared()
    flow: Flow

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._clock: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._why = (400, "http.malformed", "this is not HTTP/1.1")
        self._refused = False
        self._begun = self._in_head = False
        self._head = self._raw = self._body = self._held = 0
        self._early = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and give its first request its time. Where there is no room, the longest idle one leaves."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        self.shared.idle[self] = None
        if len(self.connections) > self.bounds.connections:
            longest: Any = next(iter(self.shared.idle))
            longest.make_room()
        if not self._refused:
            self._start_clock()

    def make_room(self) -> None:
        """End this one, to which no answer is due. What it sends at this moment was not worked on: it may ask again."""
        self._answer(503, "http.too_many_connections", "there are too many open connections; ask again soon")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget its clocks and what it held."""
        self._stop_clock()
        self._watch(None)
        self._hold(0)
        self.shared.idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse as much as no earlier request stands before."""
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._early += data
        self._parse()

    def _parse(self) -> None:
        early = self._early
        while early and not self.pipeline and not self._refused and not self.transport.is_closing():
            part = bytes(early[:_PART])
            del early[:_PART]
            self._raw += len(part)
            super().data_received(part)
            if self._in_head and self._raw > _MAX_HEAD + _PART and not self._refused:
                # A header without an end reaches no callback, and would grow until its time is over.
                self._answer(431, "http.head_too_large", f"the head has more than {_MAX_HEAD:,} bytes")
        self.flow.full = bool(early) and not self._refused
        if self._refused:
            early.clear()
            self._hold(0)
        elif not self._hold(self._over() + len(early)):
            self._answer(*_TOO_MUCH)
        elif self.flow.full:
            self.flow.pause_reading()
        elif self._clock is None and self._answered() and self.timeout_keep_alive_task is None:
            self._start_clock()  # what came began no request: that, too, has an end

    def on_message_begin(self) -> None:
        """Each request has its time; the first one had it since the connection was made."""
        super().on_message_begin()
        self._begun = self._in_head = True
        self._head = self._raw = self._body = 0
        if self._clock is None:
            self._start_clock()

    def on_url(self, url: bytes) -> None:
        """Count what the head has."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count what the head has. A field behind the body is none of a request here (RFC 9110 section 6.5.1)."""
        self._count(len(name) + len(value))
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is here, and unambiguous (RFC 9112 section 3.2)."""
        self._in_head = False
        if self.parser.should_upgrade() and any(name in _BODY for name, _ in self.headers):
            # The parser takes what follows for another protocol, and we would for another request (RFC 9110, 7.8).
            raise self._refusal(400, "http.upgrade", "a request with a body offers no other protocol here")
        version, names = self.parser.get_http_version(), [name for name, _ in self.headers if name in _ONCE]
        if version not in _VERSIONS:
            raise self._refusal(505, "http.version", "HTTP/1.1 is spoken here")
        if len(names) > len(set(names)):
            raise self._refusal(400, "http.header_twice", f"one of {_ONCE_WORDS} is given twice")
        if version == "1.1" and b"host" not in names:
            raise self._refusal(400, "http.malformed", "a request of HTTP/1.1 names its host")
        super().on_headers_complete()
        self.cycle.transport = Writer(self.transport, whole=self.scope["method"] != "HEAD")

    def on_body(self, body: bytes) -> None:
        """Count what it makes us hold."""
        super().on_body(body)
        if self.cycle.response_complete:
            return
        self._body += len(body)
        if self._over() > self._held and not self._hold(self._over()):
            raise self._refusal(*_TOO_MUCH)

    def on_message_complete(self) -> None:
        """The request is here; answering it has bounds of its own."""
        self._begun = False
        self._stop_clock()
        if (
            not self._answered()
        ):  # its answer is not here yet; else the rest of a body that was refused has come
            self.shared.idle.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """On with what waited, or with the time that an unread answer has."""
        super().on_response_complete()
        if self.transport.is_closing():
            if self._clock is None:
                self._start_clock()
            return
        if self._answered():
            self.shared.idle[self] = None
            self._body = 0
        if not self.pipeline:
            self._parse()
            if not self.flow.full:
                self.flow.resume_reading()

    def timeout_keep_alive_handler(self) -> None:
        """It was idle for too long; what it did not read goes with it in a while."""
        super().timeout_keep_alive_handler()
        self._start_clock()

    def pause_writing(self) -> None:
        """The client must take what waits for it."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It took it."""
        self._watch(None)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words; ours are in _why
        """The parser stopped, for what `_why` says."""
        self._answer(*self._why)

    def _refusal(self, status: int, code: str, detail: str) -> _RefusedError:
        self._why = status, code, detail
        return _RefusedError(code)

    def _answer(self, status: int, code: str, detail: str) -> None:
        """Refuse, and end; what still comes is thrown away for a moment, or its reset would overtake the answer."""
        self._refused = True
        self._stop_clock()
        self.shared.idle.pop(self, None)
        if not self._answerable() or self.transport.is_closing():
            self.transport.abort()
            return
        told = body(status, code, detail)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {PROBLEM}\r\n"
            f"content-length: {len(told)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + told)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if not self._answered():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.full = False
        self.flow.resume_reading()
        self._clock = self.loop.call_later(min(_LINGER, self.bounds.request_seconds), self.transport.abort)

    def _answered(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        return cycle is None or cycle.response_complete

    def _answerable(self) -> bool:
        """Whether an answer now is one to the request that is being sent, and to no earlier one."""
        if self._answered():
            return True
        return self.cycle.more_body and not self.cycle.response_started and not self.pipeline

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > _MAX_HEAD:
            raise self._refusal(431, "http.head_too_large", f"the head has more than {_MAX_HEAD:,} bytes")

    def _over(self) -> int:
        return max(0, self._body - _SMALL)

    def _hold(self, size: int) -> bool:
        """From now on this connection holds so many bytes; False when it took more than all may hold together."""
        self.shared.held += size - self._held
        grown, self._held = size > self._held, size
        return not grown or self.shared.held <= self.bounds.held_bytes

    def _start_clock(self) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(self.bounds.request_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if self.pipeline or self._early:
            self._start_clock()  # it waits for us, not we for it
        elif self._begun and not self.transport.is_closing():
            self._answer(
                408, "http.too_slow", f"the request took more than {self.bounds.request_seconds:g} s"
            )
        else:
            self.transport.abort()

    def _watch(self, waiting: int | None) -> None:
        """Look again after a request's time whether so many bytes, which wait for the client, became fewer."""
        if self._reader is not None:
            self._reader.cancel()
        self._reader = (
            None
            if waiting is None
            else self.loop.call_later(self.bounds.request_seconds, self._look, waiting)
        )

    def _look(self, before: int) -> None:
        now = self.transport.get_write_buffer_size()
        if before - now < _LEAST_RATE * self.bounds.request_seconds:
            self.transport.abort()
        else:
            self._watch(now)


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol class of a listener with these bounds."""
    return type("ListenerProtocol", (BoundedProtocol,), {"bounds": bounds, "shared": Shared()})
