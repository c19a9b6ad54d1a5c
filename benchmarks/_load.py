"""Callers over kept connections, in one process and one loop: each sends a request and waits for its whole answer.

    load = drive(Place(("127.0.0.1", 8080)), requests, callers=8)
    load.rate, load.at(0.99), load.cpu

The requests are bytes made beforehand and answers are not looked into before the clock has stopped, so that the
client's own CPU stays small beside what it measures; it is measured too.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import uvloop

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_CHUNKED = b"transfer-encoding: chunked"
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens: a host and port, or a unix socket; with `tls` over TLS."""

    at: tuple[str, int] | Path
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What a run took, in seconds: all of it, each request (in the order of the requests), the client's own CPU."""

    seconds: float
    each: Sequence[float]
    cpu: float
    answers: Sequence[bytes] = field(repr=False)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.each) / self.seconds

    def at(self, part: float) -> float:
        """The time within which this part of the requests was answered."""
        return sorted(self.each)[min(len(self.each) - 1, int(part * len(self.each)))]

    def bodies(self) -> list[bytes]:
        """What was answered. Raises ValueError when a status is not 200."""
        return [_body(answer) for answer in self.answers]

    def documents(self) -> list[Any]:
        """What was answered, as JSON. Raises ValueError as `bodies`."""
        return [json.loads(body) for body in self.bodies()]


def post(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A POST of JSON, as bytes."""
    given = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (given | dict(headers or {})).items()]
    return "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode() + body


def get(path: str, headers: Mapping[str, str]) -> bytes:
    """A GET, as bytes."""
    lines = [f"{name}: {value}" for name, value in ({"host": "localhost"} | dict(headers)).items()]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def drive(place: Place, requests: Sequence[bytes], callers: int) -> Load:
    """Send each request once: every caller takes the next as soon as it has its answer. Connecting is not counted.

    Raises ConnectionError when a connection ends before an answer does.
    """
    return uvloop.run(_drive(place, requests, callers))


async def _drive(place: Place, requests: Sequence[bytes], callers: int) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(requests, loop.create_future())
    made = [await _connect(loop, place, run) for _ in range(min(callers, len(requests)))]
    before, start = process_time(), perf_counter()
    for caller in made:
        caller.next()
    await run.done
    seconds, cpu = perf_counter() - start, process_time() - before
    for caller in made:
        caller.close()
    return Load(seconds, run.each, cpu, run.answers)


async def _connect(loop: asyncio.AbstractEventLoop, place: Place, run: _Run) -> _Caller:
    if isinstance(place.at, Path):
        _, caller = await loop.create_unix_connection(lambda: _Caller(run), str(place.at))
    else:
        _, caller = await loop.create_connection(lambda: _Caller(run), *place.at, ssl=place.tls)
    return caller


class _Run:
    """The requests that are left, and what came back."""

    def __init__(self, requests: Sequence[bytes], done: asyncio.Future[None]) -> None:
        self.requests, self.done = requests, done
        self.sent = self.answered = 0
        self.each = [0.0] * len(requests)
        self.answers = [b""] * len(requests)

    def answer(self, number: int, seconds: float, answer: bytes) -> None:
        """Keep an answer; the last one ends the run."""
        self.each[number], self.answers[number] = seconds, answer
        self.answered += 1
        if self.answered == len(self.requests) and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        """End the run."""
        if not self.done.done():
            self.done.set_exception(error)


class _Caller(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._number, self._began = -1, 0.0
        self._got, self._want = b"", 0  # all bytes of the answer: 0 before its head is here, -1 with chunks
        self._open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def next(self) -> None:
        """Send the next request, when one is left."""
        run = self._run
        if run.sent == len(run.requests):
            return
        self._number, run.sent = run.sent, run.sent + 1
        self._got, self._want = b"", 0
        self._began = perf_counter()
        self._transport.write(run.requests[self._number])

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._want:
            end = self._got.find(_END)
            if end < 0:
                return
            length = _length(self._got[:end])
            self._want = -1 if length is None else end + len(_END) + length
        # Nothing follows the answer, for nothing more was asked: the last chunk can only stand at the end.
        if len(self._got) >= self._want if self._want > 0 else self._got.endswith(_LAST_CHUNK):
            self._run.answer(self._number, perf_counter() - self._began, self._got)
            self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._open:
            self._run.fail(exc or ConnectionError(f"closed before its answer; got {self._got[:200]!r}"))

    def close(self) -> None:
        """Hang up."""
        self._open = False
        self._transport.abort()


def _length(head: bytes) -> int | None:
    """The length of the body; None when it comes in chunks. Raises ValueError for a head that says neither."""
    low = head.lower()
    start = low.find(_LENGTH)
    if start < 0:
        low.index(_CHUNKED)
        return None
    end = low.find(b"\r\n", start)
    return int(low[start + len(_LENGTH) : end if end >= 0 else len(low)])


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(_END)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ValueError(f"{head.splitlines()[0].decode()}: {body[:400].decode(errors='replace')}")
    return body if _length(head) is not None else b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return
        yield body[:length]
        body = body[length + 2 :]
