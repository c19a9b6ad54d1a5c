"""The nouns of lineage: what a walk found, and what it refused.

All frozen; nothing here reads a store, a clock or a policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from placet_attestations.digests import Digest
from placet_attestations.trust import Revocation
from placet_attestations.verify import VerifiedStatement


@dataclass(frozen=True, slots=True)
class Finding:
    """Evidence that does not count, and why; it neither helps nor hurts a decision (design.md section 5)."""

    code: str
    text: str
    statement: Digest | None = None
    artifact: Digest | None = None
    type: str | None = None
    signer: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A verified statement with the time that the log proves of its arrival."""

    verified: VerifiedStatement
    logged: datetime

    @property
    def since(self) -> datetime:
        """When the statement is proved to have existed: by whoever its root trusts, else by its arrival."""
        return self.verified.existed(self.logged)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A statement that `trust.yaml` admits, with the roles under which it does, for each subject that was walked."""

    arrived: Arrived
    roles: Mapping[Digest, frozenset[str]]

    @property
    def digest(self) -> Digest:
        """Digest of the bundle's bytes."""
        return self.arrived.verified.digest

    @property
    def verified(self) -> VerifiedStatement:
        """The statement itself."""
        return self.arrived.verified


@dataclass(frozen=True, slots=True)
class Artifact:
    """One node: what admitted statements claim of a digest.

    `kinds` holds every kind that was claimed: none means that nobody vouched, two or more are a conflict.
    `roles` are the roles under which its children depend on it (dataset, code, lock, …).
    """

    digest: Digest
    distance: int
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    statements: tuple[Digest, ...] = ()
    parents: tuple[Digest, ...] = ()
    roles: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    revoked: Revocation | None = None

    @property
    def kind(self) -> str | None:
        """The kind, when exactly one is claimed."""
        return self.kinds[0] if len(self.kinds) == 1 else None

    @property
    def name(self) -> str | None:
        """The name, when exactly one is claimed."""
        return self.names[0] if len(self.names) == 1 else None


@dataclass(frozen=True, slots=True)
class Lineage:
    """A subject walked back to its roots."""

    subject: Digest
    artifacts: Mapping[Digest, Artifact]
    statements: Mapping[Digest, Admitted]
    findings: tuple[Finding, ...] = ()
    cycle: tuple[Digest, ...] = ()
    truncated: bool = False
