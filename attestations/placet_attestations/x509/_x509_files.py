"""Certificates of authorities in PEM, as files that somebody trusts hold them: read strictly, sorted by kind."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import Final

from placet_attestations.errors import MalformedError
from placet_attestations.limits import Limits
from placet_attestations.x509._foreign import foreign
from placet_attestations.x509._x509 import AuthorityKind, authority_kind

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----")
_BEGIN: Final = re.compile(rb"-----BEGIN ")


@dataclass(frozen=True, slots=True)
class AuthorityFile:
    """DER, each certificate once, in the order of the file."""

    authorities: tuple[bytes, ...]
    stampers: tuple[bytes, ...]  # for time stamping
    others: tuple[bytes, ...]


def read_authority_file(data: bytes, limits: Limits) -> AuthorityFile:
    """Sort the certificates of a PEM file; text around them is ignored, anything else in PEM is not.

    Raises MalformedError pki.certificates.
    """
    blocks = _BLOCK.findall(data)
    if len(blocks) != len(_BEGIN.findall(data)) or any(label != b"CERTIFICATE" for label, _ in blocks):
        raise _malformed("something else than whole certificates is in it")
    if not 0 < len(blocks) <= limits.max_certificates:
        raise _malformed(f"{len(blocks)} certificates are in it, at most {limits.max_certificates} are read")
    found: dict[AuthorityKind, dict[bytes, None]] = {"authority": {}, "stamper": {}, "other": {}}
    for _, body in blocks:
        der = _der(body, limits)
        try:
            found[authority_kind(der)][der] = None
        except MalformedError as error:
            raise _malformed(error.message) from error
    return AuthorityFile(tuple(found["authority"]), tuple(found["stamper"]), tuple(found["other"]))


def _der(body: bytes, limits: Limits) -> bytes:
    with foreign(_malformed):
        der = binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    if len(der) > limits.max_certificate_bytes:
        raise _malformed(
            f"a certificate of {len(der):,} bytes, the limit is {limits.max_certificate_bytes:,}"
        )
    return der


def _malformed(why: str) -> MalformedError:
    return MalformedError(
        "pki.certificates",
        f"not a file of certificates: {why}",
        where="own PKI",
        hint="give a PEM file with the certificates of the authorities, and nothing else in PEM",
    )
