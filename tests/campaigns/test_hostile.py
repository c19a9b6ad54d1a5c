from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.campaigns.hostile import MEMORY, SHORT, Findings, all_cases, run
from tests.campaigns.hostility import Case, Row
from tests.campaigns.memory import MIB, forget_peak, peak, resident
from tests.campaigns.wire import CLOSED, Heard, ended, hear, request, told

CASE = Case("a case", ("400 a.code", "closed"), lambda _: "")


def test_short_campaign() -> None:
    """`make campaign-hostile` runs the one with large floods."""
    findings = run(SHORT)
    table = findings.table()
    assert findings.passed, table
    assert len(findings.rows) == len(list(all_cases())) > 100, table
    assert findings.peak <= MEMORY, table


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names)
    assert all(case.expected for case in all_cases())


@pytest.mark.parametrize(
    ("got", "memory", "verify", "fault", "passed"),
    [
        ("400 a.code", 0, 0, "", True),
        ("closed", MEMORY, 0, "", True),
        ("200 allow", 0, 0, "", False),
        ("400 a.code; a good caller then heard closed", 0, 0, "", False),
        ("closed", MEMORY + 1, 0, "", False),
        ("closed", 0, 1, "", False),
        ("closed", 0, 0, "a call failed inside Placet", False),
    ],
)
def test_the_campaign_sees_what_is_wrong(
    got: str, memory: int, verify: int, fault: str, passed: bool
) -> None:
    rows = [Row(CASE, got, 0.1, memory), Row(CASE, "closed", 0.1, 0)]
    findings = Findings(rows, faults=[fault] if fault else [], verify=(verify, ""))
    assert findings.passed is passed
    wrong = got not in CASE.expected or memory > MEMORY
    assert ("WRONG" in findings.table()) is wrong
    assert ("FAULT" in findings.table()) is bool(fault)
    assert Findings(verify=(0, "")).peak == 0


def test_the_memory_of_a_process_is_measured() -> None:
    before = resident(os.getpid())
    forget_peak(os.getpid())
    block = bytearray(os.urandom(MIB) * 64)
    assert peak(os.getpid()) >= before + 50 * MIB
    assert len(block) == 64 * MIB


@contextmanager
def answering(*parts: bytes) -> Iterator[socket.socket]:
    """A line whose other end has sent these bytes and ended."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for part in parts:
            theirs.sendall(part)
        theirs.shutdown(socket.SHUT_WR)
        yield ours


def test_answers_are_heard_one_after_the_other() -> None:
    first = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    second = b"HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\n" + b'{"code":"a.b"}'
    with answering(first, second) as line:
        assert told(hear(line, 5)) == "200, 404 a.b"
    with answering(first, second[:-3]) as line:
        assert told(hear(line, 5)) == "200"
    with answering() as line:
        assert told(hear(line, 1)) == CLOSED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"no JSON", "200"),
        (b"[1]", "200"),
        (b"{}", "200"),
        (json.dumps({"decision": {"verdict": "allow", "cause": "policy"}}).encode(), "200 allow"),
        (
            json.dumps(
                {"decision": {"verdict": "deny", "cause": "error", "error": {"code": "a.b"}}}
            ).encode(),
            "200 deny a.b",
        ),
        (b'{"kind":"AdmissionReview","response":{"allowed":true}}', "200 allowed"),
        (
            b'{"kind":"AdmissionReview","response":{"allowed":false,"auditAnnotations":{"code":"a.b"}}}',
            "200 denied a.b",
        ),
    ],
)
def test_an_answer_is_told_by_its_code(body: bytes, expected: str) -> None:
    assert str(Heard(200, body)) == expected


def test_an_end_is_told_from_silence() -> None:
    with answering(b"something") as line:
        assert ended(line, 60)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not ended(ours, 0.01)


def test_a_request_is_as_it_was_asked_for() -> None:
    made = request("/p", "t", method="POST", body=b"{}", more="X: y\r\n")
    assert made.startswith(b"POST /p HTTP/1.1\r\nHost: x\r\nX: y\r\nAuthorization: Bearer t\r\n")
    assert made.endswith(b"Content-Length: 2\r\n\r\n{}")
    assert request("/p") == b"GET /p HTTP/1.1\r\nHost: x\r\n\r\n"
