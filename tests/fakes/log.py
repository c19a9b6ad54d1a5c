"""A decision log in memory: the whole `LogStore` contract, and its two ways to fail.

`fail` makes the next append raise log.unwritable: `"lost"` before anything is kept, `"kept"` after all of it
is, as when the answer to a commit gets lost. Tests that need a store and no disk use it;
`test_store_contract.py` holds it to the same behaviour as the SQLite store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from threading import Lock
from typing import Literal, Self, Unpack

from placet_attestations.digests import Digest
from placet_engine.errors import LogError
from placet_engine.log.batch import plan
from placet_engine.log.entry import Draft, Entry, Payload
from placet_engine.log.store import (
    EMPTY_HEAD,
    Changes,
    Committed,
    Filters,
    Head,
    LogReader,
    Reserved,
    Seal,
    Stray,
)


class MemoryLogStore:
    """A `LogStore` that forgets everything when it goes. One lock, whole batches."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._head = EMPTY_HEAD
        self._entries: dict[int, Entry] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._payloads: dict[int, dict[str, Payload]] = {}
        self._reserved: dict[str, Reserved] = {}
        self._fail: Literal["lost", "kept"] | None = None
        self.closed = False

    def fail(self, how: Literal["lost", "kept"]) -> None:
        """Make the next append fail, with or without having kept the batch."""
        self._fail = how

    def append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        with self._lock:
            fail, self._fail = self._fail, None
            if fail == "lost":
                raise LogError("log.unwritable", "the disk is full", hint="this is a test")
            batch = plan(drafts, self._head, self, self.node, seal)
            for index, draft in batch.accepted:
                self._entries[index] = Entry(index, draft.leaf, draft.columns)
                self._payloads[index] = dict(draft.payloads)
            self._nodes.update({(node.level, node.index): node.hash for node in batch.nodes})
            self._reserved.update({reserved.key: reserved for reserved in batch.reserved})
            self._head = batch.head
            if fail == "kept":
                raise LogError("log.unwritable", "the answer got lost", hint="this is a test")
            return Committed(batch.outcomes, batch.head)

    @contextmanager
    def snapshot(self) -> Iterator[LogReader]:
        with self._lock:
            frozen = self._copy()
        yield frozen

    @contextmanager
    def follow(self) -> Iterator[LogReader]:
        yield self

    def close(self) -> None:
        self.closed = True

    def head(self) -> Head:
        return self._head

    def entry(self, index: int) -> Entry | None:
        return self._entries.get(index)

    def entries(self, start: int, stop: int) -> tuple[Entry, ...]:
        return tuple(self._entries[index] for index in sorted(self._entries) if start <= index < stop)

    def find(self, **filters: Unpack[Filters]) -> tuple[Entry, ...]:
        newest_first = sorted(self._entries.values(), key=lambda entry: -entry.index)
        return tuple(entry for entry in newest_first if _matches(entry, filters))[: filters.get("limit", 100)]

    def by_decision(self, prefix: str) -> tuple[Entry, ...]:
        found = [
            entry for entry in self._entries.values() if (entry.columns.decision_id or "").startswith(prefix)
        ]
        named = [entry for entry in found if entry.columns.decision_id is not None]
        return tuple(sorted(named, key=lambda entry: entry.columns.decision_id or "")[:2])

    def decision_entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        named = {str(entry.columns.decision_id): entry for entry in self._entries.values()}
        return {decision_id: named[decision_id] for decision_id in ids if decision_id in named}

    def evidence_entry(self, bundle: Digest) -> int | None:
        found = (entry.index for entry in self._entries.values() if entry.columns.evidence == bundle)
        return next(found, None)

    def node(self, level: int, index: int) -> bytes:
        try:
            return self._nodes[level, index]
        except KeyError:
            raise LogError("log.corrupt", f"node {index} of level {level} is missing") from None

    def payloads(self, index: int) -> dict[str, Payload]:
        return dict(self._payloads.get(index, {}))

    def reservation(self, key: str) -> str | None:
        return self._reserved[key].value if key in self._reserved else None

    def reservations(self, start: int, stop: int) -> tuple[Reserved, ...]:
        made = [reserved for reserved in self._reserved.values() if start <= reserved.index < stop]
        return tuple(sorted(made, key=lambda reserved: (reserved.index, reserved.key)))

    def changes(self, start: int, limit: int) -> Changes:
        new = self.entries(start, 1 << 62)[:limit]
        size = new[-1].index + 1 if new else start
        bundles = tuple(entry.columns.evidence for entry in new if entry.columns.evidence is not None)
        return Changes(size, bundles, self.reservations(start, size))

    def stray(self, size: int) -> Stray | None:
        for table, indexes in (("entry", self._entries), ("payload", self._payloads)):
            if beyond := [index for index in indexes if not 0 <= index < size]:
                return Stray(table, min(beyond))
        for reserved in self._reserved.values():
            if not 0 <= reserved.index < size:
                return Stray("reservation", reserved.index)
        if any((index + 1) << level > size for level, index in self._nodes):
            return Stray("node", size)
        return None

    def damage(self) -> str | None:
        return None

    def _copy(self) -> Self:
        other = type(self)()
        for name in ("_head", "_entries", "_nodes", "_payloads", "_reserved"):
            setattr(other, name, deepcopy(getattr(self, name)))
        return other


def _matches(entry: Entry, filters: Filters) -> bool:
    columns = entry.columns
    exact = {
        "kind": columns.kind,
        "gate": columns.gate,
        "subject": columns.subject,
        "verdict": columns.verdict,
    }
    if any(filters.get(name) not in (None, value) for name, value in exact.items()):
        return False
    since, until, before = filters.get("since"), filters.get("until"), filters.get("before")
    return (
        (since is None or since <= columns.time)
        and (until is None or columns.time < until)
        and (before is None or entry.index < before)
    )
