"""Signing certificates, read: the key, the one name, what Fulcio says beside it. cryptography's X.509 stays here
and in `_chains.py`.

A certificate read here is not yet believed: `_chains.py` says which chain vouches for it, at one instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from placet_attestations.digests import Digest
from placet_attestations.errors import KeyFileError, MalformedError, UnsupportedError
from placet_attestations.keys import PublicKey
from placet_attestations.x509._foreign import foreign
from placet_attestations.x509._fulcio import (
    CLAIM_NAMES,
    FULCIO,
    OTHER_NAME,
    bounded,
    claims_of,
    issuer_of,
    profile,
    utf8_string,
)
from placet_attestations.x509._serial import has_positive_serial

if TYPE_CHECKING:
    from cryptography import x509

__all__ = [
    "CLAIM_NAMES",
    "AuthorityKind",
    "Leaf",
    "NameKind",
    "authority_kind",
    "check_fulcio",
    "is_self_issued",
    "read_certificate",
    "read_leaf",
    "read_pinned",
]

NameKind: TypeAlias = Literal["email", "uri", "other", "certificate"]
"""`certificate`: the whole certificate stands for its signer, and the identity is its digest."""

AuthorityKind: TypeAlias = Literal["authority", "stamper", "other"]

# ECDSA; RSA, and RSA for PSS alone; Ed25519.
_KEY_ALGORITHMS: Final = frozenset(
    {"1.2.840.10045.2.1", "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.3.101.112"}
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A signing certificate, read. `certificate` is cryptography's object, for the edge files alone."""

    certificate: x509.Certificate = field(repr=False, compare=False)
    der: bytes = field(repr=False)
    key: PublicKey
    issuer: str  # "" when it names none, as GitHub's own certificates for releases do
    identity: str
    name_kind: NameKind
    claims: Mapping[str, str] = field(compare=False)
    not_before: datetime
    not_after: datetime
    names: int  # how many it has, DNS names among them
    code_signing: bool

    def valid_at(self, instant: datetime) -> bool:
        """Whether the instant lies in the certificate's own window, both ends included."""
        return self.not_before <= instant <= self.not_after

    @property
    def pinned(self) -> bool:
        """Whether `read_pinned` read it: the certificate itself is the name."""
        return self.name_kind == "certificate"

    @property
    def unclaimed(self) -> Leaf:
        """The same without issuer and claims, which mean nothing where Fulcio did not write them."""
        return replace(self, issuer="", claims=MappingProxyType({}))


def read_certificate(der: bytes) -> x509.Certificate:
    """Parse DER; raises MalformedError certificate.syntax."""
    from cryptography.x509 import load_der_x509_certificate

    with _translated():
        if not has_positive_serial(der):
            raise ValueError("its serial number is not positive")
        return load_der_x509_certificate(der)


def read_leaf(der: bytes) -> Leaf:
    """Read a signing certificate.

    What all roots ask of it is checked here, what some do is noted. Raises MalformedError certificate.syntax;
    UnsupportedError certificate.key; VerificationError certificate.profile: not for digital signatures, a CA,
    or not exactly one identity and at most one issuer.
    """
    certificate = read_certificate(der)
    with _translated():
        found = _extensions(certificate)
        code_signing = _check_profile(found)
        kind, identity, names = _name(found)
        extensions = _fulcio(certificate)
        issuer, claims = issuer_of(extensions), claims_of(extensions)
    key = _key(certificate)
    if not identity:
        raise profile("its name is empty")
    return Leaf(
        certificate,
        der,
        key,
        issuer,
        identity,
        kind,
        claims,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        names,
        code_signing,
    )


def read_pinned(der: bytes) -> Leaf:
    """Read a certificate that trust.yaml names by its digest, which is then its identity.

    Whom it names is not asked, nor whether it calls itself an authority, as those of model-signing's own chains
    do: nobody else's certificate has that digest. Its key must be for digital signatures and certify nothing.
    Errors as `read_leaf`.
    """
    certificate = read_certificate(der)
    with _translated():
        code_signing = _check_usage(_extensions(certificate))
    return Leaf(
        certificate,
        der,
        _key(certificate),
        "",
        Digest.of(der),
        "certificate",
        MappingProxyType({}),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        0,
        code_signing,
    )


def check_fulcio(leaf: Leaf) -> None:
    """Raise VerificationError certificate.profile unless the leaf is as Sigstore's CA makes them."""
    if leaf.names != 1:
        raise profile(f"it has {leaf.names} names")
    if not leaf.code_signing:
        raise profile("it is not for code signing")


def is_self_issued(der: bytes) -> bool:
    """Whether a certificate's issuer is its subject, as a root's is."""
    certificate = read_certificate(der)
    with _translated():
        return certificate.issuer == certificate.subject


