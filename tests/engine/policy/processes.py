"""Looking at processes through /proc, and waiting for what happens to them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def eventually(holds: Callable[[], bool], what: str, patience: float = 30.0) -> None:
    """Wait until `holds()`; the patience only bounds a failing test."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)


def running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    return state(pid) not in ("", "Z", "X")


def state(pid: int) -> str:
    """The letter of its state, "" when there is no such process."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def stopped(pid: int) -> bool:
    """Whether every thread of a process is stopped."""
    tasks = (Path("/proc") / str(pid) / "task").iterdir()
    return all(state(int(task.name)) == "T" for task in tasks)


def cpu_ticks(pid: int) -> int:
    """Clock ticks of processor time that it has used."""
    fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def with_argument(text: str) -> list[int]:
    """The running processes whose command line holds `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if text in line and running(int(entry.name)):
                found.append(int(entry.name))
    return found
