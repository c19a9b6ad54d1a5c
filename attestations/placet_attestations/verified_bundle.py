"""What a verified Sigstore bundle says: who signed, what, and when that is proved to have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from placet_attestations._x509 import NameKind
from placet_attestations.digests import Digest
from placet_attestations.keys import PublicKey


@dataclass(frozen=True, slots=True)
class ProvedTime:
    """An instant at which the signature existed, and who says so."""

    time: datetime
    source: Literal["log", "timestamp"]


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """The signer by certificate: `identity` is what `issuer` vouched for; `claims` are Fulcio's, by name."""

    issuer: str
    identity: str
    name_kind: NameKind
    claims: Mapping[str, str] = field(compare=False)
    fingerprint: str  # SHA-256 of the certificate, hex
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """A bundle whose signer and times are known.

    `payload` is the statement's very bytes, None when a file was signed; `artifact` is what the caller named;
    `root` is the digest of the trusted root, None when none was needed.
    """

    digest: Digest
    signer: VerifiedCertificate | PublicKey
    times: tuple[ProvedTime, ...]
    payload: bytes | None = field(repr=False)
    artifact: Digest | None
    root: Digest | None
