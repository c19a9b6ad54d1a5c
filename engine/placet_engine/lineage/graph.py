"""The walk from a subject back to its roots, over admitted statements only.

Pure but for the reader that is passed in. Breadth first, each digest once, so a cycle cannot trap it; cycles are
found in the finished graph and reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from placet_attestations.admission import Admission, admit_all
from placet_attestations.claims import Dependency
from placet_attestations.digests import Digest
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.times import format_time
from placet_attestations.trust import TrustPolicy
from placet_engine.lineage.model import Admitted, Arrived, Artifact, Finding, Lineage
from placet_engine.lineage.reader import About


class Reader(Protocol):
    """Where evidence about one artifact comes from."""

    def about(self, artifact: Digest) -> About:
        """Everything verified that is held about it."""
        ...


@dataclass(slots=True)
class _Walk:
    artifacts: dict[Digest, Artifact] = field(default_factory=dict)
    statements: dict[Digest, Admitted] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    roles: dict[Digest, set[str]] = field(default_factory=dict)
    loops: set[Digest] = field(default_factory=set)
    truncated: bool = False


def trace(
    subject: Digest,
    reader: Reader,
    trust: TrustPolicy,
    limits: Limits = DEFAULT_LIMITS,
    *,
    as_of: datetime | None = None,
) -> Lineage:
    """Walk back from `subject`. Beyond the limits on depth and artifacts the walk stops, and says so (`truncated`).

    `as_of` leaves out what had not arrived by then (finding evidence.future).
    """
    walk = _Walk()
    queue = deque([(subject, 0)])
    seen = {subject}
    while queue:
        digest, distance = queue.popleft()
        artifact = _visit(walk, digest, distance, _until(as_of, reader.about(digest), digest), trust)
        walk.artifacts[digest] = artifact
        for parent in artifact.parents:
            if parent in seen:
                continue
            if distance + 1 > limits.max_lineage_depth or len(seen) >= limits.max_lineage_artifacts:
                walk.truncated = True
                continue
            seen.add(parent)
            queue.append((parent, distance + 1))
    artifacts = {
        digest: replace(artifact, roles=tuple(sorted(walk.roles.get(digest, ()))))
        for digest, artifact in walk.artifacts.items()
    }
    return Lineage(
        subject,
        artifacts,
        walk.statements,
        tuple(walk.findings),
        tuple(sorted(walk.loops | cyclic(artifacts))),
        walk.truncated,
    )


def _until(as_of: datetime | None, about: About, artifact: Digest) -> About:
    if as_of is None:
        return about
    late = [item for item in about.arrived if item.logged > as_of]
    findings = [
        Finding(
            "evidence.future",
            f"this statement arrived only at {format_time(item.logged)}",
            item.verified.digest,
            artifact,
            item.verified.type,
            item.verified.signer.id,
        )
        for item in late
    ]
    arrived = tuple(item for item in about.arrived if item.logged <= as_of)
    return replace(about, arrived=arrived, findings=(*about.findings, *findings))


def _visit(walk: _Walk, digest: Digest, distance: int, about: About, trust: TrustPolicy) -> Artifact:
    walk.findings.extend(about.findings)
    walk.truncated = walk.truncated or not about.complete
    arrived = {item.verified.digest: item for item in about.arrived}
    judgement = admit_all([(item.verified, item.since) for item in about.arrived], trust)
    counted: list[Admission] = []
    for admission in judgement.admissions:
        walk.findings.extend(
            Finding(refused.code, refused.text, refused.statement, digest, refused.type, refused.signer)
            for refused in admission.refused
            if refused.subject == digest
        )
        roles = admission.roles.get(digest)
        if roles:
            counted.append(admission)
            _admit(walk, arrived[admission.statement.digest], digest, roles)
    used = [item for admission in counted for item in admission.statement.dependencies]
    return Artifact(
        digest=digest,
        distance=distance,
        kinds=tuple(sorted(judgement.kinds.get(digest, frozenset()))),
        names=_unique(name for item in counted if (name := item.names.get(digest)) is not None),
        aliases=_unique(alias for item in counted for alias in item.aliases.get(digest, ())),
        statements=tuple(admission.statement.digest for admission in counted),
        parents=_parents(walk, digest, used),
        unpinned=_unique(item.name for item in used if item.digest is None),
        revoked=trust.artifact_revoked(digest),
    )


def _admit(walk: _Walk, arrived: Arrived, subject: Digest, roles: frozenset[str]) -> None:
    digest = arrived.verified.digest
    before = walk.statements.get(digest)
    held: Mapping[Digest, frozenset[str]] = {} if before is None else before.roles
    walk.statements[digest] = Admitted(arrived, {**held, subject: roles})


def _parents(walk: _Walk, digest: Digest, used: Iterable[Dependency]) -> tuple[Digest, ...]:
    parents: set[Digest] = set()
    for item in used:
        if item.digest is None:
            continue
        if item.digest == digest:
            walk.loops.add(digest)
            continue
        parents.add(item.digest)
        walk.roles.setdefault(item.digest, set()).add(item.role)
    return tuple(sorted(parents))


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def cyclic(artifacts: Mapping[Digest, Artifact]) -> set[Digest]:
    """The digests on a cycle, or between two: what is left when roots and leaves are peeled off again and again."""
    parents = {
        digest: {parent for parent in node.parents if parent in artifacts}
        for digest, node in artifacts.items()
    }
    children: dict[Digest, set[Digest]] = {digest: set() for digest in artifacts}
    for digest, above in parents.items():
        for parent in above:
            children[parent].add(digest)
    left = set(artifacts)
    loose = [digest for digest in left if not parents[digest] or not children[digest]]
    while loose:
        digest = loose.pop()
        if digest not in left:
            continue
        left.discard(digest)
        for others, back in ((parents[digest], children), (children[digest], parents)):
            for other in others & left:
                back[other].discard(digest)
                if not back[other]:
                    loose.append(other)
    return left
