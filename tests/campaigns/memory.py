"""The memory of another process, from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024


def resident(pid: int) -> int:
    """Bytes of a process's resident memory now."""
    return _field(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes that were resident since it began, or since `forget_peak`."""
    return _field(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """From now on the peak is a new one (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _field(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"no {name} of process {pid}")
