"""The other end of the deciding process, and its OPA: started, asked, watched and killed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

CHECKOUT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0  # seconds without a word after which the campaign gives up: something hangs


class HangsError(Exception):
    """The deciding process says nothing any more; the campaign has failed."""


class Deciding:
    """One deciding process. Its OPA, sockets and last words lie in `folder`, so that none can be mistaken."""

    def __init__(self, project: Path, folder: Path) -> None:
        self._folder = folder
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.campaigns.worker", str(project)],
            cwd=CHECKOUT,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def ask(self, request: Mapping[str, Any]) -> None:
        """Hand in a request; its events follow. A process that has just been killed hears nothing."""
        with suppress(BrokenPipeError):
            self._stdin.write(json.dumps(request).encode() + b"\n")
            self._stdin.flush()

    def event(self, deadline: float) -> Mapping[str, Any] | None:
        """The next event before `deadline` (of `time.monotonic`); `ended` once the process said all it will."""
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            part = os.read(self._stdout.fileno(), 65536)
            if not part:
                return {"event": "ended"}
            self._rest += part
        line, self._rest = self._rest.split(b"\n", 1)
        event: dict[str, Any] = json.loads(line)
        return event

    def next(self) -> Mapping[str, Any]:
        """The next event. Raises HangsError when none comes."""
        event = self.event(time.monotonic() + PATIENCE)
        if event is None:
            raise HangsError(f"no word from the deciding process in {PATIENCE:.0f} s")
        return event

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def kill_opa(self) -> bool:
        """kill -9 of its OPA; False when there is none at this moment."""
        return kill_opa(self._folder, self._process.pid)

    def end(self) -> int:
        """Close its standard input and wait; its exit code. Kills it when it does not end."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._stdout.close()
        return code


def environment(folder: Path) -> dict[str, str]:
    """The variables of a deciding process: temporary files and caches in `folder`, and nothing that steers Placet."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("PLACET_") and name != "CI"
    }
    return kept | {"TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}


def opas(folder: Path, *, parent: int | None = None) -> Iterator[int]:
    """The processes with a socket in `folder`: every OPA (or what will become one) of this campaign."""
    here, wanted = os.fsencode(folder) + b"/", b"/placet-opa-"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):  # it ended meanwhile
            line = (entry / "cmdline").read_bytes()
            if here not in line or wanted not in line:
                continue
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z" and parent in (None, int(fields[1])):
                yield int(entry.name)


def kill_opa(folder: Path, parent: int | None = None) -> bool:
    """kill -9 of one OPA that has a socket in `folder` (and this parent); False when there is none at this moment."""
    for pid in opas(folder, parent=parent):
        # The descriptor is of this very process, whatever becomes of its number; so look once more.
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if pid in opas(folder, parent=parent):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    return True
            finally:
                os.close(descriptor)
    return False


def children(pid: int) -> list[int]:
    """The processes that this one has made and not yet buried."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def gone(folder: Path, patience: float) -> bool:
    """Whether no OPA of this campaign is left, given so many seconds to end."""
    deadline = time.monotonic() + patience
    while any(True for _ in opas(folder)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
