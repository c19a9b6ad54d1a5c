"""Taking evidence in: verified first, then kept by digest, then its arrival logged.

The arrival entry is the time that windows, revocations and freshness are judged by (design.md section 3), so a bundle
without one counts for nothing, however it came into the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from placet_attestations.digests import Digest
from placet_attestations.errors import UnsupportedError, VerificationError
from placet_attestations.predicate_types import is_known
from placet_attestations.refusals import no_rule
from placet_attestations.store import EvidenceStore
from placet_attestations.trust import TrustPolicy
from placet_attestations.verifier import VerifiedStatement, Verifier
from placet_engine.lineage.summaries import is_summary
from placet_engine.log.log import DecisionLog


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A bundle that is held: its statement, the log entry of its arrival, and whether it is new here."""

    verified: VerifiedStatement
    entry: int
    new: bool

    @property
    def digest(self) -> Digest:
        """Digest of the bundle's bytes."""
        return self.verified.digest


@dataclass(frozen=True, slots=True)
class Intake:
    """The one way into the evidence store."""

    trust: TrustPolicy
    verifier: Verifier
    store: EvidenceStore
    log: DecisionLog
    clock: Callable[[], datetime]

    def take_in(self, raw: bytes) -> TakenIn:
        """Verify, keep, log; doing it twice does it once.

        1. Verify: a signature by somebody whom trust.yaml names, statement, predicate schema.
        2. Refuse what nobody could ever ask for, or no rule of trust.yaml admit, so that the signer hears it now and
           not at the gate.
        3. Keep the bytes. A crash after this leaves evidence without an arrival: it counts for nothing; coming again
           mends it.
        4. Log the arrival, durably.

        Raises `MalformedError`, `VerificationError` (`trust.*`), `StoreError`, `LogError` (`clock.rolled_back` too).
        """
        verified = self.verifier.verify(raw, self.trust)
        _require_a_subject(verified)
        self._require_a_rule(verified)
        new = self.store.put(raw, verified)
        arrived = self.log.record_evidence(verified.digest, verified.statement.predicate_type, self.clock())
        return TakenIn(verified, arrived.index, new)

    def _require_a_rule(self, verified: VerifiedStatement) -> None:
        if not is_known(verified.statement.predicate_type) and not is_summary(verified.statement):
            return
        rules = self.trust.rules
        roles = {role for rule in rules if verified.type in rule.types for role in rule.roles}
        if roles.isdisjoint(verified.signer.roles):
            code, words = no_rule(verified.signer, verified.type, None, rules)
            raise VerificationError(
                code, words, hint="let somebody who has one of the roles sign it, or change trust.yaml"
            )


def _require_a_subject(verified: VerifiedStatement) -> None:
    if not verified.statement.subjects:
        raise UnsupportedError(
            "statement.no_sha256",
            "the statement gives no subject a SHA-256 digest, by which artifacts are known here",
            where="statement",
            hint="it verifies, and `placet verify` shows it; ask its maker for sha256 beside the others",
        )
