"""Fetching what is known about an artifact: bytes from the store, verified again, with their proved arrival time.

Rows are an index, never proof (design.md section 1, promise 2): what the index names is hashed, verified and looked
up in the log before it is used, so a row that somebody slipped in can only name evidence that does not count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, StoreError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.predicate_types import is_known
from placet_attestations.store import EvidenceStore
from placet_attestations.trust import TrustPolicy
from placet_attestations.verifier import Verifier
from placet_engine.lineage.model import Arrived, Finding
from placet_engine.lineage.summaries import found, is_summary
from placet_engine.log.log import DecisionLog


@dataclass(frozen=True, slots=True)
class About:
    """Everything held about one artifact. `complete` is False when there is more than the limit lets be read."""

    arrived: tuple[Arrived, ...]
    findings: tuple[Finding, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class EvidenceReader:
    """Reads, verifies and dates the evidence about one artifact at a time."""

    store: EvidenceStore
    verifier: Verifier
    log: DecisionLog
    trust: TrustPolicy
    limits: Limits = DEFAULT_LIMITS

    def about(self, artifact: Digest) -> About:
        """What is held about `artifact`, in the order of the statements' digests.

        Evidence that does not verify, that never arrived by the front door, or that arrived before in another wrapping
        is a finding. Evidence that the index names and the store cannot give is an error: `StoreError`, `LogError`.
        """
        held = sorted(self.store.by_subject(artifact))
        arrived: list[Arrived] = []
        findings: list[Finding] = []
        for digest in held[: self.limits.max_statements_per_artifact]:
            item = self._one(digest, artifact)
            if isinstance(item, Arrived):
                arrived.append(item)
            else:
                findings.append(item)
        copies = self._copies(arrived)
        findings.extend(_copy(item, artifact) for item in arrived if item.verified.digest in copies)
        return About(
            tuple(item for item in arrived if item.verified.digest not in copies),
            tuple(findings),
            len(held) <= self.limits.max_statements_per_artifact,
        )

    def _copies(self, arrived: Iterable[Arrived]) -> set[Digest]:
        """The same statement by the same signer counts once, as it came first, or as it is proved to be still older.

        Anybody can wrap a signed statement anew (white space, the other spelling of an ECDSA signature). That must
        make it neither newer, nor unused, nor two; and who takes its time stamp off must not rob it of its time.
        """
        # What `said` is a digest of, as it stands: it is compared for every decision, and need not be hashed.
        same: defaultdict[tuple[str, bytes], list[Arrived]] = defaultdict(list)
        for item in arrived:
            same[item.verified.signer.id, item.verified.statement.raw].append(item)
        copies: set[Digest] = set()
        for items in same.values():
            if len(items) > 1:
                counts = self._oldest(items)
                copies |= {item.verified.digest for item in items if item is not counts}
        return copies

    def _oldest(self, items: Iterable[Arrived]) -> Arrived:
        # By the log's order and not by its time: a clock may go back a little, the log may not.
        first, *others = sorted(items, key=self._place)
        proved = [item for item in others if any(at.time < first.since for at in item.verified.times)]
        return min(proved, key=lambda item: item.since, default=first)

    def _place(self, item: Arrived) -> int:
        return self.log.store.evidence_entry(item.verified.digest) or 0

    def _one(self, digest: Digest, artifact: Digest) -> Arrived | Finding:
        raw = self.store.get(digest)
        if raw is None:
            raise StoreError(
                "store.missing",
                f"the store lists statement {digest} and has no bytes of it",
                hint="restore the store from a copy, or add the bundle again",
            )
        try:
            verified = self.verifier.verify(raw, self.trust)
        except AttestationError as error:
            return Finding(error.code, str(error), digest, artifact)
        if all(subject.digest != artifact for subject in verified.statement.subjects):
            return Finding(
                "evidence.index",
                "the index ties this statement to an artifact it is not about",
                digest,
                artifact,
            )
        who = (digest, artifact, verified.type, verified.signer.id)
        summary = is_summary(verified.statement)
        if not summary and not is_known(verified.statement.predicate_type):
            return Finding("predicate.unknown", f"no rule reads {verified.type}", *who)
        logged = self.log.evidence_time(digest)
        if logged is None:
            return Finding(
                "evidence.unrecorded", "the log has no arrival of this statement: add it by  placet add", *who
            )
        return (
            found(verified, artifact, verified.existed(logged), self.trust)
            if summary
            else Arrived(verified, logged)
        )


def _copy(item: Arrived, artifact: Digest) -> Finding:
    verified = item.verified
    return Finding(
        "evidence.copy",
        "the same statement arrived before, and counts as it came first",
        verified.digest,
        artifact,
        verified.type,
        verified.signer.id,
    )
