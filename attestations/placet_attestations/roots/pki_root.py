"""An own PKI as a root of trust: certificate authorities that somebody chose, and time stamp authorities beside
them. No log, and no issuer of identities: the authority itself is the issuer.

Always files that somebody chose. Every certificate in the first is trusted by itself, intermediates too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias, get_args

from placet_attestations._files import read_bounded
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots.trusted_root import Authority, Window
from placet_attestations.x509._x509_files import AuthorityFile, read_authority_file

Usage: TypeAlias = Literal["code-signing", "any"]

_ALWAYS: Final = Window(datetime.min.replace(tzinfo=UTC), None)


@dataclass(frozen=True, slots=True)
class PkiRoot:
    """What certificates of an own PKI are checked against; `digest` is over all that it was made from.

    `authorities` are DER. Each of `timestampers` is one that signs, and the authorities above it. `usage` says
    whether signers' certificates must be for code signing, or for digital signatures of any use.
    """

    digest: Digest
    authorities: tuple[bytes, ...] = field(repr=False)
    timestampers: tuple[Authority, ...] = ()
    usage: Usage = "code-signing"

    @classmethod
    def parse(
        cls,
        authority: bytes,
        timestamps: bytes | None = None,
        usage: Usage = "code-signing",
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """From PEM: certificate authorities, and time stamp authorities' certificates with those above them.

        Raises MalformedError pki.usage, pki.certificates (none, too many, too large, unreadable, or something
        else among them), pki.not_ca (an authority's file with another certificate), pki.timestamps (no
        certificate for time stamping, no authority above it, or one for neither).
        """
        if usage not in get_args(Usage):
            raise _malformed("usage", f"usage is {str(usage)[:60]!a}", "write code-signing or any")
        own = read_authority_file(authority, limits)
        if own.stampers or own.others:
            raise _malformed(
                "not_ca",
                "a certificate among the authorities is no certificate authority's",
                "list the certificates of authorities; signers bring their own",
            )
        stamping = None if timestamps is None else read_authority_file(timestamps, limits)
        parts = (authority, timestamps or b"", usage.encode())
        said = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return cls(Digest.of(said), own.authorities, _timestampers(stamping), usage)

    @classmethod
    def load(
        cls,
        authority: Path,
        timestamps: Path | None = None,
        usage: Usage = "code-signing",
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """Read the files; errors as `parse`, and IdentityError file.*."""
        stamping = None if timestamps is None else read_bounded(timestamps, limits.max_root_bytes)
        return cls.parse(read_bounded(authority, limits.max_root_bytes), stamping, usage, limits)


def _timestampers(listed: AuthorityFile | None) -> tuple[Authority, ...]:
    if listed is None:
        return ()
    if not listed.stampers or not listed.authorities or listed.others:
        raise _malformed(
            "timestamps",
            "not the certificates of a time stamp authority",
            "list the certificate that signs the time stamps, and those of the authorities above it",
        )
    return tuple(Authority("", (stamper, *listed.authorities), _ALWAYS) for stamper in listed.stampers)


def _malformed(code: str, message: str, hint: str) -> MalformedError:
    return MalformedError(f"pki.{code}", message, where="own PKI", hint=hint)
