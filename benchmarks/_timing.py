"""Whole processes against the clock, in turns: what the benchmarks of `placet` as a command share."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

SCRIPTS = Path(sysconfig.get_path("scripts"))
PLACET, OPA = str(SCRIPTS / "placet"), str(SCRIPTS / "placet-opa")
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Command:
    """A process to measure, run in `folder`; it must end with 0, or the benchmark measures nothing."""

    name: str
    arguments: Sequence[str]
    folder: Path = field(default_factory=Path.cwd)

    def run(self) -> bytes:
        """Run it; its standard output."""
        ended = subprocess.run(
            list(self.arguments), cwd=self.folder, env=environment(), capture_output=True, check=False
        )
        if ended.returncode != 0:
            sys.exit(f"{self.name}: exit {ended.returncode}: {ended.stderr.decode(errors='replace')}")
        return ended.stdout


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median and most of some measurements, in seconds."""

    least: float
    middle: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Of at least one measurement."""
        return cls(min(seconds), median(seconds), max(seconds))

    def cells(self) -> tuple[str, str, str]:
        """In milliseconds, for a table."""
        return f"{self.least * 1000:.0f}", f"{self.middle * 1000:.0f}", f"{self.most * 1000:.0f}"


def take_turns(rounds: int, commands: Sequence[Command]) -> list[Spread]:
    """Run all of them in turns, for a machine's speed drifts; a first round warms up and is dropped.

    Each round begins with another command, so that none has always the same one before it.
    """
    taken: dict[int, list[float]] = {number: [] for number in range(len(commands))}
    for command in commands:
        command.run()
    for turn in range(rounds):
        for step in range(len(commands)):
            number = (turn + step) % len(commands)
            start = perf_counter()
            commands[number].run()
            taken[number].append(perf_counter() - start)
    return [Spread.of(seconds) for seconds in taken.values()]


def environment() -> Mapping[str, str]:
    """This process's variables without those that steer Placet, or that keep Python from caching what it compiled."""
    steering = ("PLACET_", "PYTHON")
    return {
        name: value for name, value in os.environ.items() if not name.startswith(steering) and name != "CI"
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first stand right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def within(ratio: float, limit: float) -> str:
    """A figure beside its limit."""
    return f"{ratio:.2f} ({'ok' if ratio <= limit else 'over'})"
