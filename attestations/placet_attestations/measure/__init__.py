"""Numbers computed from data files: pure functions over tables, no opinion about what is good enough."""

from __future__ import annotations

from placet_attestations.measure.evaluation import evaluate, evaluate_tables
from placet_attestations.measure.result import MetricResult
from placet_attestations.measure.splits import compare_splits
from placet_attestations.measure.table import Table

__all__ = ["MetricResult", "Table", "compare_splits", "evaluate", "evaluate_tables"]
