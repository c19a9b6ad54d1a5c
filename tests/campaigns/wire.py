"""HTTP byte by byte: what no client library would send, and what came back for it."""

from __future__ import annotations

import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 60.0
CLOSED: Final = "closed"
"""What is told of a connection that ended without an answer."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where bytes are sent; with `tls` inside of TLS."""

    number: int
    tls: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """A connection."""
        plain = socket.create_connection(("127.0.0.1", self.number), PATIENCE)
        return plain if self.tls is None else self.tls.wrap_socket(plain, server_hostname="127.0.0.1")

    @property
    def clear(self) -> Port:
        """The same port without TLS."""
        return Port(self.number)


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer."""

    status: int
    body: bytes

    def __str__(self) -> str:
        """Status, and the code of a problem or of a refused review."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return str(self.status)
        if not isinstance(told, dict):
            return str(self.status)
        if "decision" in told:
            decision = told["decision"]
            why = f" {decision['error']['code']}" if decision["cause"] == "error" else ""
            return f"{self.status} {decision['verdict']}{why}"
        if told.get("kind") == "AdmissionReview":
            response = told["response"]
            code = response.get("auditAnnotations", {}).get("code")
            return f"{self.status} {'allowed' if response['allowed'] else f'denied {code}'}"
        return f"{self.status} {told['code']}" if "code" in told else str(self.status)


def say(port: Port, data: bytes, *, end: bool = False) -> str:
    """Send these bytes, and tell every answer until the other side ends or has answered once; `end` sends an EOF."""
    with port.connect() as line:
        try:
            line.sendall(data)
            if end:
                line.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it ended before it had heard everything; what it said is still there
        return told(hear(line, 1))


def told(answers: list[Heard]) -> str:
    """Answers in one line."""
    return ", ".join(str(answer) for answer in answers) or CLOSED


def hear(line: socket.socket, most: int) -> list[Heard]:
    """So many answers, or those until the other side ended."""
    rest = b""
    found: list[Heard] = []
    while len(found) < most:
        answer = _parsed(rest)
        if answer is not None:
            found.append(answer[0])
            rest = answer[1]
            continue
        try:
            part = line.recv(1 << 16)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            break
        if not part:
            break
        rest += part
    return found


def _parsed(data: bytes) -> tuple[Heard, bytes] | None:
    """The first whole answer in these bytes, and what follows; None when there is none yet."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    if not blank:
        return None
    first, *lines = head.split(b"\r\n")
    status = int(first.split(b" ")[1])
    fields = dict(line.lower().split(b": ", 1) for line in lines)
    if status == 100:
        return _parsed(rest)
    size = int(fields.get(b"content-length", b"0"))
    return (Heard(status, rest[:size]), rest[size:]) if len(rest) >= size else None


def ended(line: socket.socket, seconds: float) -> bool:
    """Whether the other side ends within this time, whatever it says before."""
    until = time.monotonic() + seconds
    try:
        while (left := until - time.monotonic()) > 0:
            line.settimeout(left)
            if not line.recv(1 << 16):
                return True
    except TimeoutError:
        return False
    except OSError:
        return True
    return False


def request(
    path: str, token: str = "", *, method: str = "GET", body: bytes | None = None, more: str = ""
) -> bytes:
    """A well-formed request; `more` are further lines of its head, each with its end."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}"
    if token:
        lines += f"Authorization: Bearer {token}\r\n"
    if body is not None:
        lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return lines.encode() + b"\r\n" + (body or b"")


def chunked(path: str, token: str = "") -> bytes:
    """The head of a POST whose body comes in chunks."""
    lines = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    lines += f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{lines}Transfer-Encoding: chunked\r\n\r\n".encode()
