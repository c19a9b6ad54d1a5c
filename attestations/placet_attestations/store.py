"""Where bundles lie: a port. Rows are an index, never proof: who takes bytes out verifies them again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from placet_attestations.digests import ALGORITHM, Digest
from placet_attestations.errors import MalformedError, StoreError
from placet_attestations.verify import VerifiedStatement

_PREFIX = re.compile(r"[0-9a-f]{12,64}")


class EvidenceStore(Protocol):
    """A content-addressed store of bundles, with an index by subject and by claimed name.

    Lists are sorted, so two stores with the same content answer alike. Safe to call from several threads and,
    on one file, from several processes. Every method raises StoreError store.full, store.locked,
    store.unwritable, store.corrupt; after `put` raised, nothing of that call is stored, and it may be called
    again.
    """

    def put(self, raw: bytes, verified: VerifiedStatement) -> bool:
        """Keep the exact bytes, durably when this returns; True when they are new.

        Asking for the verified form keeps strangers' bytes out. Putting known bytes again mends what was
        damaged. Raises StoreError store.mismatch when the two do not belong together.
        """
        ...

    def get(self, digest: str) -> bytes | None:
        """The bytes of a bundle, hashed again before they are given out; None when they are not here."""
        ...

    def by_subject(self, subject: str) -> tuple[Digest, ...]:
        """The bundles with a statement about this artifact."""
        ...

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        """The subjects whose digest begins so; raises MalformedError digest.prefix for fewer than 12 hex
        digits.
        """
        ...

    def by_name(self, name: str) -> tuple[Digest, ...]:
        """The subjects that any statement here calls so, admitted or not: the caller judges them."""
        ...

    def all(self) -> Iterator[Digest]:
        """Every bundle."""
        ...


def check_pair(raw: bytes, verified: VerifiedStatement) -> None:
    """For implementers: refuse bytes that are not those that were verified."""
    if Digest.of(raw) != verified.digest:
        raise StoreError(
            "store.mismatch",
            "these bytes are not those that were verified",
            hint="put the bytes given to verify",
        )


def check_bytes(raw: bytes, digest: str) -> bytes:
    """For implementers: hash what came out of the store; raises StoreError store.corrupt."""
    if Digest.of(raw) != digest:
        raise StoreError(
            "store.corrupt",
            f"the bundle {digest} is damaged",
            hint="`placet add FILE` with the original bundle mends it; else restore the store from a backup",
        )
    return raw


def check_prefix(prefix: str) -> str:
    """For implementers: a prefix with its algorithm, `sha256:` and at least 12 hex digits."""
    digits = prefix.removeprefix(f"{ALGORITHM}:")
    if not _PREFIX.fullmatch(digits):
        raise MalformedError(
            "digest.prefix",
            f"{prefix[:80]!a} is not the beginning of a digest",
            hint="give 12 or more lower-case hex digits, or the whole digest",
        )
    return f"{ALGORITHM}:{digits}"


def names_of(verified: VerifiedStatement) -> frozenset[tuple[str, Digest]]:
    """For implementers: every name and alias that the statement gives, with the subject it gives it to."""
    return frozenset(
        (name, claim.digest)
        for claim in verified.claims
        for name in (claim.name, *claim.aliases)
        if name is not None
    )
