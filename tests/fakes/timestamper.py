"""A time stamp authority in this process (RFC 3161, RFC 5652): it answers with whatever time a test wants."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.der import integer, octets, oid, sequence, set_of, tlv

_SHA256 = sequence(oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"))
_SIGNED_DATA = oid("1.2.840.113549.1.7.2")
_TST_INFO = oid("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")


@dataclass(frozen=True, slots=True)
class Timestamper:
    """Signs with `key`, whose certificate the trusted root lists."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def answer(self, signature: bytes, instant: datetime) -> bytes:
        """A TimeStampResp over the signature, granted, without certificates."""
        info = self._info(signature, instant)
        content = sequence(_TST_INFO, tlv(0xA0, octets(info)))
        data = sequence(integer(3), set_of(_SHA256), content, set_of(self._signer(info)))
        return sequence(sequence(integer(0)), sequence(_SIGNED_DATA, tlv(0xA0, data)))

    def _info(self, signature: bytes, instant: datetime) -> bytes:
        text = instant.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode()
        imprint = sequence(_SHA256, octets(hashlib.sha256(signature).digest()))
        return sequence(integer(1), oid("1.3.6.1.4.1.57264.2"), imprint, integer(7), tlv(0x18, text))

    def _signer(self, info: bytes) -> bytes:
        attributes = set_of(
            sequence(_CONTENT_TYPE, set_of(_TST_INFO)),
            sequence(_MESSAGE_DIGEST, set_of(octets(hashlib.sha256(info).digest()))),
        )
        signed = self.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
        issuer = self.certificate.issuer.public_bytes()
        return sequence(
            integer(1),
            sequence(issuer, integer(self.certificate.serial_number)),
            _SHA256,
            b"\xa0" + attributes[1:],  # [0] IMPLICIT here, a SET where it is signed
            _ECDSA_SHA256,
            octets(signed),
        )


def encoded(certificate: x509.Certificate) -> bytes:
    """DER."""
    return certificate.public_bytes(Encoding.DER)
