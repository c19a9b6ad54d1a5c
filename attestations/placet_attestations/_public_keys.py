"""Public keys: read, named, and asked whether a signature is theirs. With `keys.py` the only importer of
cryptography in this room, in the functions that need it, so that importing this file costs nothing.

The algorithm belongs to the trusted key and is never taken from a message; where a key's file cannot say it
(RSA), whoever trusts the key does.
"""

from __future__ import annotations

import binascii
import contextlib
import functools
import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from placet_attestations._algorithms import (
    RSA_ALGORITHMS,
    Algorithm,
    check_ed25519,
    check_rsa,
    check_rsa_spki,
    choose,
)
from placet_attestations.errors import KeyFileError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_Public: TypeAlias = "EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey"
_Check: TypeAlias = Callable[[bytes, bytes], None]  # (signature, message); raises InvalidSignature

_CURVES: Final[dict[str, Algorithm]] = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}
_BEGIN: Final = re.compile(rb"^-----BEGIN ", re.MULTILINE)
_SPKI: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----(.*?)-----END", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as its DER SubjectPublicKeyInfo, in the one encoding that `from_der` makes of it, and what
    it is used with.

    One key has one `der`, so a fingerprint counts keys and not spellings or uses of them.
    """

    algorithm: Algorithm
    der: bytes = field(repr=False)

    @classmethod
    def from_der(cls, data: bytes, algorithm: Algorithm | None = None) -> Self:
        """Read a SubjectPublicKeyInfo, for this algorithm when it is given; an RSA key needs one.

        Points are on their curve (and of its order), RSA keys have 2048 to 8192 bits and an odd exponent of
        3 to 2^32. Raises KeyFileError key.malformed, key.unsupported, key.weak, key.algorithm.
        """
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        with translated("a public key"):
            check_rsa_spki(data)
            return cls(*canonical(load_der_public_key(data), algorithm))

    @classmethod
    def from_pem(cls, data: bytes, algorithm: Algorithm | None = None) -> Self:
        """Read the one PEM block of a public key, text around it ignored; errors as `from_der`."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        with translated("a public key in PEM"):
            if len(_BEGIN.findall(data)) > 1:
                raise ValueError("which of several keys is meant?")
            for body in _SPKI.findall(data):
                check_rsa_spki(binascii.a2b_base64(body))
            return cls(*canonical(load_pem_public_key(data), algorithm))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, in hex: what this room means by the identity of a key."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def hint(self) -> str:
        """What Sigstore bundles carry to find the key: base64 of the same SHA-256."""
        return b64encode(hashlib.sha256(self.der).digest()).decode()

    @property
    def pem(self) -> str:
        """The key as a PEM file, 64 characters a line, with a final newline."""
        body = b64encode(self.der).decode()
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made this signature over exactly this message.

        ECDSA signatures are DER in its one spelling; PSS has MGF1 with SHA-256 and a salt as long as the hash
        (RFC 4055 and every cloud's keys; the longest salt, Go's default, is refused); PKCS #1 v1.5 is compared
        with the one encoding that RFC 8017 section 9.2 makes. From one ECDSA signature (r, s) anybody makes
        (r, n-s), which holds as well: no identity and no count may rest on the bytes of a signature.
        """
        from cryptography.exceptions import InvalidSignature

        try:
            _checker(self.algorithm, self.der)(signature, message)
        except InvalidSignature:
            return False
        return True

    def verify_digest(self, signature: bytes, sha256: bytes) -> bool:
        """Whether this key signed the content with this SHA-256, by an algorithm that hashes by it first.

        Pure Ed25519 signs whole contents, P-384 their SHA-384: KeyFileError key.unsupported.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        key = load_der_public_key(self.der)
        if self.algorithm != "ecdsa-p256" or not isinstance(key, ec.EllipticCurvePublicKey):
            raise unsupported(f"a signature by {self.algorithm} over a file's digest")
        try:
            key.verify(signature, sha256, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        except InvalidSignature:
            return False
        return True


@functools.lru_cache(maxsize=1024)
def _checker(algorithm: Algorithm, der: bytes) -> _Check:
    """How this key checks a signature; a key object costs more to make than a signature to check."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    with translated("a public key"):
        key, fitting = _fitting(load_der_public_key(der))
        if algorithm not in fitting or _encoded(key) != der:
            raise ValueError("not the algorithm it is said to be, or not in its one encoding")
    sha256 = hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePublicKey):
        ecdsa = ec.ECDSA(sha256 if algorithm == "ecdsa-p256" else hashes.SHA384())
        return lambda signature, message: key.verify(signature, message, ecdsa)
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(sha256), padding.PSS.DIGEST_LENGTH)
        scheme = pss if algorithm == "rsa-pss-sha256" else padding.PKCS1v15()
        return lambda signature, message: key.verify(signature, message, scheme, sha256)
    return key.verify


def canonical(key: object, asked: Algorithm | None = None) -> tuple[Algorithm, bytes]:
    public, fitting = _fitting(key)
    return choose(fitting, asked), _encoded(public)


def _encoded(key: _Public) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _fitting(key: object) -> tuple[_Public, tuple[Algorithm, ...]]:
    """The key, checked for what cryptography lets through, and what it can be used with."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key, (_CURVES[key.curve.name],)  # the point was checked in reading
    if isinstance(key, ed25519.Ed25519PublicKey):
        check_ed25519(key.public_bytes_raw())
        return key, ("ed25519",)
    if isinstance(key, rsa.RSAPublicKey):
        check_rsa(key.key_size, key.public_numbers().e)
        return key, RSA_ALGORITHMS
    raise unsupported(f"a key of class {type(key).__name__.removeprefix('_')}")


@contextlib.contextmanager
def translated(what: str, path: Path | None = None) -> Iterator[None]:
    """Turn what cryptography raises about bytes into a KeyFileError; its errors have no common base."""
    from cryptography.exceptions import UnsupportedAlgorithm

    where = str(path) if path else None
    try:
        yield
    except KeyFileError as error:
        raise KeyFileError(error.code, error.message, where=where, hint=error.hint) from error
    except UnsupportedAlgorithm as error:
        raise unsupported(f"{what} of this algorithm", where) from error
    except (ValueError, TypeError) as error:
        if isinstance(error, TypeError) and "encrypted" in str(error):
            raise KeyFileError(
                "key.unsupported",
                "the private key is encrypted",
                where=where,
                hint="this version reads unencrypted PKCS#8 of mode 0600: decrypt it with `openssl pkey`",
            ) from error
        raise KeyFileError(
            "key.malformed",
            f"not {what}",
            where=where,
            hint="make a key with `placet key new`, or give the path of a PEM file",
        ) from error


def unsupported(what: str, where: str | None = None) -> KeyFileError:
    return KeyFileError(
        "key.unsupported",
        f"{what} is not supported",
        where=where,
        hint="sign with ECDSA P-256 or Ed25519: `placet key new --algorithm ecdsa-p256|ed25519`; keys of P-384 "
        "and RSA are read for checking",
    )
