"""Signing certificates as Fulcio makes them: one name, one issuer, claims. cryptography's X.509 stays in here.

What the extensions mean: sigstore/fulcio, `docs/oid-info.md`. A certificate read here is not yet believed:
`issuers` says which chain vouches for it, at one instant.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from placet_attestations._foreign import foreign
from placet_attestations.errors import KeyFileError, MalformedError, UnsupportedError, VerificationError
from placet_attestations.keys import PublicKey

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder

NameKind: TypeAlias = Literal["email", "uri", "other"]

_FULCIO: Final = "1.3.6.1.4.1.57264.1"
_OTHER_NAME: Final = f"{_FULCIO}.7"
_MAX_NAME: Final = 4096
# Bare text; those from .8 on are DER UTF8Strings.
_OLD_CLAIMS: Final[Mapping[str, str]] = {
    f"{_FULCIO}.2": "githubWorkflowTrigger",
    f"{_FULCIO}.3": "githubWorkflowSHA",
    f"{_FULCIO}.4": "githubWorkflowName",
    f"{_FULCIO}.5": "githubWorkflowRepository",
    f"{_FULCIO}.6": "githubWorkflowRef",
}
_CLAIMS: Final[Mapping[str, str]] = {
    f"{_FULCIO}.9": "buildSignerURI",
    f"{_FULCIO}.10": "buildSignerDigest",
    f"{_FULCIO}.11": "runnerEnvironment",
    f"{_FULCIO}.12": "sourceRepositoryURI",
    f"{_FULCIO}.13": "sourceRepositoryDigest",
    f"{_FULCIO}.14": "sourceRepositoryRef",
    f"{_FULCIO}.15": "sourceRepositoryIdentifier",
    f"{_FULCIO}.16": "sourceRepositoryOwnerURI",
    f"{_FULCIO}.17": "sourceRepositoryOwnerIdentifier",
    f"{_FULCIO}.18": "buildConfigURI",
    f"{_FULCIO}.19": "buildConfigDigest",
    f"{_FULCIO}.20": "buildTrigger",
    f"{_FULCIO}.21": "runInvocationURI",
    f"{_FULCIO}.22": "sourceRepositoryVisibilityAtSigning",
}
CLAIM_NAMES: Final = frozenset({*_OLD_CLAIMS.values(), *_CLAIMS.values()})


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


def read_certificate(der: bytes) -> x509.Certificate:
    """Parse DER; raises MalformedError certificate.syntax."""
    from cryptography.x509 import load_der_x509_certificate

    with _translated():
        return load_der_x509_certificate(der)


def read_leaf(der: bytes) -> Leaf:
    """Read a signing certificate.

    What all roots ask of it is checked here, what some do is noted. Raises MalformedError certificate.syntax;
    UnsupportedError certificate.key; VerificationError certificate.profile: not for digital signatures, a CA,
    or not exactly one identity and at most one issuer.
    """
    certificate = read_certificate(der)
    with _translated():
        code_signing = _check_profile(certificate)
        kind, identity, names = _name(certificate)
        extensions = _fulcio(certificate)
        issuer = _issuer(extensions)
    key = _key(certificate)
    if not identity:
        raise _profile("its name is empty")
    return Leaf(
        certificate,
        der,
        key,
        issuer,
        identity,
        kind,
        _claims(extensions),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        names,
        code_signing,
    )


def check_fulcio(leaf: Leaf) -> None:
    """Raise VerificationError certificate.profile unless the leaf is as Sigstore's CA makes them."""
    if leaf.names != 1:
        raise _profile(f"it has {leaf.names} names")
    if not leaf.code_signing:
        raise _profile("it is not for code signing")


def is_self_issued(der: bytes) -> bool:
    """Whether a certificate's issuer is its subject, as a root's is."""
    certificate = read_certificate(der)
    with _translated():
        return certificate.issuer == certificate.subject


def issuers(leaf: Leaf, anchors: tuple[bytes, ...], instant: datetime) -> Sequence[x509.Certificate]:
    """The chain above the leaf, its issuer first, to one of `anchors` (DER); VerificationError
    certificate.chain.

    Each anchor is trusted by itself, intermediates too: a trusted root lists what it trusts.
    """
    with foreign(
        lambda why: VerificationError(
            "certificate.chain",
            f"no certificate authority of the trusted root vouches for the signer's certificate: {why}",
            where="certificate",
            hint="is it the trusted root of the instance that issued the certificate?",
        )
    ):
        return _policy(anchors).time(instant).build_client_verifier().verify(leaf.certificate, []).chain[1:]


