"""`verify` with a memory of this process: the same bytes under the same trust and roots are verified once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final, TypeAlias

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.limits import DEFAULT_LIMITS, MIB, Limits
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import VerifiedStatement, verify

__all__ = ["VerifiedStatement", "Verifier"]

_Verdict: TypeAlias = VerifiedStatement | AttestationError

# Measured, and rather too much: what a verdict takes beside its text, per byte of it, per list or object in it.
_OVERHEAD: Final = 4096
_PER_BYTE: Final = 7
_PER_CONTAINER: Final = 72


class Verifier:
    """Verdicts by (bundle, trust with its roots), accepted or refused, the least recently asked forgotten first.

    Bounded by number and by an estimate of bytes. Only for bytes that this process hashed itself. Safe to use from
    several threads; two may verify the same bytes at once, and both get an equal answer.
    """

    def __init__(
        self, limits: Limits = DEFAULT_LIMITS, *, remember: int = 4096, remember_bytes: int = 256 * MIB
    ) -> None:
        self._limits = limits
        self._remember = remember
        self._remember_bytes = remember_bytes
        self._known: OrderedDict[tuple[Digest, Digest], tuple[_Verdict, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def verify(self, raw: bytes, trust: TrustPolicy) -> VerifiedStatement:
        """As `verify.verify`."""
        key = (Digest.of(raw), trust.memory)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
        verdict = known[0] if known is not None else self._judge(key, raw, trust)
        if isinstance(verdict, AttestationError):
            raise _again(verdict)  # one that is raised twice grows by its callers' frames
        return verdict

    def forget(self) -> None:
        """Drop every verdict: for a reload, after which other keys and roots may hold."""
        with self._lock:
            self._known.clear()
            self._bytes = 0

    def _judge(self, key: tuple[Digest, Digest], raw: bytes, trust: TrustPolicy) -> _Verdict:
        verdict: _Verdict
        try:
            verdict = verify(raw, trust, self._limits)
            text = verdict.statement.raw
            cost = _OVERHEAD + _PER_BYTE * len(raw) + _PER_CONTAINER * (text.count(b"{") + text.count(b"["))
        except AttestationError as error:
            # Not itself: it holds its callers' frames, and in them the bytes that it refused.
            verdict, cost = _again(error), _OVERHEAD + 4 * len(error.message)
        with self._lock:
            if key not in self._known:
                self._known[key] = verdict, cost
                self._bytes += cost
            while len(self._known) > self._remember or self._bytes > self._remember_bytes:
                _, (_, dropped) = self._known.popitem(last=False)
                self._bytes -= dropped
        return verdict


def _again(error: AttestationError) -> AttestationError:
    return type(error)(error.code, error.message, where=error.where, hint=error.hint)
