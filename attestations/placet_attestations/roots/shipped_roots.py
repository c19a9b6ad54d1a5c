"""The roots of the public Sigstore instances that come with Placet: pinned here, believed nowhere else.

The files lie in `shipped/` (its README says where they are from). A digest in the code, because a file of an
installed package is easier to change than the code beside it is to change unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from placet_attestations._files import read_bounded
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.suggest import did_you_mean

FOLDER: Final = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True)
class ShippedRoot:
    """One instance: the digests of its two files, until when its TUF root vouches for them, and where its TUF
    repository is.
    """

    id: str
    trusted_root: Digest
    tuf_root: Digest
    vouched: datetime
    url: str

    def read_trusted_root(self, *, folder: Path = FOLDER, limits: Limits = DEFAULT_LIMITS) -> bytes:
        """`trusted_root.json`; raises VerificationError root.shipped, IdentityError file.*."""
        return _read(folder / f"{self.id}.trusted_root.json", self.trusted_root, limits.max_root_bytes)

    def read_tuf_root(self, *, folder: Path = FOLDER, limits: Limits = DEFAULT_LIMITS) -> bytes:
        """The TUF `root.json` that refreshing begins with; raises as `read_trusted_root`."""
        return _read(folder / f"{self.id}.tuf_root.json", self.tuf_root, limits.max_tuf_bytes)


SHIPPED: Final[Mapping[str, ShippedRoot]] = {
    root.id: root
    for root in (
        ShippedRoot(
            "public-good",
            Digest.from_hex("6494e21ea73fa7ee769f85f57d5a3e6a08725eae1e38c755fc3517c9e6bc0b66"),
            Digest.from_hex("73747011d0857ada15479a16c4cae0f3ed03aac698b523b97e1de314ac9d9ca8"),
            datetime(2026, 11, 20, 13, 58, 18, tzinfo=UTC),
            "https://tuf-repo-cdn.sigstore.dev",
        ),
        ShippedRoot(
            "staging",
            Digest.from_hex("81f5af777952d2c3955062ad56924c05ca916b5d49f3a0bce945faa475a8b1cc"),
            Digest.from_hex("353d172f05f9e73b4a647b1a464f16726d929cbfd030cc42bffb86cd742fb61f"),
            datetime(2026, 10, 16, 19, 39, 43, tzinfo=UTC),
            "https://tuf-repo-cdn.sigstage.dev",
        ),
    )
}
"""By the id under which trust.yaml names it."""


def shipped_root(id: str) -> ShippedRoot:
    """The shipped root of this id; raises MalformedError root.unknown."""
    found = SHIPPED.get(id)
    if found is None:
        raise MalformedError(
            "root.unknown",
            f"no root called {id[:60]!a} comes with Placet{did_you_mean(id, SHIPPED)}",
            hint=f"use {' or '.join(SHIPPED)}, or say where it is: file, tuf or authority",
        )
    return found


def _read(path: Path, expected: Digest, most: int) -> bytes:
    data = read_bounded(path, most)
    if Digest.of(data) != expected:
        raise VerificationError(
            "root.shipped",
            "a root that came with Placet is not the one that was shipped",
            where=path.name,
            hint="somebody changed the installed package: install it again",
        )
    return data
