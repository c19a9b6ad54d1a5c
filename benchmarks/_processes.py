"""What other processes cost: CPU and memory as the kernel counts them (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu(*pids: int) -> float:
    """Seconds of CPU that these processes have had, in their own code and in the kernel."""
    return sum(_cpu(pid) for pid in pids)


def resident(*pids: int) -> int:
    """Bytes of memory that these processes hold for themselves: resident, without files that are mapped."""
    return sum(_resident(pid) for pid in pids)


def children(pid: int, name: str = "") -> list[int]:
    """The processes started by this one and by those, whose name begins with `name`."""
    found: list[int] = []
    for process in list_all():
        if process.parent == pid:
            found += [process.pid] if process.name.startswith(name) else []
            found += children(process.pid, name)
    return found


@dataclass(frozen=True, slots=True)
class Process:
    """A line of the process table."""

    pid: int
    parent: int
    name: str


def list_all() -> list[Process]:
    """The process table; whoever ends meanwhile is not in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                name, fields = _stat(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
            found.append(Process(int(entry.name), int(fields[1]), name))
    return found


def _cpu(pid: int) -> float:
    _, fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK


def _stat(pid: int) -> tuple[str, list[str]]:
    head, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")
    return head.partition("(")[2], rest.split()


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no memory of its own")
