"""Throw-away certificates: an authority made for one test, and leaves of it for servers and clients.

    authority = Authority.make(tmp_path)
    server = authority.issue_server("webhook", ["webhook.example.org", "10.0.0.7"])
    context = server.server_context()                               # for what listens
    context = authority.client_context(authority.issue_client("alice", "developers"))    # for what calls

Keys are ECDSA P-256, all files are PEM with mode 0600, and everything is valid for a week.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME: Final = timedelta(days=7)
_SKEW: Final = timedelta(hours=1)  # clocks may differ, and certificates are used the moment they are made
_HERE: Final = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate of an authority, and its key."""

    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """What a Python server presents itself with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority in a folder; its own key exists in this process only.

    Issuing a second time under a name replaces the two files, each in one rename, as a rotation does.
    """

    folder: Path
    certificate: Path
    _key: ec.EllipticCurvePrivateKey = field(repr=False)
    _name: x509.Name = field(repr=False)

    @classmethod
    def make(cls, folder: Path, name: str = "throw-away authority") -> Authority:
        """A new authority; its certificate becomes `ca.crt` in `folder`, which is made."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, subject = ec.generate_private_key(ec.SECP256R1()), _named(name, None)
        built = _unsigned(subject, subject, key.public_key(), key.public_key())
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        built = built.add_extension(_usage(signs_certificates=True), critical=True)
        certificate = folder / "ca.crt"
        _write(certificate, built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return cls(folder, certificate, key, subject)

    def issue_server(self, name: str, sans: Sequence[str] = ()) -> Leaf:
        """A server's leaf, for localhost, 127.0.0.1 and the further host names or IP addresses `sans`."""
        names = [_general_name(text) for text in dict.fromkeys((*_HERE, *sans))]
        return self._issue(name, None, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def issue_client(self, common_name: str, organization: str | None = None) -> Leaf:
        """A client's leaf. Kubernetes reads the common name as the user, the organization as a group."""
        return self._issue(common_name, organization, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def client_context(self, leaf: Leaf | None = None) -> ssl.SSLContext:
        """What a Python client trusts this authority, and nobody else, with; `leaf` is who it says it is."""
        context = ssl.create_default_context(cafile=self.certificate)
        if leaf is not None:
            context.load_cert_chain(leaf.cert, leaf.key)
        return context

    def _issue(
        self,
        common_name: str,
        organization: str | None,
        purpose: x509.ObjectIdentifier,
        names: list[x509.GeneralName],
    ) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(common_name, organization)
        built = _unsigned(subject, self._name, key.public_key(), self._key.public_key())
        built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        built = built.add_extension(_usage(signs_certificates=False), critical=True)
        built = built.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if names:
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        file_name = common_name.replace("/", "_")
        leaf = Leaf(self.folder / f"{file_name}.crt", self.folder / f"{file_name}.key")
        _write(leaf.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _write(leaf.cert, built.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return leaf


def _unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer_public: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    # Both key identifiers, because Python 3.13 and newer refuse a certificate without them.
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(common_name: str, organization: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)
