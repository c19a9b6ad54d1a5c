"""An own PKI as a root of trust: certificate authorities that somebody chose, and time stamp authorities beside
them. No log, and no issuer of identities: the authority itself is the issuer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from placet_attestations.digests import Digest
from placet_attestations.trusted_root import Authority

Usage: TypeAlias = Literal["code-signing", "any"]


@dataclass(frozen=True, slots=True)
class PkiRoot:
    """What certificates of an own PKI are checked against; `digest` is over all that it was made from."""

    digest: Digest
    authorities: tuple[bytes, ...] = field(repr=False)  # DER
    timestampers: tuple[Authority, ...]
    usage: Usage = "code-signing"
