"""The decision log as the rest of the engine sees it: append, prove, look up. Opened over a store, a key and
a kept head.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from placet_attestations.digests import Digest
from placet_engine.errors import ConfigurationError, LogError, ProofError
from placet_engine.log.batch import clock_refusal
from placet_engine.log.checkpoint import Checkpoint, sign_checkpoint
from placet_engine.log.entry import (
    Appended,
    Draft,
    Entry,
    Payload,
    columns,
    evidence_draft,
    parse_leaf,
    string_map,
)
from placet_engine.log.head_file import HeadFile
from placet_engine.log.keyfile import load_log_key
from placet_engine.log.limits import DEFAULT_LOG_LIMITS, LogLimits
from placet_engine.log.nodes import NodeMemory
from placet_engine.log.note import NoteSigner, NoteVerifier, valid_name
from placet_engine.log.proof import Proof
from placet_engine.log.receipt import make_receipt
from placet_engine.log.seal import LogSeal, check_head, check_kept
from placet_engine.log.sqlite import SqliteLogStore
from placet_engine.log.store import Filters, Head, LogStore
from placet_engine.log.writer import LogWriter, Soon


class DecisionLog:
    """One log. What it returns from `prove`, `evidence_time`, `payload` and `receipt` is proved under the
    log's key.

    `find`, `entries` and `by_decision` read the index, which is a convenience and proves nothing.
    """

    def __init__(
        self,
        store: LogStore,
        verifier: NoteVerifier,
        origin: str,
        writer: LogWriter | None = None,
        limits: LogLimits = DEFAULT_LOG_LIMITS,
    ) -> None:
        self.store = store
        self.verifier = verifier
        self.origin = origin
        self._writer = writer
        self._limits = limits
        self._proved: Head | None = None
        self._last: tuple[Head, Proof] | None = None
        self._arrivals: dict[Digest, datetime] = {}
        self._nodes = NodeMemory(store.node)

    @classmethod
    def open(cls, database: Path, *, key: NoteSigner | Path, head: Path, origin: str | None = None) -> Self:
        """Open a log for appending; the database is created when there is none.

        `key` is the private key or its file, `head` the file of the kept checkpoint, outside the database;
        the origin is the key's name unless given. Refuses a store that is behind the kept head or signed by
        another key: LogError log.rolled_back, log.key_mismatch, log.corrupt; ConfigurationError logkey.*.
        """
        signer = load_log_key(key) if isinstance(key, Path) else key
        return cls.over(SqliteLogStore.open(database), signer, head, origin)

    @classmethod
    def over(
        cls,
        store: LogStore,
        signer: NoteSigner,
        head: Path,
        origin: str | None = None,
        limits: LogLimits = DEFAULT_LOG_LIMITS,
    ) -> Self:
        """A log over a store that is open; closes the store when it refuses, and in `close`."""
        try:
            name = _origin(origin or signer.name)
            head_file = HeadFile(head, signer.verifier, name)
            # The kept head is read first: another process may append in between, and a store ahead is fine.
            kept = head_file.kept()
            durable = store.head()
            check_head(durable, signer.verifier, name)
            if kept is None:
                kept = _first_kept(head_file, durable, signer, name)
            check_kept(kept, durable, store.node)
        except BaseException:
            store.close()
            raise
        writer = LogWriter(store, LogSeal(signer, name, head_file), limits)
        return cls(store, signer.verifier, name, writer, limits)

    @classmethod
    def read(cls, database: Path, *, verifier: NoteVerifier, origin: str | None = None) -> Self:
        """Open a log for reading only, with its public key; LogError log.missing."""
        if not database.is_file():
            raise LogError(
                "log.missing",
                "there is no log",
                where=str(database),
                hint="name the store, or decide something",
            )
        return cls(SqliteLogStore.open(database), verifier, origin or verifier.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, draft: Draft) -> Appended:
        """Append and wait until it is durable; errors as `LogWriter.append`, and LogError log.read_only."""
        return self.submit(draft).result()

    def submit(self, draft: Draft, *, soon: Soon | None = None) -> Future[Appended]:
        """Hand in a draft; the future answers when it is durable. `soon` and errors as `LogWriter.submit`."""
        if self._writer is None:
            raise LogError(
                "log.read_only", "the log is open for reading only", hint="open it with its private key"
            )
        return self._writer.submit(draft, soon=soon)

    def record_evidence(self, bundle: Digest, predicate_type: str, now: datetime) -> Appended:
        """Record that a bundle arrived; recorded once, the second time gets the first entry. LogError
        clock.rolled_back.
        """
        return self.append(evidence_draft(bundle, predicate_type, now))

    def check_clock(self, now: datetime) -> None:
        """LogError clock.rolled_back when `now` stands more than 5 s behind the newest entry."""
        refused = clock_refusal(now, self.newest())
        if refused is not None:
            raise refused

    def newest(self) -> datetime | None:
        """The greatest time of any entry; None while the log is empty.

        The head row's word is not signed, so the time of the last entry, which is proved, counts beside it.
        """
        head = self.head()
        if not head.size:
            return None
        last = columns(parse_leaf(self.prove(head.size - 1).leaf)).time
        return last if head.newest is None else max(last, head.newest)

    def head(self) -> Head:
        """The durable head, its signature checked (once for each head); LogError log.corrupt, log.key_mismatch."""
        head = self.store.head()
        # What our own writer has just signed need not be checked to be signed: it is the same to the last byte.
        if head != self._proved and (self._writer is None or head != self._writer.kept):
            check_head(head, self.verifier, self.origin)
            self._proved = head
        return head

    def prove(self, index: int) -> Proof:
        """The inclusion proof of an entry against the newest checkpoint, checked before it is returned.

        LogError log.not_found; log.corrupt when the entry does not stand in the tree that was signed.
        """
        head = self.head()
        last = self._last
        # The end of the log is proved for a decision's receipt, and again for the clock of the next one.
        if last is not None and last[0] == head and last[1].index == index:
            return last[1]
        entry = self.store.entry(index) if 0 <= index < head.size else None
        if entry is None:
            raise self._missing(index, head)
        path = self._nodes.path(entry.leaf, index, head)
        if path is None:
            raise _unproved(index, f"it does not stand there in the log of {head.size} entries")
        proof = Proof(entry.leaf, index, path, head.checkpoint)
        if index == head.size - 1:
            self._last = head, proof
        return proof

    def evidence_time(self, bundle: Digest) -> datetime | None:
        """When the arrival of this bundle was logged, proved by inclusion under the signed head; None when it
        was not.

        LogError log.corrupt when the index names an entry that does not stand in the tree, or is not of this
        bundle.
        """
        if bundle in self._arrivals:
            return self._arrivals[bundle]
        index = self.store.evidence_entry(bundle)
        if index is None:
            return None
        try:
            view = columns(parse_leaf(self.prove(index).leaf))
        except LogError as error:
            raise _unproved(index, error.message) from error
        if view.kind != "evidence" or view.evidence != bundle:
            raise _unproved(index, f"it does not record the arrival of {bundle}")
        if len(self._arrivals) >= self._limits.max_remembered:
            self._arrivals.clear()
        # What is proved stays true: leaves never change under a tree that only grows.
        self._arrivals[bundle] = view.time
        return view.time

    def evidence_times(self, bundles: Iterable[Digest]) -> dict[Digest, datetime]:
        """The proved arrival times of those bundles that have one."""
        times = {bundle: self.evidence_time(bundle) for bundle in bundles}
        return {bundle: time for bundle, time in times.items() if time is not None}

    def payload(self, index: int, name: str) -> Payload:
        """A payload that its proved leaf commits to: decision, input or answer. LogError log.not_found,
        log.corrupt.
        """
        return self._payload(self.prove(index), name)

    def receipt(self, index: int) -> bytes:
        """The receipt of the decision at `index`; errors as `payload`."""
        proof = self.prove(index)
        return make_receipt(proof, self._payload(proof, "decision"))

    def by_decision(self, prefix: str) -> Entry:
        """The entry of the decision whose id starts with `prefix`; LogError log.not_found, log.ambiguous."""
        found = self.store.by_decision(prefix) if prefix else ()
        if not found:
            raise LogError(
                "log.not_found", f"no decision {prefix!r} in the log", hint="see `placet log list`"
            )
        if len(found) > 1:
            both = " and ".join(str(entry.columns.decision_id) for entry in found)
            raise LogError(
                "log.ambiguous", f"{prefix!r} starts several ids, among them {both}", hint="give more of it"
            )
        return found[0]

    def find(self, **filters: Unpack[Filters]) -> tuple[Entry, ...]:
        """Entries from the index, newest first; the filters are those of `store.Filters`."""
        return self.store.find(**filters)

    def entries(self, start: int, stop: int) -> tuple[Entry, ...]:
        """A range of entries from the index, oldest first."""
        return self.store.entries(start, stop)

    def close(self) -> None:
        """Commit what waits and let go of the files."""
        if self._writer is not None:
            self._writer.close()
        self.store.close()

    def _payload(self, proof: Proof, name: str) -> Payload:
        leaf = parse_leaf(proof.leaf)
        commitments = string_map(leaf, "commitments")
        payload = self.store.payloads(proof.index).get(name)
        if name not in commitments or payload is None:
            hint = "`placet log list --all` says what each entry is; a payload may have been erased"
            what = f"log entry {proof.index} is of type {leaf['type']}, and has no {name}"
            raise LogError("log.not_found", what, hint=hint)
        if payload.commitment != commitments[name]:
            raise _unproved(proof.index, f"its {name} is not what the entry commits to")
        return payload

    def _missing(self, index: int, head: Head) -> LogError:
        if 0 <= index < head.size:
            return _unproved(index, "its row is missing")
        hint = f"indexes run from 0 to {head.size - 1}" if head.size else "the log is empty"
        return LogError("log.not_found", f"there is no log entry {index}", hint=hint)


def _origin(name: str) -> str:
    try:
        return valid_name(name)
    except ProofError as error:
        raise ConfigurationError("log.origin", error.message, hint=error.hint) from error


def _first_kept(head_file: HeadFile, durable: Head, signer: NoteSigner, origin: str) -> Checkpoint:
    """Keep the head of an empty log before anything is appended, so that a log without a kept head is one that lost it.

    LogError log.head_missing: whoever may remove that file could otherwise put the store back unseen.
    """
    if durable.size == 0:
        empty = Checkpoint(origin, 0, durable.root)
        head_file.keep(sign_checkpoint(empty, signer), empty)
        return empty
    kept = head_file.kept()  # once more: another process may have begun the log in between
    if kept is None:
        raise LogError(
            "log.head_missing",
            f"the log holds {durable.size} entries, and its kept head is gone: it cannot be told from one put back",
            where=str(head_file.path),
            hint="restore the file; or, when you know that the store is the newest:  placet log checkpoint --keep",
        )
    return kept


def _unproved(index: int, why: str) -> LogError:
    hint = "run `placet log verify` to find the first bad entry, then restore the database from a copy"
    return LogError("log.corrupt", f"log entry {index} is not proved: {why}", hint=hint)
