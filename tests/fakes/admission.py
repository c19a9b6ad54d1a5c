"""A whole judge in memory: digests that are admitted, a log that is a list, and switches for what may go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from placet_api.admission.port import Judged, Question, Ruling
from placet_api.errors import AccessError
from placet_engine.errors import LogError


@dataclass(slots=True)
class MemoryJudge:
    """Allows the digests in `admitted`; `running` names those admitted before in any environment.

    `remembered` are answered without a question. `failure` is raised by `judge`, `log_failure` by `note`; with `hangs`
    no question is ever answered.
    """

    admitted: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    remembered: set[str] = field(default_factory=set)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failure: Exception | None = None
    log_failure: LogError | None = None
    hangs: bool = False
    questions: list[Question] = field(default_factory=list)
    records: list[Mapping[str, Any]] = field(default_factory=list)

    async def judge(self, question: Question) -> Ruling:
        """One result for each digest, in the order of the question."""
        self.questions.append(question)
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
        return Ruling(tuple(self._one(question, digest) for digest in question.digests), "revision-1")

    def recall(self, question: Question) -> Ruling | None:
        """The answers to the digests in `remembered`, when all of them are."""
        if not question.digests or not self.remembered.issuperset(question.digests):
            return None
        again = (replace(self._one(question, digest), repeated=True) for digest in question.digests)
        return Ruling(tuple(again), "revision-1")

    async def called(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """What `names` says; errors as `judge`."""
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            await asyncio.Event().wait()
        return {name: self.names[name] for name in names if name in self.names}

    async def note(self, record: Mapping[str, Any], by: float) -> str:
        """Keep it, and give its place."""
        if self.log_failure is not None:
            raise self.log_failure
        self.records.append(record)
        return f"entry-{len(self.records)}"

    def _one(self, question: Question, digest: str) -> Judged:
        gate = "deploy" if question.workload or digest not in self.running else "running"
        decision = f"decision-{digest[7:11]}"
        if digest in self.admitted:
            return Judged(digest, f"{gate}/{question.environment}", "allow", decision, (), self.warnings)
        reasons = (("deploy.approval_missing", "nobody approved it"),)
        return Judged(digest, f"{gate}/{question.environment}", "deny", decision, reasons, self.warnings)


@dataclass(slots=True)
class CountedRates:
    """So many requests, and then none."""

    left: int
    keys: list[str] = field(default_factory=list)

    def take(self, key: str, /) -> None:
        """Count one."""
        self.keys.append(key)
        if self.left == 0:
            raise AccessError("access.rate", "too many requests", status=429, after=1.0)
        self.left -= 1
