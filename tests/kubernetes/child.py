"""A server that a test starts: killed by the kernel when the test's process dies, ended by its own id."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from placet_engine.policy import shim

_ENDING: Final = 10.0  # seconds that a server may take to end on its own
_TAIL: Final = 4000  # characters of the log that a failure shows


@dataclass(frozen=True, slots=True)
class Child:
    """One running server. `log` is a file with all that it says."""

    name: str
    log: Path
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, command: Sequence[str], folder: Path) -> Child:
        """Start a program in `folder`, with no environment; its log lies there too.

        Only the main thread should call this: the kernel kills the program when the calling thread ends.
        """
        name = Path(command[0]).name
        log = folder / f"{name}.log"
        # The shim ties it to this process without code between fork and exec, which threads forbid.
        tied = [sys.executable, "-I", "-S", shim.__file__, str(os.getpid()), "--", *command]
        with log.open("wb") as output:
            process = subprocess.Popen(
                tied,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(name, log, process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def words(self) -> str:
        """The end of its log, for a failure's message."""
        return self.log.read_text("utf-8", errors="replace")[-_TAIL:]

    def resident(self) -> int:
        """Bytes of memory that it holds now, from /proc; 0 once it has ended."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self, patience: float = _ENDING) -> None:
        """Ask it to end, and kill it when it has not after `patience` seconds. May be called twice."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
            return
        self._process.kill()
        self._process.wait()
