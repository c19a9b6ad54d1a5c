"""All bounds of the decision log, with a line each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Bounds and defaults; sizes in bytes, times in seconds unless the type says otherwise."""

    max_leaf_bytes: int = 4096
    """One leaf; tlog-tiles allows 65,535, but a leaf is a record of commitments, not of payloads."""
    max_payload_bytes: int = 32 * 1024 * 1024
    """One payload beside a leaf: the decision document, the input, the answer."""
    max_note_bytes: int = 1 << 20
    """A signed note; 16 post-quantum signatures fit ten times over."""
    max_note_signatures: int = 64
    """Signature lines of one note; the specification asks for at least 16."""
    max_receipt_bytes: int = 64 * 1024 * 1024
    """A receipt file: the decision document once, its proof beside it."""
    max_batch: int = 256
    """Drafts in one commit."""
    max_queue: int = 4096
    """Drafts that wait for the writer; whoever comes later waits for room."""
    queue_timeout: float = 10.0
    """How long a caller waits for room in the queue before it is told ``log.busy``."""
    clock_skew: timedelta = timedelta(seconds=5)
    """How far a time may stand behind the newest entry before the clock counts as set back."""
    max_remembered: int = 65_536
    """Proved arrival times that one process keeps in memory."""
    page: int = 512
    """Entries that an audit reads at once."""


DEFAULT_LOG_LIMITS = LogLimits()
