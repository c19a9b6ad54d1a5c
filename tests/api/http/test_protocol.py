"""The bounds of one connection, over real sockets and uvicorn, with the smallest possible application behind them."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from placet_api.http.bounds import Bounds
from tests.api.http.bare import MIB, Heard, Place, heard, listening, read_head
from tests.saying import PATIENCE

SIOCOUTQ = 0x5411  # tcp(7): bytes that the other side did not acknowledge
SECONDS = 0.4
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /body HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with listening(Bounds(100, SECONDS)) as found:
        yield found


def code(answer: Heard) -> tuple[int, str]:
    assert answer is not None
    return answer[0], answer[1]["code"]


def is_gone(line: socket.socket) -> bool:
    """Whether the other side ends, whatever it says before; with the time that a loaded machine may take."""
    line.settimeout(PATIENCE)
    try:
        while line.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"nonsense\r\n\r\n", (400, "http.malformed")),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", (400, "http.malformed")),
        (b"GET / HTTP/1.1\r\n\r\n", (400, "http.malformed")),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", (400, "http.header_twice")),
        (b"GET /\r\n\r\n", (505, "http.version")),
        (
            POST + b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 31\r\n\r\n" + PING,
            (400, "http.upgrade"),
        ),
        (POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", (400, "http.upgrade")),
        (b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (431, "http.head_too_large")),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", (431, "http.head_too_large")),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 50_000, (431, "http.head_too_large")),
        (CHUNKED + b"z\r\n", (400, "http.malformed")),
        (CHUNKED + b"0\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", (431, "http.head_too_large")),
    ],
)
def test_what_is_no_request_here_is_refused_with_a_code(
    place: Place, data: bytes, expected: tuple[int, str]
) -> None:
    seen = len(place.application.seen)
    assert code(place.say(data)) == expected
    assert len(place.application.seen) == seen


def test_what_comes_after_a_refusal_is_thrown_away(place: Place) -> None:
    with place.connect() as line:
        line.sendall(b"nonsense\r\n\r\n")
        assert code(heard(line)) == (400, "http.malformed")
        line.sendall(PING)
        assert is_gone(line)


def test_the_largest_head_is_taken(place: Place) -> None:
    answer = place.say(b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 32_000 + b"\r\n\r\n")
    assert answer == (200, {"path": "/ping", "token": False, "size": 0})
    assert place.say(b"GET /old HTTP/1.0\r\n\r\n") == (200, {"path": "/old", "token": False, "size": 0})


def test_an_offer_of_another_protocol_is_passed_over(place: Place) -> None:
    offer = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    with place.connect() as line:
        for data in (offer, PING):
            line.sendall(data)
            answer = heard(line)
            assert answer is not None
            assert answer[0] == 200


def test_a_token_in_a_trailer_is_none(place: Place) -> None:
    answer = place.say(CHUNKED + b"2\r\nab\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert answer == (200, {"path": "/body", "token": False, "size": 2})


@pytest.mark.parametrize(
    "data", [b"GET / HTT", b"GET / HTTP/1.1\r\nX: y", POST + b"Content-Length: 9\r\n\r\nab"]
)
def test_a_request_that_does_not_come_to_its_end_is_too_slow(place: Place, data: bytes) -> None:
    assert code(place.say(data)) == (408, "http.too_slow")


def test_whoever_waits_for_a_slow_body_hears_of_its_end(place: Place) -> None:
    place.application.gone.clear()
    assert code(place.say(CHUNKED + b"9\r\nab")) == (408, "http.too_slow")
    assert place.application.gone.wait(PATIENCE)


def test_a_connection_that_says_nothing_ends_without_an_answer(place: Place) -> None:
    assert place.say(b"") is None
    assert place.say(b"\r\n") is None


def test_what_begins_no_request_keeps_no_connection_open(place: Place) -> None:
    with place.connect() as line:
        line.sendall(PING)
        assert heard(line) is not None
        line.sendall(b"\r\n")
        assert is_gone(line)


def test_requests_that_are_sent_ahead_are_answered_in_their_order(place: Place) -> None:
    count = 3000
    with place.connect() as line:
        sender = threading.Thread(
            target=line.sendall,
            args=(b"".join(PING.replace(b"ping", str(n).encode()) for n in range(count)),),
        )
        sender.start()
        answers = [heard(line) for _ in range(count)]
        sender.join()
        assert [answer[1]["path"] for answer in answers if answer] == [f"/{n}" for n in range(count)]


def test_a_client_that_waits_for_us_is_not_slow() -> None:
    with listening(Bounds(100, SECONDS)) as place, place.connect() as line:
        line.sendall(PING.replace(b"ping", b"wait") + PING + b"GET /last HTTP/1.1\r\nHos")
        assert place.say(b"") is None  # so a request's time went by
        place.application.go.set()
        line.sendall(b"t: x\r\n\r\n")
        told = [heard(line) for _ in range(3)]
        assert [answer[1]["path"] for answer in told if answer] == ["/wait", "/ping", "/last"]


def test_a_refusal_is_never_the_answer_to_an_earlier_request() -> None:
    with listening(Bounds(100, SECONDS)) as place, place.connect() as line:
        line.sendall(PING.replace(b"ping", b"wait") + b"nonsense\r\n\r\n")
        assert heard(line) is None


def test_where_there_is_no_room_the_longest_idle_one_leaves() -> None:
    with listening(Bounds(3, PATIENCE)) as place, contextlib.ExitStack() as stack:
        asked, silent, other = (stack.enter_context(place.connect()) for _ in range(3))
        asked.sendall(PING)
        assert heard(asked) is not None
        further = stack.enter_context(place.connect())
        assert code(heard(silent)) == (503, "http.too_many_connections")
        assert is_gone(silent)
        for line in (asked, other, further):
            line.sendall(PING)
            assert heard(line) is not None
        assert place.say(PING) == (200, {"path": "/ping", "token": False, "size": 0})
        assert code(heard(asked)) == (503, "http.too_many_connections")


def test_whoever_is_being_answered_stays_and_the_newest_is_refused() -> None:
    with listening(Bounds(2, PATIENCE)) as place, contextlib.ExitStack() as stack:
        lines = [stack.enter_context(place.connect()) for _ in range(2)]
        for line in lines:
            line.sendall(PING.replace(b"ping", b"wait"))
        while place.application.seen != ["/wait", "/wait"]:
            threading.Event().wait(0.01)
        assert code(place.say(b"")) == (503, "http.too_many_connections")
        place.application.go.set()
        for line in lines:
            assert heard(line) == (200, {"path": "/wait", "token": False, "size": 0})


def test_what_all_hold_together_has_a_bound() -> None:
    half = POST + b"Content-Length: 900000\r\n\r\n" + bytes(800_000)
    with listening(Bounds(100, PATIENCE, held_bytes=MIB)) as place:
        with place.connect() as first:
            first.sendall(half)
            while not _took(place, first):
                pass
            assert code(place.say(half)) == (503, "http.overloaded")
            small = POST + b"Content-Length: 9\r\n\r\n" + bytes(9)
            assert place.say(small) == (200, {"path": "/body", "token": False, "size": 9})
            first.sendall(bytes(100_000))
            assert heard(first) == (200, {"path": "/body", "token": False, "size": 900_000})
        with place.connect() as second:
            second.sendall(half + bytes(100_000))
            assert heard(second) == (200, {"path": "/body", "token": False, "size": 900_000})


def _took(place: Place, line: socket.socket) -> bool:
    """Whether the other side has read all that was sent (SIOCOUTQ on this side is empty and it answered another)."""
    left = struct.unpack("i", fcntl.ioctl(line.fileno(), SIOCOUTQ, b"\0\0\0\0"))[0]
    return left == 0 and place.say(PING) is not None


def test_an_answer_to_whoever_has_left_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with listening(Bounds(100, PATIENCE)) as place:
        with place.connect() as line:
            line.sendall(PING.replace(b"ping", b"wait") + PING)
            while place.application.seen != ["/wait"]:
                threading.Event().wait(0.01)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # end by a reset
        assert place.say(PING) is not None
        place.application.go.set()
        assert place.say(PING) is not None
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_answers_that_nobody_reads_end_the_connection(place: Place) -> None:
    with place.connect() as line:
        line.sendall(LARGE * 4)
        line.settimeout(PATIENCE)
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            _send_for_ever(line)


def _send_for_ever(line: socket.socket) -> None:
    while True:
        line.sendall(b"\r\n")
        threading.Event().wait(0.02)


def test_whoever_reads_slowly_gets_all_of_it() -> None:
    with listening(Bounds(100, 1.0)) as place, place.connect() as line:
        line.sendall(LARGE)
        assert b"200 OK" in read_head(line)
        left, pause = 16 * MIB, threading.Event()
        while left:
            part = line.recv(min(left, MIB // 2))
            assert part, f"cut before the last {left} bytes"
            left -= len(part)
            pause.wait(0.1)


def test_whoever_asks_before_it_sends_is_told_to_go_on(place: Place) -> None:
    with place.connect() as line:
        line.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert read_head(line) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"ab")
        assert heard(line) == (200, {"path": "/body", "token": False, "size": 2})


def test_an_idle_connection_ends_and_so_does_one_that_was_told_to() -> None:
    with listening(Bounds(100, SECONDS), keep_alive=1) as place:
        with place.connect() as line:
            line.sendall(PING)
            assert heard(line) is not None
            assert is_gone(line)
        with place.connect() as line:
            line.sendall(PING.replace(b"ping", b"close"))
            assert heard(line) is not None
            assert is_gone(line)
