"""A real service for tests: `placet serve` as a process of its own, on a free port of this machine.

with serving(folder) as service:
    reply = service.post("/v1/decisions", {...}, token)
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.saying import PATIENCE, Saying


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        """The code of a problem body."""
        assert self.headers["content-type"] == "application/problem+json", self
        return self.json["code"]


@dataclass(slots=True)
class Serving(Saying):
    """A running service."""

    folder: Path
    url: str = ""
    hook: str = ""

    @property
    def port(self) -> int:
        """Where it listens."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(
        self,
        method: str,
        path: str,
        token: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        given = dict(headers or {}) | ({} if token is None else {"authorization": f"Bearer {token}"})
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=given)
            got = connection.getresponse()
            found = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, found, got.read())
        finally:
            connection.close()

    def get(self, path: str, token: str | None = None) -> Answer:
        """GET."""
        return self.ask("GET", path, token)

    def post(self, path: str, value: Any, token: str | None = None) -> Answer:
        """POST of JSON, or of bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask("POST", path, token, body, {"content-type": "application/json"})

    def pids_of(self, *numbers: int) -> dict[int, int]:
        """The process ids of these workers, the next that say that they serve."""
        found: dict[int, int] = {}
        while not found.keys() >= set(numbers):
            told = json.loads(self.wait_for('"a worker serves"'))
            found[told["worker"]] = told["pid"]
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.heard_out()
        return code


def descendants(pid: int) -> frozenset[int]:
    """The processes that were started by this one, or by one of those."""
    found: set[int] = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                child = int(folder.name)
                found |= {child} | descendants(child)
    return frozenset(found)


def alive(pid: int) -> bool:
    """Whether this process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again, with much patience."""
    by = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < by, "it never came to that"
        time.sleep(0.01)


def started(folder: Path, **variables: str) -> Serving:
    """Start it; returns once it accepts connections, at the webhook too when a variable says where."""
    process = subprocess.Popen(
        [sys.executable, "-m", "placet", "serve", "--listen", "127.0.0.1:0"],
        cwd=folder,
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    service = Serving(process, folder)
    service.listen()
    try:
        service.url = service.wait_for("placet serves").split()[-1]
        if "PLACET_KUBERNETES_LISTEN" in variables:
            service.hook = service.wait_for("placet admits at").split()[-1]
    except BaseException:
        service.end(signal.SIGKILL)
        raise
    return service


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Serving]:
    """A service for the time of a block; ended at its end, whatever happened."""
    service = started(folder, **variables)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.end()
