"""A process that tells in lines what it does, and tests that wait for its words."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass, field
from queue import Queue

PATIENCE = 60.0  # seconds; a loaded machine is slow, and that is no failure


@dataclass(slots=True)
class Saying:
    """`lines` are what the process said so far, `news` what nobody has waited for yet."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list, kw_only=True)
    news: Queue[str | None] = field(default_factory=Queue, kw_only=True)
    reader: threading.Thread | None = field(default=None, kw_only=True)

    def listen(self) -> None:
        """Hear it from now on, in a thread."""
        self.reader = threading.Thread(target=self._hear, daemon=True)
        self.reader.start()

    def wait_for(self, words: str) -> str:
        """The next line that holds these words."""
        while True:
            line = self.news.get(timeout=PATIENCE)
            assert line is not None, f"it ended without saying {words!r}: {self.lines}"
            if words in line:
                return line

    def heard_out(self) -> None:
        """Wait until all was heard of a process that ended."""
        assert self.reader is not None
        self.reader.join(PATIENCE)

    def _hear(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            for line in said:
                self.lines.append(line)
                self.news.put(line)
        self.news.put(None)
