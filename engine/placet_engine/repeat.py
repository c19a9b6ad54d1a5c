"""A memory of answers that stand: kept under one ruling, ended by whatever could change them.

One thread uses it. It looks at the log's new entries before each answer, so that evidence or a use that another
process logged ends an answer as soon as it is committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, StoreError
from placet_attestations.reading import read_statement
from placet_attestations.store import EvidenceStore
from placet_engine.errors import EngineError, LimitError
from placet_engine.foresight import Foresight
from placet_engine.log.store import Changes, LogReader

T = TypeVar("T")
MOST = 4096
"""Answers that are kept; one more forgets all, and each is judged once again."""
FAR = 10_000
"""New log entries that are looked through before an answer; behind more of them it is quicker to judge again."""
_MANY = 100
"""The same of new evidence, which has to be read."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T
    foresight: Foresight
    since: datetime
    # A clock that is set does not make an answer stand longer.
    by: float


class Memory(Generic[T]):
    """Answers by question. `log` is a reader that nobody else waits for (`LogStore.follow`)."""

    def __init__(
        self,
        log: LogReader,
        store: EvidenceStore,
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
        far: int = FAR,
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._ticks = ticks
        self._far = far
        self._kept: dict[Hashable, _Kept[T]] = {}
        self._size = log.head().size

    def __len__(self) -> int:
        return len(self._kept)

    def recall(self, questions: Sequence[Hashable]) -> list[T] | None:
        """The answers, when all of them stand; None when one does not, or when that cannot be found out."""
        if not self._kept:
            return None
        try:
            self._follow()
        except (EngineError, AttestationError):
            self._kept.clear()
            return None
        now, tick = self._clock(), self._ticks()
        found: list[T] = []
        for question in questions:
            kept = self._kept.get(question)
            if kept is None:
                return None
            if not (kept.since <= now <= kept.foresight.until and tick < kept.by):
                del self._kept[question]
                return None
            found.append(kept.value)
        return found

    def keep(self, question: Hashable, value: T, foresight: Foresight, since: datetime) -> bool:
        """Keep an answer that was given at `since`, unless something touched it meanwhile."""
        if not self._kept:
            # Nothing was followed while there was nothing to end.
            self._size = foresight.size
        try:
            self._follow()
            missed = self._log.changes(foresight.size, self._far)
            touched = missed.size < self._size or self._touched(foresight, missed, self._subjects(missed))
        except (EngineError, AttestationError):
            return False
        left = (foresight.until - self._clock()).total_seconds()
        if touched or left <= 0:
            return False
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[question] = _Kept(value, foresight, since, self._ticks() + left)
        return True

    def _follow(self) -> None:
        changes = self._log.changes(self._size, self._far)
        if changes.size - self._size >= self._far:
            self._kept.clear()
        elif changes.bundles or changes.reserved:
            subjects = self._subjects(changes)
            self._kept = {
                question: kept
                for question, kept in self._kept.items()
                if not self._touched(kept.foresight, changes, subjects)
            }
        self._size = changes.size

    def _touched(self, foresight: Foresight, changes: Changes, subjects: frozenset[Digest]) -> bool:
        uses = (item.key for item in changes.reserved if item.index >= foresight.size)
        return not foresight.artifacts.isdisjoint(subjects) or not foresight.approvals.isdisjoint(uses)

    def _subjects(self, changes: Changes) -> frozenset[Digest]:
        """What new evidence is about, whether it counts or not. Raises what reading it raises."""
        if len(changes.bundles) > _MANY:
            raise LimitError("log.busy", f"{len(changes.bundles)} new statements are more than are read here")
        found: set[Digest] = set()
        for bundle in changes.bundles:
            raw = self._store.get(bundle)
            if raw is None:
                raise StoreError(
                    "store.missing",
                    f"the log has an arrival of {bundle}, and the store no bytes of it",
                    hint="restore the store from a copy, or add the bundle again",
                )
            statement = read_statement(raw)
            found |= {subject.digest for subject in statement.subjects}
        return frozenset(found)
