"""Requests that are none, or are two things at once; heads and bodies without end."""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Callable
from typing import Final

from tests.campaigns.hostility import DECIDE, Case, Cases, Target
from tests.campaigns.wire import chunked, hear, request, say, told

_MALFORMED: Final = ("400 http.malformed",)
_HEAD: Final = ("431 http.head_too_large",)
_PING: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
_POST: Final = b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BLOCK: Final = b"y" * (1 << 16)

# Each is sent over a connection of its own, and refused before anybody is asked what it means.
_SHAPES: Final[tuple[tuple[str, bytes, tuple[str, ...]], ...]] = (
    ("HTTP/0.9", b"GET /healthz\r\n\r\n", ("400 http.malformed", "505 http.version")),
    (
        "HTTP/2 without asking",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ("400 http.malformed", "505 http.version"),
    ),
    ("HTTP/1.2", b"GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n", ("400 http.malformed", "505 http.version")),
    ("null bytes only", bytes(4096), _MALFORMED),
    ("a null byte in the path", b"GET /heal\0thz HTTP/1.1\r\nHost: x\r\n\r\n", _MALFORMED),
    ("a null byte in a header", _PING + b"X: a\0b\r\n\r\n", _MALFORMED),
    ("TLS on the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), _MALFORMED),
    ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", _MALFORMED),
    ("two hosts", _PING + b"Host: y\r\n\r\n", ("400 http.header_twice",)),
    ("a space before a colon", _PING + b"X : y\r\n\r\n", _MALFORMED),
    ("a folded header", _PING + b"X: a\r\n b\r\n\r\n", _MALFORMED),
    ("bare line feeds", b"GET /healthz HTTP/1.1\nHost: x\n\n", _MALFORMED),
    ("a bare carriage return", _PING + b"X: a\rY: b\r\n\r\n", _MALFORMED),
    (
        "smuggling: length and chunks",
        _POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _PING + b"\r\n",
        _MALFORMED,
    ),
    (
        "smuggling: chunks and length",
        _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + _PING + b"\r\n",
        _MALFORMED,
    ),
    ("smuggling: two lengths", _POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", _MALFORMED),
    ("smuggling: a list of lengths", _POST + b"Content-Length: 2, 2\r\n\r\n{}", _MALFORMED),
    (
        "smuggling: chunked twice",
        _POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        _MALFORMED,
    ),
    ("smuggling: xchunked", _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", _MALFORMED),
    ("smuggling: tab before chunked", _POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", _MALFORMED),
    ("a negative length", _POST + b"Content-Length: -1\r\n\r\n{}", _MALFORMED),
    ("a length with a sign", _POST + b"Content-Length: +2\r\n\r\n{}", _MALFORMED),
    ("a length beyond 64 bits", _POST + b"Content-Length: 99999999999999999999\r\n\r\n{}", _MALFORMED),
    ("a chunk size that is none", _POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", _MALFORMED),
    (
        "a chunk size beyond 64 bits",
        _POST + b"Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n{}\r\n",
        _MALFORMED,
    ),
    ("a chunk longer than it says", _POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n", _MALFORMED),
    ("a path that is no text", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", _MALFORMED),
    (
        "a path out of the tree",
        request("/tile/../../../etc/passwd"),
        ("401 access.missing", "404 http.no_route"),
    ),
    ("an escaped null byte", request("/v1/decisions/%00"), ("401 access.missing",)),
    ("a method that is none", b"FROB /healthz HTTP/1.1\r\nHost: x\r\n\r\n", _MALFORMED),
    ("CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", _MALFORMED),
    ("TRACE", request("/healthz", method="TRACE"), ("405 http.no_route",)),
    (
        "a WebSocket",
        _PING + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n\r\n",
        ("200",),
    ),
    ("a header of 100 kB", _PING + b"X: " + b"y" * 100_000 + b"\r\n\r\n", _HEAD),
    ("a header of 100 kB without an end", _PING + b"X: " + b"y" * 100_000, _HEAD),
    ("a path of 100 kB", b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", _HEAD),
    ("10,000 headers", _PING + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n", _HEAD),
)


def cases() -> Cases:
    """All of them."""
    for name, data, expected in _SHAPES:
        yield Case(name, expected, functools.partial(_said, data))
    yield Case("smuggling: a token in a trailer", ("401 access.missing",), _trailer)
    yield Case("two tokens", ("400 http.header_twice",), _two_tokens)
    yield Case("a body shorter than it says", ("closed",), _short_body)
    yield Case("a body longer than it says", ("200 allow, 400 http.malformed",), _long_body)
    yield Case(
        "a header without end, sent on and on", _HEAD, functools.partial(_endless, _PING + b"X: ", _BLOCK)
    )
    yield Case("chunks without end, nobody known", ("401 access.missing",), _endless_chunks(""))
    yield Case("chunks without end", ("413 http.too_large",), _endless_chunks("submitter"))
    yield Case("a body that is too large", ("413 http.too_large",), _large_body)
    yield Case("an object of 3 MiB", ("413 json.too_large",), _object_of_3_mib)
    yield Case("pipelined requests", ("200 each, in order",), _pipelined)
    yield Case("pipelined without reading", ("closed",), _ahead)
    for name, body, expected in _BODIES:
        yield Case(name, expected, functools.partial(_asked, body))


def _said(data: bytes, target: Target) -> str:
    return say(target.http, data)


def _trailer(target: Target) -> str:
    body = target.question()
    chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n"
    return say(target.http, chunked(DECIDE) + chunk + f"Authorization: Bearer {target.gate}\r\n\r\n".encode())


def _two_tokens(target: Target) -> str:
    more = f"Authorization: Bearer {target.submitter}\r\n"
    return say(target.http, request(DECIDE, target.gate, method="POST", body=target.question(), more=more))


def _short_body(target: Target) -> str:
    return say(
        target.http, request(DECIDE, target.gate, method="POST", body=target.question())[:-5], end=True
    )


def _long_body(target: Target) -> str:
    whole = request(DECIDE, target.gate, method="POST", body=target.question())
    with target.http.connect() as line:
        line.sendall(whole)
        heard = hear(line, 1)
        line.sendall(b"and more of it\r\n\r\n")
        return told(heard + hear(line, 1))


def _endless(head: bytes, part: bytes, target: Target) -> str:
    """Send until the other side ends; never more than a gibibyte."""
    with target.http.connect() as line:
        try:
            line.sendall(head)
            for _ in range((1 << 30) // len(part)):
                line.sendall(part)
        except OSError:
            pass
        return told(hear(line, 1))


def _endless_chunks(role: str) -> Callable[[Target], str]:
    def act(target: Target) -> str:
        head = chunked("/v1/attestations", target.submitter if role else "")
        return _endless(head, b"10000\r\n" + _BLOCK + b"\r\n", target)

    return act


def _large_body(target: Target) -> str:
    size = target.size.body_mib << 20
    head = request("/v1/attestations", target.submitter, method="POST", more=f"Content-Length: {size}\r\n")
    with target.http.connect() as line:
        try:
            line.sendall(head)
            for _ in range(size // len(_BLOCK)):
                line.sendall(_BLOCK)
        except OSError:
            pass
        return told(hear(line, 1))


def _object_of_3_mib(target: Target) -> str:
    body = json.dumps({"gate": "x" * (3 << 20)}).encode()
    return say(target.http, request(DECIDE, target.gate, method="POST", body=body))


def _pipelined(target: Target) -> str:
    count = target.size.pipelined
    paths = ["/healthz" if number % 2 else "/nothing" for number in range(count)]
    with target.http.connect() as line:
        line.sendall(b"".join(request(path) for path in paths))
        heard = [answer.status for answer in hear(line, count)]
    right = [200 if number % 2 else 404 for number in range(count)]
    return "200 each, in order" if heard == right else f"{len(heard)} answers: {heard[:5]}"


def _ahead(target: Target) -> str:
    """Ask for much and read nothing: it must end although we would go on."""
    many = request("/openapi.json") * 1000
    with target.http.connect() as line:
        try:
            for _ in range(target.size.ahead // 1000):
                line.sendall(many)
            line.shutdown(socket.SHUT_WR)
        except TimeoutError:
            return "still open"
        except OSError:
            pass
    return "closed"


_DEEP: Final = 100_000
_BODIES: Final[tuple[tuple[str, bytes, tuple[str, ...]], ...]] = (
    ("JSON: 100,000 lists deep", b"[" * _DEEP + b"]" * _DEEP, ("400 json.too_deep",)),
    ("JSON: 40,000 objects deep", b'{"a":' * 40_000, ("400 json.too_deep",)),
    ("JSON: a number of 200,000 digits", b'{"gate":' + b"9" * 200_000 + b"}", ("400 json.number",)),
    ("JSON: a huge exponent", b'{"gate":1e999999999}', ("400 json.not_finite",)),
    ("JSON: NaN", b'{"gate":NaN}', ("400 json.not_finite",)),
    ("JSON: a member twice", b'{"gate":"a","gate":"b"}', ("400 json.duplicate_key",)),
    ("JSON: not UTF-8", b'{"gate":"\xff"}', ("400 json.invalid_utf8",)),
    ("JSON: half a surrogate", b'{"gate":"\\ud800"}', ("400 json.surrogate",)),
    ("JSON: nothing", b"", ("400 json.syntax",)),
)


def _asked(body: bytes, target: Target) -> str:
    return say(target.http, request(DECIDE, target.gate, method="POST", body=body))
