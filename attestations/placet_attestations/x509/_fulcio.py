"""What Fulcio writes into a certificate: who vouched for the name, and what else it said. Pure: bytes in, text out.

What the extensions mean: sigstore/fulcio, `docs/oid-info.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from placet_attestations.errors import VerificationError

FULCIO: Final = "1.3.6.1.4.1.57264.1"
OTHER_NAME: Final = f"{FULCIO}.7"
_MAX_NAME: Final = 4096
# Bare text; those from .8 on are DER UTF8Strings.
_OLD_CLAIMS: Final[Mapping[str, str]] = {
    f"{FULCIO}.2": "githubWorkflowTrigger",
    f"{FULCIO}.3": "githubWorkflowSHA",
    f"{FULCIO}.4": "githubWorkflowName",
    f"{FULCIO}.5": "githubWorkflowRepository",
    f"{FULCIO}.6": "githubWorkflowRef",
}
_CLAIMS: Final[Mapping[str, str]] = {
    f"{FULCIO}.9": "buildSignerURI",
    f"{FULCIO}.10": "buildSignerDigest",
    f"{FULCIO}.11": "runnerEnvironment",
    f"{FULCIO}.12": "sourceRepositoryURI",
    f"{FULCIO}.13": "sourceRepositoryDigest",
    f"{FULCIO}.14": "sourceRepositoryRef",
    f"{FULCIO}.15": "sourceRepositoryIdentifier",
    f"{FULCIO}.16": "sourceRepositoryOwnerURI",
    f"{FULCIO}.17": "sourceRepositoryOwnerIdentifier",
    f"{FULCIO}.18": "buildConfigURI",
    f"{FULCIO}.19": "buildConfigDigest",
    f"{FULCIO}.20": "buildTrigger",
    f"{FULCIO}.21": "runInvocationURI",
    f"{FULCIO}.22": "sourceRepositoryVisibilityAtSigning",
}
CLAIM_NAMES: Final = frozenset({*_OLD_CLAIMS.values(), *_CLAIMS.values()})


def issuer_of(extensions: Mapping[str, bytes]) -> str:
    """Who vouches for the name, "" when nobody is said to; raises VerificationError certificate.profile."""
    old, new = extensions.get(f"{FULCIO}.1"), extensions.get(f"{FULCIO}.8")
    said = [plain(old)] if old is not None else []
    if new is not None:
        said.append(bounded(utf8_string(new)))
    if len(set(said)) > 1 or "" in said:
        raise profile("it does not name one issuer")
    return said[0] if said else ""


def claims_of(extensions: Mapping[str, bytes]) -> Mapping[str, str]:
    """What else is said, by name; errors as `issuer_of`."""
    found = {name: plain(extensions[oid]) for oid, name in _OLD_CLAIMS.items() if oid in extensions}
    found |= {
        name: bounded(utf8_string(extensions[oid])) for oid, name in _CLAIMS.items() if oid in extensions
    }
    return MappingProxyType(found)


def utf8_string(der: bytes) -> str:
    """A DER UTF8String that is all of the bytes (X.690 sections 8.1.3 and 10.1)."""
    if len(der) >= 2 and der[0] == 0x0C:
        header, length = 2, der[1]
        if length > 0x80:
            header = 2 + length - 0x80
            length = int.from_bytes(der[2:header], "big")
        minimal = length < 0x80 if header == 2 else length.bit_length() > max(7, 8 * (header - 3))
        if minimal and len(der) == header + length:
            return plain(der[header:])
    raise profile("a claim of it is not a DER UTF8String")


def plain(data: bytes) -> str:
    try:
        return bounded(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise profile("a claim of it is not UTF-8") from error


def bounded(text: str) -> str:
    if len(text) > _MAX_NAME:
        raise profile(f"a name or claim of it has {len(text):,} characters")
    return text


def profile(why: str) -> VerificationError:
    return VerificationError(
        "certificate.profile",
        f"the certificate is not a signer's: {why}",
        where="certificate",
        hint="a signer's certificate names one identity, and is for digital signatures of code",
    )
