"""Which drafts of a batch get in, and where: the rules of appending, without I/O.

One function for every store, so that they differ in how they write and never in what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from placet_attestations.digests import Digest
from placet_engine.errors import LogError, ReservationConflict
from placet_engine.log.entry import Appended, Draft, Entry, parse_leaf
from placet_engine.log.entry import columns as columns_of
from placet_engine.log.limits import DEFAULT_LOG_LIMITS
from placet_engine.log.merkle import CompactRange, Node, NodeReader, leaf_hash
from placet_engine.log.store import Head, Outcome, Reserved, Seal


class Known(Protocol):
    """What the rules ask a store for."""

    def evidence_entry(self, bundle: Digest) -> int | None:
        """Index of the entry whose index column names this bundle."""

    def decision_entries(self, ids: Sequence[str]) -> Mapping[str, Entry]:
        """The entries with exactly these decision ids, by id; asked once for a whole batch."""

    def entry(self, index: int) -> Entry | None:
        """The entry at an index."""

    def reservation(self, key: str) -> str | None:
        """The value that a key is reserved for."""


@dataclass(slots=True)
class Batch:
    """What a store has to write in one transaction, and the outcome of each draft."""

    head: Head
    outcomes: tuple[Outcome, ...] = ()
    accepted: list[tuple[int, Draft]] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    reserved: list[Reserved] = field(default_factory=list)
    tree: CompactRange = field(default_factory=CompactRange)


def plan(
    drafts: Sequence[Draft],
    head: Head,
    known: Known,
    read: NodeReader,
    seal: Seal,
    last: CompactRange | None = None,
) -> Batch:
    """Place the drafts behind `head` and sign the result; a batch that adds nothing keeps the head as it is.

    `last` is the tree after the batch before: where it makes the head's root, no node has to be read. Raises what the
    seal raises, and LogError log.corrupt when the stored nodes do not make the stored root.
    """
    tree = _tree(head, read, last)
    if tree.root() != head.root:
        raise LogError(
            "log.corrupt",
            f"the stored nodes of the log do not make its root at {head.size} entries",
            hint="run `placet log verify` to find the first bad entry, and restore the database",
        )
    seal.admit(head, read)
    placing = _Placing(drafts, head, known, read)
    outcomes = tuple(placing.place(draft) for draft in drafts)
    batch = Batch(head, outcomes, placing.accepted, reserved=placing.reserved, tree=tree)
    for _, draft in placing.accepted:
        batch.nodes.extend(tree.append(leaf_hash(draft.leaf)))
    if placing.accepted:
        root = tree.root()
        batch.head = Head(tree.size, root, seal.sign(tree.size, root), placing.newest)
    return batch


def _tree(head: Head, read: NodeReader, last: CompactRange | None) -> CompactRange:
    if last is not None and (last.size, last.root()) == (head.size, head.root):
        return CompactRange(last.size, last.hashes)
    return CompactRange.load(head.size, read)


class _Placing:
    """The state of one batch while its drafts are placed one after the other."""

    def __init__(self, drafts: Sequence[Draft], head: Head, known: Known, read: NodeReader) -> None:
        self.size = head.size
        self.newest = head.newest
        self.accepted: list[tuple[int, Draft]] = []
        self.reserved: list[Reserved] = []
        self._known = known
        self._read = read
        self._first = head.size
        self._bundles: dict[Digest, Appended] = {}
        ids = [draft.columns.decision_id for draft in drafts if draft.columns.decision_id is not None]
        self._decisions = {
            decision_id: (Appended(entry.index, entry.columns.time, new=False), entry.leaf)
            for decision_id, entry in known.decision_entries(ids).items()
        }
        self._keys: dict[str, str] = {}

    def place(self, draft: Draft) -> Outcome:
        """The next index, or the entry that is the same one, or why not."""
        same = self._recorded(draft)
        if same is not None:
            return same
        refused = clock_refusal(draft.time, self.newest) if draft.strict_clock else None
        if refused is not None:
            return refused
        conflict = self._conflict(draft)
        if conflict is not None:
            return conflict
        return self._accept(draft)

    def _recorded(self, draft: Draft) -> Outcome | None:
        bundle, decision_id = draft.columns.evidence, draft.columns.decision_id
        if bundle is not None:
            return self._bundles.get(bundle) or self._stored_bundle(bundle)
        if decision_id not in self._decisions:
            return None
        first, leaf = self._decisions[decision_id]
        if leaf == draft.leaf:
            return replace(first, new=False)
        return LogError(
            "log.duplicate",
            f"another decision has the id {decision_id}",
            where=f"log entry {first.index}",
            hint="a decision gets a fresh id",
        )

    def _stored_bundle(self, bundle: Digest) -> Outcome | None:
        index = self._known.evidence_entry(bundle)
        if index is None:
            return None
        where = f"log entry {index}"
        entry = self._known.entry(index)
        # The column is an index, the leaf in the tree has the last word: a row slipped in stands for no arrival.
        if entry is not None and index < self._first and self._read(0, index) == leaf_hash(entry.leaf):
            found = columns_of(parse_leaf(entry.leaf, where=where), where=where)
            if found.evidence == bundle:
                return Appended(index, found.time, new=False)
        return LogError(
            "log.corrupt",
            f"the index names an entry for {bundle} that does not record it",
            where=where,
            hint="run `placet log verify` to find the first bad entry",
        )

    def _conflict(self, draft: Draft) -> ReservationConflict | None:
        for key, value in draft.reservations:
            holder = self._keys[key] if key in self._keys else self._known.reservation(key)
            if holder is not None and holder != value:
                return ReservationConflict(key, wanted=value, holder=holder)
        return None

    def _accept(self, draft: Draft) -> Appended:
        index = self.size
        appended = Appended(index, draft.time)
        self.size += 1
        self.newest = draft.time if self.newest is None else max(self.newest, draft.time)
        self.accepted.append((index, draft))
        if draft.columns.evidence is not None:
            self._bundles[draft.columns.evidence] = replace(appended, new=False)
        if draft.columns.decision_id is not None:
            self._decisions[draft.columns.decision_id] = (appended, draft.leaf)
        for key, value in draft.reservations:
            if key not in self._keys and self._known.reservation(key) is None:
                self.reserved.append(Reserved(key, value, index))
            self._keys[key] = value
        return appended


def clock_refusal(now: datetime, newest: datetime | None) -> LogError | None:
    """The refusal clock.rolled_back, when `now` is too far behind the newest entry (design.md section 3)."""
    if newest is None or newest - now <= DEFAULT_LOG_LIMITS.clock_skew:
        return None
    return LogError(
        "clock.rolled_back",
        f"the clock says {now.isoformat()}, which is before the newest log entry, {newest.isoformat()}",
        hint="set the clock of this machine; if an entry was written with a clock ahead, wait for that time",
    )
