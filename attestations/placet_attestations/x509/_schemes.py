"""How a signature of a Sigstore bundle was made: by which key, padding and hash, and what logs call that.

Keys of certificates sign as sigstore's own clients do: P-256 with SHA-256, P-384 with SHA-384, RSA of 2048 to
8192 bits with PKCS #1 v1.5 and SHA-256, Ed25519 pure. P-384 with SHA-256 (protobuf-specs'
PKIX_ECDSA_P384_SHA_256, deprecated) is taken from certificates too: it is what sigstore-python, sigstore-js and
older signers make and check, sigstore-go checks it as well, and one key with two sound hashes opens nothing.
A key that trust.yaml lists has one algorithm and no second.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from placet_attestations.errors import UnsupportedError
from placet_attestations.keys import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_DETAILS: Final = {
    "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256",
    "ecdsa-p384": "PKIX_ECDSA_P384_SHA_384",
    "ed25519": "PKIX_ED25519",
}
# What Rekor v2 records; other sizes of RSA have no name.
_RSA_DETAILS: Final = {bits: f"PKIX_RSA_PKCS1V15_{bits}_SHA256" for bits in (2048, 3072, 4096)}


@dataclass(frozen=True, slots=True)
class Scheme:
    """`details` is the name in protobuf-specs' PublicKeyDetails, "" for none; `hash` that of hashlib, "" for a
    signature over the whole content (Ed25519).
    """

    details: str
    hash: str


def check_message(
    key: PublicKey, signature: bytes, message: bytes, *, of_certificate: bool = False
) -> Scheme | None:
    """How this key made this signature over the message; None when it did not."""
    if key.verify(signature, message):
        return _usual(key)
    if of_certificate and key.algorithm == "ecdsa-p384":
        return _p384_sha256(key, signature, hashlib.sha256(message).digest())
    return None


def check_digest(
    key: PublicKey, signature: bytes, sha256: bytes, *, of_certificate: bool = False
) -> Scheme | None:
    """How this key made this signature over content with this SHA-256; None when it did not.

    Raises UnsupportedError signature.unsupported where a SHA-256 cannot answer it.
    """
    if key.algorithm == "ecdsa-p256":
        return _usual(key) if key.verify_digest(signature, sha256) else None
    if key.algorithm == "rsa-pkcs1-sha256":
        return _usual(key) if _rsa_holds(key, signature, sha256) else None
    if of_certificate and key.algorithm == "ecdsa-p384":
        found = _p384_sha256(key, signature, sha256)
        if found is not None:
            return found
    raise UnsupportedError(
        "signature.unsupported",
        f"a signature by {key.algorithm} over a file is not checked with its SHA-256",
        where="bundle",
        hint="sign the file with ECDSA P-256, or a statement about it",
    )


def _usual(key: PublicKey) -> Scheme:
    if key.algorithm == "rsa-pkcs1-sha256":
        return Scheme(_RSA_DETAILS.get(_loaded_rsa(key).key_size, ""), "sha256")
    hashes = {"ecdsa-p384": "sha384", "ed25519": ""}
    return Scheme(_DETAILS.get(key.algorithm, ""), hashes.get(key.algorithm, "sha256"))


def _p384_sha256(key: PublicKey, signature: bytes, sha256: bytes) -> Scheme | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    public = load_der_public_key(key.der)
    assert isinstance(public, ec.EllipticCurvePublicKey)  # PublicKey has read it
    try:
        public.verify(signature, sha256, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return None
    return Scheme("PKIX_ECDSA_P384_SHA_256", "sha256")


def _rsa_holds(key: PublicKey, signature: bytes, sha256: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, utils

    try:
        _loaded_rsa(key).verify(signature, sha256, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _loaded_rsa(key: PublicKey) -> RSAPublicKey:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return cast("RSAPublicKey", load_der_public_key(key.der))  # PublicKey has read it
