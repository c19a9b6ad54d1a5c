from __future__ import annotations

import base64
import copy
import hashlib
import os
import pickle
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations import keys
from placet_attestations.errors import AttestationError, KeyFileError
from placet_attestations.keys import SIGNING_ALGORITHMS, LocalSigner, PublicKey, SigningAlgorithm
from placet_attestations.limits import Limits
from tests.builders import a_key


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(KeyFileError) as caught:
        call(*arguments)
    assert caught.value.hint
    return caught.value.code


def private_file(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pkcs8(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_a_new_key_signs_and_is_found_again(tmp_path: Path, algorithm: SigningAlgorithm) -> None:
    signer = keys.generate(algorithm)
    keys.save_private(tmp_path / "k", signer)
    keys.save_public(tmp_path / "k.pub", signer.public_key)
    again = keys.load_private(tmp_path / "k")
    assert again.public_key == signer.public_key == keys.load_public(tmp_path / "k.pub")
    assert again.public_key.algorithm == algorithm
    assert signer.public_key.verify(again.sign(b"m"), b"m")


def test_p_256_is_the_default_and_others_are_refused() -> None:
    assert keys.generate().public_key.algorithm == "ecdsa-p256"
    assert code_of(keys.generate, "rsa") == "key.unsupported"


@given(st.binary(max_size=64), st.sampled_from(SIGNING_ALGORITHMS))
def test_a_signature_holds_for_its_message_alone(message: bytes, algorithm: SigningAlgorithm) -> None:
    signer = a_key("one", algorithm)
    signature = signer.sign(message)
    assert signer.public_key.verify(signature, message)
    assert not signer.public_key.verify(signature, message + b"x")
    assert not a_key("two", algorithm).public_key.verify(signature, message)
    assert not a_key("one", next(a for a in SIGNING_ALGORITHMS if a != algorithm)).public_key.verify(
        signature, message
    )


@given(st.binary(max_size=200), st.sampled_from(SIGNING_ALGORITHMS))
def test_garbage_is_no_signature(garbage: bytes, algorithm: SigningAlgorithm) -> None:
    assert not a_key("one", algorithm).public_key.verify(garbage, b"message")


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_the_names_of_a_key(algorithm: SigningAlgorithm) -> None:
    key = a_key("one", algorithm).public_key
    assert key.fingerprint == hashlib.sha256(key.der).hexdigest()
    assert base64.b64decode(key.hint).hex() == key.fingerprint
    library = load_pem_public_key(key.pem.encode())
    assert key.pem.encode() == library.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert PublicKey.from_pem(key.pem.encode()) == PublicKey.from_der(key.der) == key


def test_two_spellings_of_a_key_are_one_key() -> None:
    key = ec.derive_private_key(5, ec.SECP256R1()).public_key()
    compressed = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    plain = PublicKey.from_der(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    # SubjectPublicKeyInfo with the compressed point: the header of P-256 and a bit string of 33 bytes.
    header = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    assert PublicKey.from_der(header + compressed) == plain
    assert code_of(PublicKey("ecdsa-p256", header + compressed).verify, b"", b"") == "key.malformed"


def test_the_algorithm_is_the_keys_own() -> None:
    key = a_key("one").public_key
    assert code_of(PublicKey("ed25519", key.der).verify, a_key("one").sign(b"m"), b"m") == "key.malformed"


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_bytes_that_are_no_key(data: bytes) -> None:
    assert code_of(PublicKey.from_pem, data) == "key.malformed"
    assert code_of(PublicKey.from_der, data) == "key.malformed"


@pytest.mark.parametrize(
    "private",
    [
        ed448.Ed448PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
    ],
    ids=["ed448", "x25519"],
)
def test_other_algorithms_are_unsupported(tmp_path: Path, private: Any) -> None:
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert code_of(PublicKey.from_pem, public) == "key.unsupported"
    assert code_of(keys.load_public, private_file(tmp_path / "k.pub", public)) == "key.unsupported"
    assert code_of(keys.load_private, private_file(tmp_path / "k", pkcs8(private))) == "key.unsupported"


def test_a_curve_that_the_library_does_not_know_is_unsupported() -> None:
    # P-256's SubjectPublicKeyInfo with the identifier of prime239v2 in place of its own.
    p256, prime239v2 = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030105")
    assert (
        code_of(PublicKey.from_der, a_key("one").public_key.der.replace(p256, prime239v2))
        == "key.unsupported"
    )


def test_an_encrypted_key_says_that_it_is_encrypted(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path = private_file(tmp_path / "k", data)
    with pytest.raises(KeyFileError, match="is encrypted") as caught:
        keys.load_private(path)
    assert caught.value.code == "key.unsupported"
    assert caught.value.where == str(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o666, 0o777, 0o601])
def test_a_private_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = private_file(tmp_path / "k", a_key("one").private_pem(), mode)
    with pytest.raises(KeyFileError, match=f"has mode {mode:04o}") as caught:
        keys.load_private(path)
    assert caught.value.code == "key.permissions"
    assert f"chmod 600 {path}" in str(caught.value.hint)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_key_of_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    path = private_file(tmp_path / "k", a_key("one").private_pem(), mode)
    assert keys.load_private(path).public_key == a_key("one").public_key


def test_a_private_key_may_be_behind_a_link(tmp_path: Path) -> None:
    target = private_file(tmp_path / "k", a_key("one").private_pem())
    (tmp_path / "link").symlink_to(target)
    assert keys.load_private(tmp_path / "link").public_key == a_key("one").public_key


def test_paths_that_are_no_key_files(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    private = {tmp_path / "none": "key.missing", tmp_path: "key.unreadable", fifo: "key.unreadable"}
    private |= {loop: "key.unreadable", Path("/dev/null"): "key.unreadable"}
    for path, code in private.items():
        assert code_of(keys.load_private, path) == code
        assert code_of(keys.load_public, path) == code


def test_the_size_of_a_key_file_is_bounded(tmp_path: Path) -> None:
    path = private_file(tmp_path / "k", a_key("one").private_pem())
    assert code_of(keys.load_private, path, Limits(max_key_bytes=10)) == "key.malformed"
    assert code_of(keys.load_public, path, Limits(max_key_bytes=10)) == "key.unreadable"


def test_a_public_key_is_no_private_key(tmp_path: Path) -> None:
    path = private_file(tmp_path / "k", a_key("one").public_key.pem.encode())
    assert code_of(keys.load_private, path) == "key.malformed"
    other = private_file(tmp_path / "k2", a_key("one").private_pem())
    with pytest.raises(KeyFileError) as caught:
        keys.load_public(other)
    assert (caught.value.code, caught.value.where) == ("key.malformed", str(other))


def test_a_private_key_file_is_its_owners_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        keys.save_private(tmp_path / "new" / "k", a_key("one"))
    finally:
        os.umask(old)
    path = tmp_path / "new" / "k"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys.save_public(tmp_path / "new" / "k.pub", a_key("one").public_key)
    assert stat.S_IMODE((tmp_path / "new" / "k.pub").stat().st_mode) == 0o644


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    keys.save_private(tmp_path / "k", a_key("one"))
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "k", tmp_path / "link"):
        assert code_of(keys.save_private, path, a_key("two")) == "key.exists"
    assert keys.load_private(tmp_path / "k").public_key == a_key("one").public_key
    assert not (tmp_path / "elsewhere").exists()
    assert code_of(keys.save_private, tmp_path / "k" / "x", a_key("two")) == "key.exists"
    assert code_of(keys.save_public, Path("/dev/null/x"), a_key("two").public_key) == "key.exists"
    assert code_of(keys.save_public, Path("/proc/x"), a_key("two").public_key) == "key.unwritable"


def test_a_private_key_is_neither_shown_nor_sent() -> None:
    signer = a_key("one")
    assert "PRIVATE" not in repr(signer)
    assert repr(signer) == f"LocalSigner(public_key={signer.public_key!r})"
    for send in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            send(signer)


def test_every_error_has_words_and_a_code() -> None:
    with pytest.raises(AttestationError) as caught:
        PublicKey.from_pem(b"x")
    assert str(caught.value) == "not a public key in PEM"
    assert isinstance(a_key("one"), LocalSigner)
