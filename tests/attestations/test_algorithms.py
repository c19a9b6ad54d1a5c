"""Keys that only check: P-384 and RSA; and the keys that nobody should trust."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations import keys
from placet_attestations._algorithms import RSA_ALGORITHMS, check_ed25519, check_rsa
from placet_attestations.errors import AttestationError, KeyFileError
from placet_attestations.keys import ALGORITHMS, SIGNING_ALGORITHMS, Algorithm, PublicKey
from tests.builders import a_key

P = 2**255 - 19
ED25519_HEADER = bytes.fromhex("302a300506032b6570032100")
# SubjectPublicKeyInfo of P-256 up to the 64 bytes of an uncompressed point.
P256_HEADER = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
SHA256, SHA384 = hashes.SHA256(), hashes.SHA384()
PSS = padding.PSS(padding.MGF1(SHA256), 32)


@functools.cache
def private_key(kind: str) -> Any:
    if kind == "p-384":
        return ec.derive_private_key(7, ec.SECP384R1())
    return rsa.generate_private_key(65537, int(kind))


def spki(kind: str) -> bytes:
    return bytes(private_key(kind).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def pem(kind: str) -> bytes:
    return bytes(private_key(kind).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def rsa_key(modulus: int, exponent: int) -> bytes:
    numbers = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    return bytes(numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def code_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(KeyFileError) as caught:
        call(*arguments, **named)
    assert caught.value.hint
    return caught.value.code


def test_a_p_384_key_checks_with_sha_384_alone() -> None:
    private, key = private_key("p-384"), PublicKey.from_der(spki("p-384"))
    assert key.algorithm == "ecdsa-p384"
    assert key == PublicKey.from_pem(pem("p-384"), "ecdsa-p384")
    assert key.verify(private.sign(b"m", ec.ECDSA(SHA384)), b"m")
    assert not key.verify(private.sign(b"m", ec.ECDSA(SHA384)), b"n")
    assert not key.verify(private.sign(b"m", ec.ECDSA(SHA256)), b"m")


def test_an_rsa_key_checks_the_scheme_it_is_trusted_for_and_no_other() -> None:
    private = private_key("2048")
    signatures = {
        "rsa-pkcs1-sha256": private.sign(b"m", padding.PKCS1v15(), SHA256),
        "rsa-pss-sha256": private.sign(b"m", PSS, SHA256),
    }
    for algorithm in RSA_ALGORITHMS:
        key = PublicKey.from_der(spki("2048"), algorithm)
        assert key.algorithm == algorithm
        good = {name: key.verify(signature, b"m") for name, signature in signatures.items()}
        assert good == {name: name == algorithm for name in signatures}
        assert not key.verify(signatures[algorithm], b"n")
        assert not key.verify(private.sign(b"m", padding.PKCS1v15(), SHA384), b"m")


@pytest.mark.parametrize("salt", [0, 20, 31, 33, padding.PSS.MAX_LENGTH])
def test_a_salt_is_as_long_as_the_hash(salt: Any) -> None:
    key = PublicKey.from_der(spki("2048"), "rsa-pss-sha256")
    other = padding.PSS(padding.MGF1(SHA256), salt)
    assert not key.verify(private_key("2048").sign(b"m", other, SHA256), b"m")


@given(st.binary(max_size=300), st.sampled_from(ALGORITHMS))
def test_garbage_is_no_signature(garbage: bytes, algorithm: Algorithm) -> None:
    kind = {"ecdsa-p384": "p-384", "rsa-pss-sha256": "2048", "rsa-pkcs1-sha256": "2048"}.get(algorithm)
    der = (
        spki(kind)
        if kind
        else a_key("one", next(a for a in SIGNING_ALGORITHMS if a == algorithm)).public_key.der
    )
    assert not PublicKey.from_der(der, algorithm).verify(garbage, b"message")


def test_a_file_of_an_rsa_key_cannot_say_the_scheme(tmp_path: Path) -> None:
    (tmp_path / "k.pub").write_bytes(pem("2048"))
    assert code_of(keys.load_public, tmp_path / "k.pub") == "key.algorithm"
    assert code_of(PublicKey.from_der, spki("2048")) == "key.algorithm"
    with pytest.raises(KeyFileError, match="rsa-pkcs1-sha256 or rsa-pss-sha256") as caught:
        PublicKey.from_pem(pem("2048"))
    assert "algorithm: rsa-pkcs1-sha256 or rsa-pss-sha256" in str(caught.value.hint)
    for algorithm in RSA_ALGORITHMS:
        assert keys.load_public(tmp_path / "k.pub", algorithm=algorithm).algorithm == algorithm


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_that_is_not_the_keys_is_refused(algorithm: Algorithm) -> None:
    for kind, fitting in {"p-384": ("ecdsa-p384",), "2048": RSA_ALGORITHMS}.items():
        if algorithm in fitting:
            continue
        assert code_of(PublicKey.from_der, spki(kind), algorithm) == "key.algorithm"
        assert code_of(PublicKey(algorithm, spki(kind)).verify, b"", b"") == "key.malformed"


def test_one_rsa_key_has_one_fingerprint_whatever_it_is_used_with() -> None:
    assert len({PublicKey.from_der(spki("2048"), use).fingerprint for use in RSA_ALGORITHMS}) == 1


def test_private_keys_that_only_check_are_not_signed_with(tmp_path: Path) -> None:
    for kind in ("p-384", "2048"):
        path = tmp_path / kind
        path.write_bytes(private_key(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        assert code_of(keys.load_private, path) == "key.unsupported"


@pytest.mark.parametrize(
    ("bits", "exponent", "code"),
    [
        (2047, 65537, "key.weak"),
        (8193, 65537, "key.unsupported"),
        (2048, 1, "key.weak"),
        (2048, 65536, "key.weak"),
        (2048, 2**32 + 1, "key.weak"),
    ],
)
def test_one_past_each_bound_of_rsa(bits: int, exponent: int, code: str) -> None:
    assert code_of(check_rsa, bits, exponent) == code


def test_the_bounds_of_rsa_hold_for_keys() -> None:
    for bits, exponent in ((2048, 3), (2048, 2**32 - 1), (8192, 65537)):
        key = PublicKey.from_der(rsa_key((1 << bits) - 1, exponent), "rsa-pss-sha256")
        assert key.algorithm == "rsa-pss-sha256"
    for bits, exponent in ((2047, 65537), (1024, 65537), (2048, 2**32 + 1)):
        assert code_of(PublicKey.from_der, rsa_key((1 << bits) - 1, exponent), "rsa-pss-sha256") == "key.weak"
    assert code_of(PublicKey.from_der, rsa_key((1 << 8193) - 1, 65537), "rsa-pss-sha256") == "key.unsupported"


def test_a_key_that_its_file_restricts_to_pss_is_no_plain_rsa_key() -> None:
    plain, restricted = (
        bytes.fromhex(text) for text in ("300d06092a864886f70d0101010500", "300b06092a864886f70d01010a")
    )
    body = spki("2048")[4:].replace(plain, restricted)
    der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    text = PublicKey("rsa-pss-sha256", der).pem.encode()
    for algorithm in (None, *RSA_ALGORITHMS):
        assert code_of(PublicKey.from_der, der, algorithm) == "key.unsupported"
        assert code_of(PublicKey.from_pem, text, algorithm) == "key.unsupported"


def test_a_point_that_is_not_on_its_curve_is_no_key() -> None:
    good = a_key("one").public_key.der
    assert good.startswith(P256_HEADER)
    off = good[:-1] + bytes([good[-1] ^ 1])
    assert code_of(PublicKey.from_der, off) == "key.malformed"
    assert code_of(PublicKey.from_der, P256_HEADER + bytes(64)) == "key.malformed"
    infinity = bytes.fromhex("3019301306072a8648ce3d020106082a8648ce3d03010703020000")
    assert code_of(PublicKey.from_der, infinity) == "key.malformed"


# y of every point whose order divides 8 (order 1, 2, 4, 8), and the spellings of two of them beyond the field.
ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL = [1, P - 1, 0, ORDER_8, P - ORDER_8, P, P + 1]


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", SMALL)
def test_a_point_of_small_order_is_no_key(y: int, sign: int) -> None:
    raw = (y | sign << 255).to_bytes(32, "little")
    assert code_of(PublicKey.from_der, ED25519_HEADER + raw) == "key.weak"
    assert code_of(PublicKey("ed25519", ED25519_HEADER + raw).verify, bytes(64), b"m") == "key.weak"


def test_half_of_all_32_bytes_are_no_point_of_ed25519() -> None:
    def on_curve(y: int) -> bool:
        try:
            check_ed25519(y.to_bytes(32, "little"))
        except AttestationError:
            return False
        return True

    assert 60 < sum(on_curve(y) for y in range(2, 202)) < 140
    for name in map(str, range(20)):
        check_ed25519(a_key(name, "ed25519").public_key.der[-32:])


def test_a_file_holds_one_key() -> None:
    one, two = a_key("one").public_key, a_key("two").public_key
    assert PublicKey.from_pem(b"some words\n" + one.pem.encode() + b"more words\n") == one
    assert code_of(PublicKey.from_pem, (one.pem + two.pem).encode()) == "key.malformed"
    assert code_of(PublicKey.from_pem, (one.pem + one.pem).encode()) == "key.malformed"
    assert (
        code_of(PublicKey.from_pem, b"-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n")
        == "key.malformed"
    )


def test_the_other_ecdsa_signature_holds_as_well() -> None:
    # Why nothing here counts or compares the bytes of a signature.
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r, s = decode_dss_signature(a_key("one").sign(b"m"))
    assert a_key("one").public_key.verify(encode_dss_signature(r, order - s), b"m")
