"""Many connections, slow ones, ones that never read: whoever is known gets an answer all the while."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final, Self

from tests.campaigns.hostility import DECIDE, REQUEST_SECONDS, Case, Cases, Target
from tests.campaigns.reviews import PATH, image, pod_review
from tests.campaigns.wire import Port, chunked, ended, hear, request, say

_CUT: Final = "cut, good callers go on"
_SLACK: Final = 10.0  # seconds after which a cut connection must have ended on a loaded machine
_TYPED: Final = frozenset(
    {"200 allow", "503 http.too_many_connections", "503 http.overloaded", "429 access.too_many"}
)
_ONE_BYTE: Final = 1.0  # seconds between two bytes of a slow client


def cases() -> Cases:
    """All of them; the largest one last."""
    post = f"POST {DECIDE} HTTP/1.1\r\nHost: x\r\nX: ".encode()
    yield Case("slow heads, a byte a second", (_CUT,), lambda target: _slow(target, lambda _: post))
    yield Case("slow bodies, a byte a second", (_CUT,), lambda target: _slow(target, _half_a_question))
    yield Case("slow chunks, a byte a second", (_CUT,), lambda target: _slow(target, _half_a_chunk))
    yield Case("an answer, then one byte", (_CUT,), _after_an_answer)
    yield Case("answers that nobody reads", (_CUT,), _unread)
    yield Case("half-sent large bodies", (_CUT,), _large_bodies)
    yield Case("half-sent large reviews", (_CUT,), _large_reviews)
    yield Case("TCP without TLS, silent", (_CUT,), _silent_tls)
    yield Case("connections that say nothing", (_CUT,), _connections)


def _half_a_question(target: Target) -> bytes:
    return request(DECIDE, target.gate, method="POST", body=target.question())[:-30]


def _half_a_chunk(target: Target) -> bytes:
    return chunked(DECIDE, target.gate) + b"100\r\n"


@contextmanager
def opened(port: Port, count: int) -> Iterator[list[socket.socket]]:
    """So many connections, closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(port.connect()) for _ in range(count)]


class _Good:
    """A caller who asks on and on while something else happens."""

    def __init__(self, target: Target) -> None:
        self.heard: Counter[str] = Counter()
        self._target, self._over = target, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        asked = False
        while not asked or not self._over.wait(0.05):
            asked = True
            try:
                self.heard[self._target.good()] += 1
            except OSError as error:
                self.heard[type(error).__name__] += 1


def _verdict(target: Target, good: _Good, cut: int, of: int, allowed: frozenset[str]) -> str:
    """All were cut, the good caller heard nothing else than it may and an allow at least once, and does now."""
    again = target.good_again()
    if cut == of and good.heard.keys() <= allowed and good.heard["200 allow"] and again == "200 allow":
        return _CUT
    return f"{cut} of {of} cut; good callers heard {dict(good.heard)}, afterwards {again}"


def _all_cut(lines: Sequence[socket.socket], seconds: float = REQUEST_SECONDS) -> int:
    """How many end by themselves within the time that they have, and slack for a loaded machine."""
    until = time.monotonic() + seconds + _SLACK
    return sum(ended(line, max(0.01, until - time.monotonic())) for line in lines)


def _slow(target: Target, begin: Callable[[Target], bytes]) -> str:
    """A beginning, then a byte a second for as long as a request may take; whoever is alive then was not cut."""
    with _Good(target) as good, opened(target.http, target.size.slow) as lines:
        for line in lines:
            line.sendall(begin(target))
        until = time.monotonic() + REQUEST_SECONDS
        while time.monotonic() < until:
            time.sleep(_ONE_BYTE)
            for line in lines:
                with suppress(OSError):
                    line.sendall(b" ")
        cut = _all_cut(lines)
    return _verdict(target, good, cut, len(lines), frozenset({"200 allow"}))


def _after_an_answer(target: Target) -> str:
    """A line feed after an answer begins no request, and must not keep the connection open for ever."""
    with _Good(target) as good, opened(target.http, 5) as lines:
        for line in lines:
            line.sendall(request("/healthz"))
            hear(line, 1)
            line.sendall(b"\r\n")
        cut = _all_cut(lines)
    return _verdict(target, good, cut, len(lines), frozenset({"200 allow"}))


def _unread(target: Target) -> str:
    """Requests until nothing more is taken, and no answer is ever read."""
    many = request("/openapi.json") * 500
    with _Good(target) as good, opened(target.http, 5) as lines:
        for line in lines:
            line.settimeout(0.2)
            try:
                while True:
                    line.sendall(many)
            except OSError:
                pass
        time.sleep(2 * REQUEST_SECONDS)
        cut = sum(_is_reset(line) for line in lines)
    return _verdict(target, good, cut, len(lines), frozenset({"200 allow"}))


def _is_reset(line: socket.socket) -> bool:
    """Whether the other side is gone, found out without reading: what is sent comes back as an error."""
    line.settimeout(_SLACK)
    until = time.monotonic() + _SLACK
    while time.monotonic() < until:
        try:
            line.send(b"x")
        except TimeoutError:
            return False
        except OSError:
            return True
        time.sleep(0.05)
    return False


def _large_bodies(target: Target) -> str:
    """Each half of what one body may have: together far more than may be held."""
    size = 14 << 20
    head = request("/v1/attestations", target.submitter, method="POST", more=f"Content-Length: {size}\r\n")
    return _half_sent(target, target.http, head, size - 1)


def _large_reviews(target: Target) -> str:
    size = 2 << 20
    head = request(PATH, method="POST", more=f"Content-Type: application/json\r\nContent-Length: {size}\r\n")
    return _half_sent(target, target.hook, head, size - 1)


def _half_sent(target: Target, port: Port, head: bytes, size: int) -> str:
    """So much in all that holding it would be 1.5 GiB, over as many connections as that takes."""
    count = min((3 << 29) // size, target.size.connections // 10)
    block = bytes(1 << 16)

    def send(line: socket.socket) -> None:
        try:
            line.sendall(head)
            for _ in range(size // len(block)):
                line.sendall(block)
        except OSError:
            pass

    with _Good(target) as good, opened(port, count) as lines:
        threads = [threading.Thread(target=send, args=(line,)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cut = _all_cut(lines)
    return _verdict(target, good, cut, len(lines), _TYPED)


def _silent_tls(target: Target) -> str:
    """Connections to the webhook that never greet: a good review is answered all the same, and they have an end."""
    review = request(PATH, method="POST", body=pod_review("1", [image(target.models["vouched for"])]))
    with _Good(target) as good, opened(target.hook.clear, target.size.slow) as lines:
        heard = say(target.hook, review)
        cut = _all_cut(lines)
    if not heard.startswith("200 allowed"):
        return f"a good review heard {heard}"
    return _verdict(target, good, cut, len(lines), frozenset({"200 allow"}))


def _connections(target: Target) -> str:
    """As many as this process may have, far more than the service may."""
    count = target.size.connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 500, hard), hard))
    try:
        with _Good(target) as good, opened(target.http, count) as lines:
            cut = _all_cut(lines)
        return _verdict(target, good, cut, count, _TYPED)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
