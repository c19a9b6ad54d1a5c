"""Recompute a whole log and name the first entry that differs.

Leaves, nodes, root, signature, payloads, index columns and reservations are all derived again and compared.
Nothing is repaired. What an audit cannot see is a log whose owner rewrote everything and signed it again; a
checkpoint that was kept elsewhere sees that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from placet_engine.errors import LogError, ProofError
from placet_engine.log.checkpoint import Checkpoint, open_checkpoint
from placet_engine.log.entry import Entry, columns, parse_leaf, string_map
from placet_engine.log.limits import DEFAULT_LOG_LIMITS, LogLimits
from placet_engine.log.merkle import CompactRange, empty_root, leaf_hash
from placet_engine.log.note import NoteVerifier
from placet_engine.log.store import Head, LogReader, LogStore, Reserved

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""(entries done, entries in all), called once a page."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. `first_bad` is the entry of the first divergence, None when it lies in none of them."""

    entries: int
    ok: bool
    first_bad: int | None = None
    reason: str | None = None
    root: bytes | None = None


class _DivergenceError(Exception):
    def __init__(self, index: int | None, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def verify_log(
    store: LogStore,
    verifier: NoteVerifier,
    *,
    origin: str | None = None,
    kept: Checkpoint | None = None,
    progress: Progress | None = None,
    limits: LogLimits = DEFAULT_LOG_LIMITS,
) -> AuditReport:
    """Audit one moment of a log, while others may append.

    Steps:
    1. the signed checkpoint;
    2. each entry: leaf and nodes, index columns, payloads, reservations;
    3. the root, and the root at the size of the `kept` checkpoint, which comes from outside the store;
    4. the head row;
    5. rows that belong to no entry, indexes that do not belong to their rows.

    LogError log.locked, log.unreadable when the store does not answer; whatever it answers ends in a report.
    """
    try:
        with store.snapshot() as reader:
            return _Audit(reader, verifier, origin or verifier.name, kept, limits).run(progress)
    except LogError as error:
        if error.code != "log.corrupt":
            raise
        return AuditReport(0, ok=False, reason=str(error))


class _Audit:
    def __init__(
        self,
        reader: LogReader,
        verifier: NoteVerifier,
        origin: str,
        kept: Checkpoint | None,
        limits: LogLimits,
    ) -> None:
        self._reader = reader
        self._verifier = verifier
        self._origin = origin
        self._kept = kept
        self._limits = limits
        self._tree = CompactRange()
        self._newest: datetime | None = None
        self._reserved: dict[str, str] = {}

    def run(self, progress: Progress | None) -> AuditReport:
        head = self._reader.head()
        signed, refusal = self._signed(head)
        size = head.size if signed is None else signed.size
        try:
            self._check_entries(size, progress)
            if refusal is not None:
                raise _DivergenceError(_last(size), refusal)
            self._check_root(size, empty_root() if signed is None else signed.root)
            self._check_head_row(head, size)
            self._check_strays(size)
            self._check_files()
        except _DivergenceError as found:
            return AuditReport(size, ok=False, first_bad=found.index, reason=found.reason)
        return AuditReport(size, ok=True, root=self._tree.root())

    def _signed(self, head: Head) -> tuple[Checkpoint | None, str | None]:
        """The signed head, which has the say over the head row; or why there is none."""
        if not head.checkpoint:
            return None, None if not head.size else "the head of the log is not signed"
        try:
            return open_checkpoint(head.checkpoint, (self._verifier,), origin=self._origin), None
        except ProofError as error:
            return None, f"the checkpoint of the log does not hold: {error.message}"

    def _check_entries(self, size: int, progress: Progress | None) -> None:
        self._check_kept_root()
        for start in range(0, size, self._limits.page):
            stop = min(size, start + self._limits.page)
            rows = self._made(start, stop)
            for entry in self._page(start, stop):
                self._check_entry(entry, rows.get(entry.index, {}))
                self._check_kept_root()
            if progress is not None:
                progress(stop, size)

    def _page(self, start: int, stop: int) -> Iterator[Entry]:
        """The entries of a page; one by one when the page does not read, to find the bad one."""
        try:
            page = {entry.index: entry for entry in self._reader.entries(start, stop)}
        except LogError:
            page = {}
        for index in range(start, stop):
            entry = page.get(index) or _reading(index, lambda index=index: self._reader.entry(index))  # type: ignore[misc]
            if entry is None:
                raise _DivergenceError(index, "its row is missing")
            yield entry

    def _made(self, start: int, stop: int) -> dict[int, dict[str, str]]:
        made: dict[int, dict[str, str]] = {}
        rows: tuple[Reserved, ...] = _reading(start, lambda: self._reader.reservations(start, stop))
        for row in rows:
            made.setdefault(row.index, {})[row.key] = row.value
        return made

    def _check_entry(self, entry: Entry, made: dict[str, str]) -> None:
        index = entry.index
        self._check_nodes(index, entry.leaf)
        body = _reading(index, lambda: parse_leaf(entry.leaf))
        view = _reading(index, lambda: columns(body))
        if view != entry.columns:
            names = [
                name
                for name, true, told in zip(view._fields, view, entry.columns, strict=True)
                if true != told
            ]
            raise _DivergenceError(index, f"its index says otherwise than its leaf: {', '.join(names)}")
        self._newest = view.time if self._newest is None else max(self._newest, view.time)
        self._check_payloads(index, _reading(index, lambda: string_map(body, "commitments")))
        self._check_reservations(index, _reading(index, lambda: string_map(body, "reserve")), made)

    def _check_nodes(self, index: int, leaf: bytes) -> None:
        for node in self._tree.append(leaf_hash(leaf)):
            first = node.index << node.level
            stored = _reading(first, lambda node=node: self._reader.node(node.level, node.index))  # type: ignore[misc]
            if stored != node.hash and node.level:
                raise _DivergenceError(
                    first, f"the tree's node over entries {first} to {index} is not theirs"
                )
            if stored != node.hash:
                raise _DivergenceError(index, "its leaf is not the one in the tree")

    def _check_payloads(self, index: int, commitments: dict[str, str]) -> None:
        stored = _reading(index, lambda: self._reader.payloads(index))
        for name in sorted(commitments.keys() | stored.keys()):
            if name not in stored:
                raise _DivergenceError(index, f"its {name} is missing")
            if stored[name].commitment != commitments.get(name):
                raise _DivergenceError(
                    index, f"its {name}, or the salt of it, is not what the leaf commits to"
                )

    def _check_reservations(self, index: int, reserve: dict[str, str], made: dict[str, str]) -> None:
        for key, value in reserve.items():
            if self._reserved.get(key, value) != value:
                raise _DivergenceError(
                    index, f"it reserves {key}, which an earlier entry reserved for something else"
                )
        first = {key: value for key, value in reserve.items() if key not in self._reserved}
        if first != made:
            keys = ", ".join(sorted(dict(first.items() ^ made.items())))
            raise _DivergenceError(index, f"its reservations are not those of its leaf: {keys}")
        self._reserved.update(first)

    def _check_kept_root(self) -> None:
        if (
            self._kept is not None
            and self._kept.size == self._tree.size
            and self._kept.root != self._tree.root()
        ):
            reason = f"a head of {self._kept.size} entries was signed and kept, and these are not they"
            raise _DivergenceError(_last(self._kept.size), reason)

    def _check_root(self, size: int, root: bytes) -> None:
        if self._tree.root() != root:
            raise _DivergenceError(_last(size), "the entries up to it do not make the signed root")
        if self._kept is not None and self._kept.size > size:
            raise _DivergenceError(
                size, f"it is missing: a head of {self._kept.size} entries was signed and kept"
            )

    def _check_head_row(self, head: Head, size: int) -> None:
        if head.size != size:
            reason = f"the head row says {head.size} entries, the signed checkpoint says {size}"
            raise _DivergenceError(min(head.size, size), reason)
        if head.root != self._tree.root():
            raise _DivergenceError(_last(size), "the root in the head row is not the signed one")
        if head.newest != self._newest:
            raise _DivergenceError(
                _last(size), "the newest time in the head row is not that of any entry, or not the newest"
            )

    def _check_strays(self, size: int) -> None:
        stray = self._reader.stray(size)
        if stray is not None:
            reason = f"a row in the {stray.table} table lies outside the log of {size} entries"
            raise _DivergenceError(stray.index, reason)

    def _check_files(self) -> None:
        # All that was read above came by the way of the tables; a gate's look-ups come by the way of their indexes.
        damage = _reading(None, self._reader.damage)
        if damage is not None:
            raise _DivergenceError(None, f"the database is damaged: {damage}")


def _reading(index: int | None, read: Callable[[], T]) -> T:
    try:
        return read()
    except LogError as error:
        if error.code != "log.corrupt":
            raise
        raise _DivergenceError(index, error.message) from error


def _last(size: int) -> int | None:
    return size - 1 if size else None
