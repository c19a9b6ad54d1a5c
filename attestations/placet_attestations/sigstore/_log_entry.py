"""An entry of a transparency log as a bundle carries it (sigstore/protobuf-specs, `sigstore_rekor.proto`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from placet_attestations.limits import Limits
from placet_attestations.sigstore._protojson import Members, malformed
from placet_attestations.strictjson import JsonValue


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The way from an entry to a signed root: hashes of 32 bytes, and the checkpoint's text."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...] = field(repr=False)
    checkpoint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry, not verified. `integrated` is in seconds since 1970, 0 for none: it counts only with a promise
    that holds.
    """

    log_id: bytes
    kind: str  # with its version: hashedrekord/0.0.1
    index: int
    integrated: int
    promise: bytes | None = field(repr=False)
    proof: InclusionProof
    body: bytes = field(repr=False)


def read_entries(listed: Sequence[JsonValue], name: str, limits: Limits) -> tuple[LogEntry, ...]:
    """Read the entries that the member `name` lists."""
    if len(listed) > limits.max_log_entries:
        raise malformed(
            "entries", f"{name} holds {len(listed)} log entries, the limit is {limits.max_log_entries}"
        )
    return tuple(read_entry(item, limits) for item in listed)


def read_entry(value: JsonValue, limits: Limits) -> LogEntry:
    """Read an entry; it must bring its inclusion proof with a checkpoint, for nobody asks the log."""
    members = Members.of(value, "a log entry")
    log, kind = (Members.of(members.take(name) or {}, name) for name in ("logId", "kindVersion"))
    log_id = log.bytes("keyId")
    log.done()
    name, version = kind.text("kind"), kind.text("version")
    kind.done()
    entry = LogEntry(
        log_id,
        f"{name}/{version}",
        members.number("logIndex"),
        members.number("integratedTime"),
        _promise(members.take("inclusionPromise")),
        _proof(members.take("inclusionProof"), limits),
        members.bytes("canonicalizedBody"),
    )
    members.done()
    if len(log_id) != 32 or not name or not version or not entry.body:
        raise malformed("entry", "a log entry without a log ID of 32 bytes, a kind, a version or a body")
    return entry


def _promise(value: JsonValue) -> bytes | None:
    if value is None:
        return None
    members = Members.of(value, "inclusionPromise")
    signed = members.bytes("signedEntryTimestamp")
    members.done()
    return signed or None


def _proof(value: JsonValue, limits: Limits) -> InclusionProof:
    if value is None:
        raise malformed("proof", "a log entry has no inclusion proof")
    members = Members.of(value, "inclusionProof")
    index, size, root = members.number("logIndex"), members.number("treeSize"), members.bytes("rootHash")
    listed = members.items("hashes")
    noted = Members.of(members.take("checkpoint") or {}, "checkpoint")
    members.done()
    text = noted.text("envelope")
    noted.done()
    if len(listed) > limits.max_proof_hashes:
        raise malformed(
            "proof", f"inclusionProof holds {len(listed)} hashes, the limit is {limits.max_proof_hashes}"
        )
    hashes = tuple(_hash(item) for item in listed)
    if not 0 < len(text.encode()) <= limits.max_checkpoint_bytes:
        raise malformed(
            "proof",
            f"checkpoint of inclusionProof, {len(text):,} characters, the limit is "
            f"{limits.max_checkpoint_bytes:,} bytes",
        )
    if index >= size or len(root) != 32 or any(len(item) != 32 for item in hashes):
        raise malformed(
            "proof", "an inclusion proof with an index beyond its tree, or hashes not of 32 bytes"
        )
    return InclusionProof(index, size, root, hashes, text)


def _hash(value: JsonValue) -> bytes:
    return Members({"hash": value}, "an inclusion proof").bytes("hash")
