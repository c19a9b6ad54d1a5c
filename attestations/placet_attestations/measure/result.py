"""One measured number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A number under an id that is unique in its measurement, and how many rows it was computed from.

    `metric` says what the number is; several ids may carry one metric (`confusion[a][b]` are all `count`).
    """

    id: str
    metric: str
    value: float | int
    sample_size: int
