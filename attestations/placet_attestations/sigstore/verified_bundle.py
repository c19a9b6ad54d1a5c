"""What a verified Sigstore bundle says: who signed, what, and when that is proved to have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Final, Literal, Never, final

from placet_attestations.digests import Digest
from placet_attestations.keys import PublicKey
from placet_attestations.roots.trusted_root import Window
from placet_attestations.x509._x509 import NameKind

__all__ = ["ProvedTime", "VerifiedBundle", "VerifiedCertificate"]

SEAL: Final = object()  # for sigstore_verify.py alone


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
    key: str  # that of the key it is for, as `PublicKey.fingerprint`
    not_before: datetime
    not_after: datetime


@final
@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """A bundle whose signer and times are known. Made by `sigstore_verify` alone; holding one is the proof.

    `payload` is the statement's very bytes, None when a file was signed; `artifact` is what the caller named;
    `root` is the digest of the trusted root, None when none was needed. `window` is there where no time is
    proved for a certificate (an own authority without time stamps): the span in which its whole chain is
    valid, against which the caller must hold the time that it goes by. Cannot be built, replaced, subclassed
    or unpickled: another process verifies the bytes again. Copies are the object itself.
    """

    digest: Digest
    signer: VerifiedCertificate | PublicKey
    times: tuple[ProvedTime, ...]
    payload: bytes | None = field(repr=False)
    artifact: Digest | None
    root: Digest | None
    # An InitVar is not kept, so `dataclasses.replace` cannot hand it on.
    seal: InitVar[object]
    window: Window | None = None

    def __post_init__(self, seal: object) -> None:
        if seal is not SEAL:
            raise TypeError("only placet_attestations.sigstore.sigstore_verify makes a VerifiedBundle")

    def __init_subclass__(cls) -> Never:
        raise TypeError("VerifiedBundle has no subclasses: they would not be verified")

    def __copy__(self) -> VerifiedBundle:
        return self

    def __deepcopy__(self, memo: object) -> VerifiedBundle:
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a VerifiedBundle does not travel: send the bundle and verify it there")

    def __getstate__(self) -> Never:
        raise TypeError("a VerifiedBundle does not travel: send the bundle and verify it there")

    def __setstate__(self, state: object) -> Never:
        raise TypeError("only placet_attestations.sigstore.sigstore_verify makes a VerifiedBundle")