@functools.lru_cache(maxsize=64)
def _policy(anchors: tuple[bytes, ...]) -> PolicyBuilder:
    from cryptography.x509 import ExtendedKeyUsage
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store

    # The default wants client authentication; code signing is looked for in the leaf (_check_profile).
    ca = ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
    ee = ExtensionPolicy.webpki_defaults_ee().may_be_present(ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
    store = Store([read_certificate(der) for der in anchors])
    return PolicyBuilder().store(store).extension_policies(ca_policy=ca, ee_policy=ee)


def _key(certificate: x509.Certificate) -> PublicKey:
    """The key, for what keys of certificates are used with: of RSA, PKCS #1 v1.5."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        with foreign(_unreadable_key):
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


def _check_profile(certificate: x509.Certificate) -> bool:
    """For digital signatures, and no authority; returns whether it is for code signing."""
    from cryptography.x509 import BasicConstraints, ExtendedKeyUsage, ExtensionNotFound, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound as error:
        raise _profile("it has no key usage") from error
    if not usage.digital_signature or usage.key_cert_sign:
        raise _profile("its key is not for digital signatures alone")
    try:
        if certificate.extensions.get_extension_for_class(BasicConstraints).value.ca:
            raise _profile("it is a certificate authority's")
    except ExtensionNotFound:
        pass
    try:
        extended = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CODE_SIGNING in extended


def _name(certificate: x509.Certificate) -> tuple[NameKind, str, int]:
    """The one name that is an identity, and how many names there are; those of machines (DNS) are none."""
    from cryptography.x509 import (
        DNSName,
        ExtensionNotFound,
        OtherName,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        names = list(certificate.extensions.get_extension_for_class(SubjectAlternativeName).value)
    except ExtensionNotFound as error:
        raise _profile("it names nobody") from error
    identities = [name for name in names if not isinstance(name, DNSName)]
    if len(identities) != 1:
        raise _profile(f"it has {len(identities)} names that could be an identity")
    name = identities[0]
    if isinstance(name, RFC822Name):
        return "email", _bounded(name.value), len(names)
    if isinstance(name, UniformResourceIdentifier):
        return "uri", _bounded(name.value), len(names)
    if isinstance(name, OtherName) and name.type_id.dotted_string == _OTHER_NAME:
        return "other", _bounded(_utf8_string(name.value)), len(names)
    raise _profile("its name is neither an e-mail address nor a URI nor a Fulcio name")


def _fulcio(certificate: x509.Certificate) -> Mapping[str, bytes]:
    from cryptography.x509 import UnrecognizedExtension

    return {
        extension.oid.dotted_string: extension.value.value
        for extension in certificate.extensions
        if isinstance(extension.value, UnrecognizedExtension)
        and extension.oid.dotted_string.startswith(f"{_FULCIO}.")
    }


def _issuer(extensions: Mapping[str, bytes]) -> str:
    old, new = extensions.get(f"{_FULCIO}.1"), extensions.get(f"{_FULCIO}.8")
    said = [_plain(old)] if old is not None else []
    if new is not None:
        said.append(_bounded(_utf8_string(new)))
    if len(set(said)) > 1 or "" in said:
        raise _profile("it does not name one issuer")
    return said[0] if said else ""


def _claims(extensions: Mapping[str, bytes]) -> Mapping[str, str]:
    found = {name: _plain(extensions[oid]) for oid, name in _OLD_CLAIMS.items() if oid in extensions}
    found |= {
        name: _bounded(_utf8_string(extensions[oid])) for oid, name in _CLAIMS.items() if oid in extensions
    }
    return MappingProxyType(found)


def _utf8_string(der: bytes) -> str:
    """A DER UTF8String that is all of the bytes (X.690 sections 8.1.3 and 10.1)."""
    if len(der) >= 2 and der[0] == 0x0C:
        header, length = 2, der[1]
        if length > 0x80:
            header = 2 + length - 0x80
            length = int.from_bytes(der[2:header], "big")
        minimal = length < 0x80 if header == 2 else length.bit_length() > max(7, 8 * (header - 3))
        if minimal and len(der) == header + length:
            return _plain(der[header:])
    raise _profile("a claim of it is not a DER UTF8String")


def _plain(data: bytes) -> str:
    try:
        return _bounded(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _profile("a claim of it is not UTF-8") from error


def _bounded(text: str) -> str:
    if len(text) > _MAX_NAME:
        raise _profile(f"a name or claim of it has {len(text):,} characters")
    return text


def _translated() -> AbstractContextManager[None]:
    return foreign(
        lambda why: MalformedError(
            "certificate.syntax",
            f"the certificate cannot be read: {why}",
            where="certificate",
            hint="whoever made the bundle must make it again",
        )
    )


def _profile(why: str) -> VerificationError:
    return VerificationError(
        "certificate.profile",
        f"the certificate is not a signer's: {why}",
        where="certificate",
        hint="certificates of Sigstore's CA name one identity and one issuer, for code signing",
    )
