"""Where the log lies: the port, and its durability contract.

A store keeps entries, the nodes of their tree, the payloads, the reservations and one head row. It knows no
key: whoever appends brings a `Seal`, which looks at the durable head before anything is built on it and signs
the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypedDict, Unpack

from placet_attestations.digests import Digest
from placet_engine.errors import LogError
from placet_engine.log.entry import Appended, Draft, Entry, Payload
from placet_engine.log.merkle import NodeReader, empty_root

Outcome = Appended | LogError
"""What became of one draft: its place, or why it alone was refused (a value here, raised by the writer)."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest state of a store: tree size and root, the signed checkpoint over them, the greatest time of
    an entry.

    `checkpoint` is empty and `newest` is None while the log is empty. Nothing in it is proved before its
    signature is.
    """

    size: int
    root: bytes
    checkpoint: str
    newest: datetime | None


EMPTY_HEAD = Head(0, empty_root(), "", None)


class Committed(NamedTuple):
    """A batch that is durable: one outcome for each draft, in their order, and the head that now stands."""

    outcomes: tuple[Outcome, ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation as stored: which entry made it first."""

    key: str
    value: str
    index: int


@dataclass(frozen=True, slots=True)
class Stray:
    """A row that belongs to no entry of the log."""

    table: str
    index: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What the entries from some index on brought in that decisions rest on; `size` is where the next look begins."""

    size: int
    bundles: tuple[Digest, ...]
    reserved: tuple[Reserved, ...]


class Filters(TypedDict, total=False):
    """What `find` may be asked for; what is absent or None does not filter.

    Columns are compared exactly, since <= time < until, index < before, at most `limit` entries (100 unless
    given).
    """

    kind: str | None
    gate: str | None
    subject: str | None
    verdict: str | None
    since: datetime | None
    until: datetime | None
    before: int | None
    limit: int


class Seal(Protocol):
    """What an appender brings to the store. Called inside the transaction, so both calls must be quick."""

    def admit(self, head: Head, read: NodeReader) -> None:
        """Raise LogError (log.rolled_back, log.key_mismatch, log.corrupt) when nothing may be built upon this
        head.
        """

    def sign(self, size: int, root: bytes) -> str:
        """The signed checkpoint over the new head. It leaves the store only once it is durable there."""


class LogReader(Protocol):
    """Reading. May be called from any thread, also while somebody appends; sees whole batches only.

    Nothing that is read is proved: rows are an index. All methods raise LogError log.corrupt for rows that
    cannot be, and log.locked or log.unreadable when the store does not answer.
    """

    def head(self) -> Head:
        """The durable head, `EMPTY_HEAD` at first. Read it first: what it counts is there, and stays."""

    def entry(self, index: int) -> Entry | None:
        """The entry at `index`."""

    def entries(self, start: int, stop: int) -> tuple[Entry, ...]:
        """The entries with start <= index < stop, oldest first; those that are missing are left out."""

    def find(self, **filters: Unpack[Filters]) -> tuple[Entry, ...]:
        """Entries that match every given filter, newest first."""

    def by_decision(self, prefix: str) -> tuple[Entry, ...]:
        """The entries whose decision id starts with `prefix`, oldest first; at most two, for two are one too many."""

    def evidence_entry(self, bundle: Digest) -> int | None:
        """Index of the entry that recorded the arrival of this bundle."""

    def node(self, level: int, index: int) -> bytes:
        """A complete subtree's hash, as a `merkle.NodeReader`; LogError log.corrupt when it is missing."""

    def payloads(self, index: int) -> dict[str, Payload]:
        """The payloads of an entry by name; empty when it has none, or none any more."""

    def reservation(self, key: str) -> str | None:
        """The value that `key` was reserved for."""

    def reservations(self, start: int, stop: int) -> tuple[Reserved, ...]:
        """The reservations that the entries start <= index < stop made first."""

    def changes(self, start: int, limit: int) -> Changes:
        """The evidence and the reservations of at most `limit` entries from `start` on, oldest first."""

    def stray(self, size: int) -> Stray | None:
        """A row beyond a log of `size` entries, or one whose entry is missing; None when there is none."""

    def damage(self) -> str | None:
        """What the store finds wrong with its own files and indexes, in words; None when it finds nothing."""


class LogStore(LogReader, Protocol):
    """Appending. Several processes may append to one store; the store lets one batch in after the other.

    Durability contract:

    - When `append` returns, the batch is on stable storage with its tree nodes and its signed head: it survives
      kill -9 and power loss. Not before.
    - A batch is atomic. A crash at any point leaves all of it or none; what is left is a log, and needs no repair.
    - When `append` raises, the batch may be durable or not (the answer to a commit can get lost). The next call
      starts from whatever head is durable then. A caller may repeat a draft: the same decision id with the same
      leaf, and the same bundle, are recorded once, and the second call gets the index of the first.
    - Drafts keep their order. A draft that is refused alone (reservation, clock, duplicate id) leaves no trace and
      does not disturb the others.
    """

    def append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        """Append a batch durably. LogError log.unwritable, log.locked, log.corrupt, or whatever the seal raised."""

    def snapshot(self) -> AbstractContextManager[LogReader]:
        """A view of one moment, for reading a whole log while others append."""

    def follow(self) -> AbstractContextManager[LogReader]:
        """A reader of its own that always sees the newest: no other reader's long question makes it wait."""

    def close(self) -> None:
        """Let go of the files. Nothing is lost by not calling it."""