def authority_kind(der: bytes) -> AuthorityKind:
    """Whether a certificate is an authority's, one for time stamps, or another; errors as `read_certificate`."""
    from cryptography.x509 import BasicConstraints, ExtendedKeyUsage, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    certificate = read_certificate(der)
    with _translated():
        found = _extensions(certificate)
    constraints, usage, extended = (
        found.get(kind) for kind in (BasicConstraints, KeyUsage, ExtendedKeyUsage)
    )
    if isinstance(constraints, BasicConstraints) and constraints.ca:
        return "other" if isinstance(usage, KeyUsage) and not usage.key_cert_sign else "authority"
    stamps = isinstance(extended, ExtendedKeyUsage) and ExtendedKeyUsageOID.TIME_STAMPING in extended
    return "stamper" if stamps else "other"


def _key(certificate: x509.Certificate) -> PublicKey:
    """The key, for what keys of certificates are used with: of RSA, PKCS #1 v1.5."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        with foreign(_unreadable_key):
            # Asked before it is loaded: cryptography warns of some that it will no longer read.
            algorithm = certificate.public_key_algorithm_oid.dotted_string
            if algorithm not in _KEY_ALGORITHMS:
                raise ValueError(f"of the algorithm {algorithm}")
            public = certificate.public_key()
            spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return PublicKey.from_der(spki, "rsa-pkcs1-sha256" if isinstance(public, RSAPublicKey) else None)
    except KeyFileError as error:
        raise _unreadable_key(error.message) from error


def _unreadable_key(why: str) -> UnsupportedError:
    return UnsupportedError(
        "certificate.key",
        f"the certificate's key is not used here: {why}",
        where="certificate",
        hint="keys of signers are ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits",
    )


def _extensions(certificate: x509.Certificate) -> Mapping[type, object]:
    """By their class, in one walk: looking for one at a time walks once for each."""
    return {type(extension.value): extension.value for extension in certificate.extensions}


def _check_profile(found: Mapping[type, object]) -> bool:
    """For digital signatures, and no authority; returns whether it is for code signing."""
    from cryptography.x509 import BasicConstraints

    code_signing = _check_usage(found)
    constraints = found.get(BasicConstraints)
    if isinstance(constraints, BasicConstraints) and constraints.ca:
        raise profile("it is a certificate authority's")
    return code_signing


def _check_usage(found: Mapping[type, object]) -> bool:
    """For digital signatures and to certify nothing; returns whether it is for code signing."""
    from cryptography.x509 import ExtendedKeyUsage, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    usage, extended = found.get(KeyUsage), found.get(ExtendedKeyUsage)
    if not isinstance(usage, KeyUsage):
        raise profile("it has no key usage")
    if not usage.digital_signature or usage.key_cert_sign or usage.crl_sign:
        raise profile("its key is not for digital signatures alone")
    return isinstance(extended, ExtendedKeyUsage) and ExtendedKeyUsageOID.CODE_SIGNING in extended


def _name(found: Mapping[type, object]) -> tuple[NameKind, str, int]:
    """The one name that is an identity, and how many names there are; those of machines (DNS) are none."""
    from cryptography.x509 import (
        DNSName,
        OtherName,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    listed = found.get(SubjectAlternativeName)
    if not isinstance(listed, SubjectAlternativeName):
        raise profile("it names nobody")
    names = list(listed)
    identities = [name for name in names if not isinstance(name, DNSName)]
    if len(identities) != 1:
        raise profile(f"it has {len(identities)} names that could be an identity")
    name = identities[0]
    if isinstance(name, RFC822Name):
        return "email", bounded(name.value), len(names)
    if isinstance(name, UniformResourceIdentifier):
        return "uri", bounded(name.value), len(names)
    if isinstance(name, OtherName) and name.type_id.dotted_string == OTHER_NAME:
        return "other", bounded(utf8_string(name.value)), len(names)
    raise profile("its name is neither an e-mail address nor a URI nor a Fulcio name")


def _fulcio(certificate: x509.Certificate) -> Mapping[str, bytes]:
    from cryptography.x509 import UnrecognizedExtension

    return {
        dotted: extension.value.value
        for extension in certificate.extensions
        if isinstance(extension.value, UnrecognizedExtension)
        and (dotted := extension.oid.dotted_string).startswith(f"{FULCIO}.")
    }


def _translated() -> AbstractContextManager[None]:
    return foreign(
        lambda why: MalformedError(
            "certificate.syntax",
            f"the certificate cannot be read: {why}",
            where="certificate",
            hint="whoever made the bundle must make it again",
        )
    )
