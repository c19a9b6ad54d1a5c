"""Taking evidence in: verified first, then kept by digest, then its arrival logged.

The arrival entry is the time that windows, revocations and freshness are judged by (design.md section 3), so a bundle
without one counts for nothing, however it came into the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from placet_attestations.bundle import make_bundle
from placet_attestations.digests import Digest
from placet_attestations.envelope import Envelope, check_payload_type, verify_envelope
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.predicate_types import is_known
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.store import EvidenceStore
from placet_attestations.strictjson import loads
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import VerifiedStatement, Verifier
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

        0. A bare DSSE envelope becomes a bundle, see `as_bundle`.
        1. Verify: signature by a key that trust.yaml names, statement, predicate schema.
        2. Refuse what no rule of trust.yaml could ever admit, so that the signer hears it now and not at the gate.
        3. Keep the bytes. A crash after this leaves evidence without an arrival: it counts for nothing; coming again
           mends it.
        4. Log the arrival, durably.

        Raises `MalformedError`, `VerificationError` (`trust.*`), `StoreError`, `LogError` (`clock.rolled_back` too).
        """
        raw = as_bundle(raw, self.trust)
        verified = self.verifier.verify(raw, self.trust)
        self._require_a_rule(verified)
        new = self.store.put(raw, verified)
        arrived = self.log.record_evidence(verified.digest, verified.statement.predicate_type, self.clock())
        return TakenIn(verified, arrived.index, new)

    def _require_a_rule(self, verified: VerifiedStatement) -> None:
        if not is_known(verified.statement.predicate_type) and not is_summary(verified.statement):
            return
        signer = verified.signer
        may = {role for rule in self.trust.rules if verified.type in rule.types for role in rule.roles}
        if may.isdisjoint(signer.roles):
            wanted = (
                f"one of the roles {', '.join(sorted(may))}"
                if may
                else "a rule, and trust.yaml has none for it"
            )
            raise VerificationError(
                "trust.role_missing",
                f"{signer.id} ({signer.principal}) may not sign {_article(verified.type)} {verified.type} statement",
                hint=f"that needs {wanted}; let somebody who has it sign, or change trust.yaml",
            )


def is_bare(raw: bytes) -> bool:
    """Whether these bytes look like a DSSE envelope without a bundle around it. Nothing is parsed."""
    return b'"payloadType"' in raw and b'"dsseEnvelope"' not in raw


def as_bundle(raw: bytes, trust: TrustPolicy) -> bytes:
    """The bundle of a bare DSSE envelope; anything else as it is.

    A bundle names its key, so the signature is tried with the keys of trust.yaml; whoever takes the bundle verifies it
    from its first byte, as one that came so. The same envelope gives the same bundle. Raises `MalformedError` json.*,
    dsse.*, bundle.signatures; `UnsupportedError` dsse.payload_type; `VerificationError` signature.unknown_key.
    """
    if not is_bare(raw):
        return raw
    limits = DEFAULT_LIMITS
    document = loads(raw, max_bytes=limits.max_bundle_bytes, max_depth=limits.max_json_depth, where="bundle")
    if not isinstance(document, Mapping) or "payloadType" not in document:
        return raw
    envelope = Envelope.from_json(document)
    check_payload_type(envelope, (PAYLOAD_TYPE,))
    if len(envelope.signatures) != 1:
        raise MalformedError(
            "bundle.signatures",
            f"{len(envelope.signatures)} signatures: an envelope is kept as a bundle, which has one",
            where="DSSE envelope",
            hint="send one envelope for each signature",
        )
    for signer in trust.signers:
        try:
            verify_envelope(envelope, (signer.key,), payload_types=(PAYLOAD_TYPE,))
        except VerificationError:
            continue
        return make_bundle(envelope, signer.key)
    raise VerificationError(
        "signature.unknown_key",
        "no key of trust.yaml made this signature",
        where="DSSE envelope",
        hint="either the content changed after it was signed, or its signer is not in trust.yaml",
    )


def _article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"
