"""What a run under load cost, by whom, and medians of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from statistics import median

from benchmarks._load import Load, Place, drive
from benchmarks._processes import cpu


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second; then milliseconds: two latencies, and the CPU of one answer by process."""

    rate: float
    half: float
    most: float
    client: float
    server: float
    opa: float

    @classmethod
    def middle(cls, several: Sequence[Figures]) -> Figures:
        """The median of each."""
        return cls(*(median(column) for column in zip(*map(astuple, several), strict=True)))

    def latencies(self) -> str:
        """For a table."""
        return f"{self.half:.1f} / {self.most:.1f}"

    def shares(self) -> str:
        """For a table."""
        return f"{self.client:.2f} / {self.server:.2f} / {self.opa:.2f}"


def measured(
    place: Place, requests: Sequence[bytes], callers: int, *, server: Sequence[int], opa: Sequence[int]
) -> tuple[Figures, Load]:
    """Drive it, and count what the processes `server` and `opa` were busy for."""
    before = cpu(*server), cpu(*opa)
    load = drive(place, requests, callers)
    after = cpu(*server), cpu(*opa)
    each = 1000 / len(requests)
    spent = (load.cpu * each, (after[0] - before[0]) * each, (after[1] - before[1]) * each)
    return Figures(load.rate, load.at(0.5) * 1000, load.at(0.99) * 1000, *spent), load
