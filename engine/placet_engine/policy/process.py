"""One OPA process: in its own private folder, tied to its parent's life, its last words kept.

The folder (`placet-opa-*`, mode 0700) holds the bundle and the socket and is removed when the process is
ended. Only a parent that is killed leaves it behind; it is safe to delete, and OPA itself is gone then,
killed by the kernel.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from placet_engine.errors import PolicyError
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits

PREFIX: Final = "placet-opa-"
MAX_SOCKET_PATH: Final = 107
"""Bytes of a unix socket's path: 108 with the closing NUL (unix(7))."""

VARIABLES: Final[Mapping[str, str]] = {"GOGC": "400", "GOMEMLIMIT": "512MiB"}
"""All that OPA sees of an environment. Go collects garbage when the heap has grown by so many per cent of what lives,
100 unless told otherwise: with 400 a decision costs a quarter less CPU and OPA holds 40 MB more. Beyond the limit it
collects as often as it must; the limit refuses nothing.
"""

_SHIM = Path(__file__).with_name("shim.py")
_BUNDLE = "bundle.tar.gz"
_SOCKET = "s"
_RANDOM = 8  # characters that tempfile appends
_REAPING = 5.0  # seconds to wait for a killed process; the kernel takes milliseconds


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to start OPA, as often as needed. `environment` is all that OPA will see of one."""

    opa: Path
    archive: bytes = field(repr=False)
    runtime_dir: Path
    environment: Mapping[str, str] = field(default_factory=lambda: VARIABLES)
    limits: PolicyLimits = DEFAULT_POLICY_LIMITS

    def start(self) -> OpaProcess:
        """Start one process. Raises PolicyError opa.start when the folder or the process cannot be made."""
        try:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.runtime_dir))
            try:
                (folder / _BUNDLE).write_bytes(self.archive)
                return OpaProcess(folder, self._command(folder), self.environment, self.limits.max_opa_output)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        except OSError as error:
            raise PolicyError(
                "opa.start",
                f"OPA cannot be started: {error.strerror}",
                where=error.filename or str(self.runtime_dir),
                hint="make room in the folder for temporary files, or name another one",
            ) from error

    def _command(self, folder: Path) -> list[str]:
        return [
            str(self.opa),
            *("run", "--server"),
            *("--addr", f"unix://{folder / _SOCKET}"),
            *("--unix-socket-perm", "600"),
            "--skip-version-check",
            *("--log-level", "error"),
            *("--log-format", "text"),
            *("--set", f"server.decoding.max_length={self.limits.max_input_bytes}"),
            *("--bundle", str(folder / _BUNDLE)),
        ]


class OpaProcess:
    """A started OPA. `fileno` is readable when it has written something; `drain` then keeps it."""

    def __init__(self, folder: Path, command: list[str], environment: Mapping[str, str], keep: int) -> None:
        self.folder: Final = folder
        self.socket: Final = folder / _SOCKET
        self._keep = keep
        self._words = b""
        self.fileno, write_end = os.pipe()
        os.set_blocking(self.fileno, False)
        variables = [f"{name}={value}" for name, value in environment.items()]
        try:
            # A session of its own: an interrupt from the terminal is for Placet, which ends OPA when it is
            # done.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SHIM), str(os.getpid()), *variables, "--", *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except BaseException:
            os.close(self.fileno)
            raise
        finally:
            os.close(write_end)

    @property
    def pid(self) -> int:
        """Its process id, which is first the shim's and then OPA's."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still runs; a stopped process does."""
        return self._process.returncode is None and not self._has_exited(os.WNOHANG)

    def was_killed(self) -> bool:
        """Whether a signal ended it, rather than OPA itself; False while it runs, and once it was reaped."""
        try:
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return False
        return ended is not None and ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)

    def wait_exit(self) -> None:
        """Block until it has exited; may be called while another thread ends it."""
        self._has_exited(0)

    def kill(self) -> None:
        """Kill it, without waiting."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    def end(self) -> None:
        """Kill it, wait for it, keep its last words, remove its folder. May be called twice."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAPING)
        if self.fileno >= 0:
            self.drain()
            os.close(self.fileno)
            self.fileno = -1
        shutil.rmtree(self.folder, ignore_errors=True)

    def drain(self) -> None:
        """Take in what it has written, the last `max_opa_output` bytes of it."""
        with suppress(BlockingIOError):
            while part := os.read(self.fileno, 65536):
                self._words = (self._words + part)[-self._keep :]

    def words(self) -> str:
        """What it said, without the names of its private folder and without what root is always told."""
        text = self._words.decode("utf-8", "replace").replace(str(self.folder / _BUNDLE), "archive")
        lines = [line for line in text.splitlines() if line.strip() and not _is_noise(line)]
        return "\n".join(lines).strip()

    def _has_exited(self, options: int) -> bool:
        # WNOWAIT leaves the process to be reaped by `subprocess`, whose own waiting would hold its lock.
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | options) is not None
        except ChildProcessError:
            return True


def _is_noise(line: str) -> bool:
    return "OPA running with uid or gid 0" in line or line.startswith("  time = ")


def socket_folder(runtime_dir: Path | None) -> Path:
    """Where private folders are made: `runtime_dir`, else the first usable of the system's temporary folders.

    Raises PolicyError opa.socket_path when a socket's path there would be too long.
    """
    # Inside either, mkdtemp makes a folder of our own.
    usual = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108
    candidates = usual if runtime_dir is None else [runtime_dir]
    for candidate in candidates:
        folder = candidate.absolute()
        if len(os.fsencode(folder / (PREFIX + "x" * _RANDOM) / _SOCKET)) <= MAX_SOCKET_PATH:
            return folder
    raise PolicyError(
        "opa.socket_path",
        f"the path of a unix socket would be longer than {MAX_SOCKET_PATH} bytes",
        where=str(candidates[0]),
        hint="name a folder with a shorter path for OPA's socket",
    )
