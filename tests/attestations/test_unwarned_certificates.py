"""Certificates that cryptography would warn about on standard error: refused, and nothing is written about them."""

from __future__ import annotations

import warnings

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.x509._serial import has_positive_serial
from placet_attestations.x509._x509 import read_certificate, read_leaf
from tests.fakes import der
from tests.fakes.pki import node
from tests.fakes.sigstore import Sigstore


def with_serial(raw: bytes, number: int, value: bytes) -> bytes:
    """The certificate with other bytes in its serial number: as many as it has, or the one and its length."""
    size = number.bit_length() // 8 + 1
    old = b"\x02" + bytes([size]) + number.to_bytes(size, "big")
    assert raw.count(old) == 1
    assert len(value) <= size
    return raw.replace(old, b"\x02" + bytes([size]) + value + old[2 + len(value) :])


@pytest.mark.parametrize("first", [b"\x80", b"\xff\x7f"])
def test_a_serial_that_is_negative_is_refused_without_a_word(first: bytes) -> None:
    for made in (Sigstore().leaf(), node("root")):
        changed = with_serial(made.der, made.certificate.serial_number, first)
        # As in a service, where a warning stops nothing and goes to standard error.
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            for read in (read_certificate, read_leaf):
                with pytest.raises(MalformedError, match="serial number is not positive") as caught:
                    read(changed)
                assert caught.value.code == "certificate.syntax"
        assert heard == []
        read_certificate(made.der)


def test_a_diffie_hellman_key_is_refused_without_a_word() -> None:
    made = Sigstore().leaf()
    spki = made.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = der.sequence(
        der.sequence(
            der.oid("1.2.840.113549.1.3.1"), der.sequence(der.integer(2**1024 - 105), der.integer(2))
        ),
        der.tlv(0x03, b"\0" + der.integer(5)),
    )
    tbs = made.certificate.tbs_certificate_bytes
    header = len(tbs) - int.from_bytes(tbs[2:4], "big")
    rest = made.der[made.der.index(tbs) + len(tbs) :]
    other = der.sequence(der.sequence(tbs[header:].replace(spki, key)) + rest)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with pytest.raises(UnsupportedError, match=r"1\.2\.840\.113549\.1\.3\.1") as caught:
            read_leaf(other)
    assert (caught.value.code, heard) == ("certificate.key", [])


@pytest.mark.parametrize("version", [b"", b"\xa0\x03\x02\x01\x02"])
@pytest.mark.parametrize(
    ("serial", "positive"),
    [
        (b"\x02\x01\x01", True),
        (b"\x02\x01\x7f", True),
        (b"\x02\x02\x00\x80", True),
        (b"\x02\x81\x80\x01" + b"\x00" * 5, True),
        (b"\x02\x01\x00", False),
        (b"\x02\x01\x80", False),
        (b"\x02\x81\x80\x80" + b"\x00" * 5, False),
        (b"\x04\x01\x00", True),  # no number: its parser's to refuse
    ],
)
def test_which_serials_are_positive(version: bytes, serial: bytes, positive: bool) -> None:
    assert has_positive_serial(der.sequence(der.sequence(version + serial))) is positive


@pytest.mark.parametrize(
    "der",
    [b"", b"\x30", b"\x30\x00", der.sequence(b""), der.sequence(der.sequence(b"\x02\x01")), b"\xa0" * 9],
)
def test_bytes_that_end_before_are_no_certificate(der: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_certificate(der)
    assert caught.value.code == "certificate.syntax"
