"""Keys: P-256 and Ed25519, as files and as objects. The only file of this room that imports cryptography.

Two algorithms, because those two every verifier of Sigstore bundles agrees on: ECDSA P-256 with SHA-256 and
pure Ed25519. The algorithm belongs to the key and is never taken from a message. cryptography is imported by
the functions that need it, so that importing this file costs nothing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self, TypeAlias, cast, get_args

from placet_attestations._files import read_bounded
from placet_attestations._keyfiles import read_private, write_new
from placet_attestations.errors import AttestationError, KeyFileError
from placet_attestations.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Algorithm: TypeAlias = Literal["ecdsa-p256", "ed25519"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

_Private: TypeAlias = "EllipticCurvePrivateKey | Ed25519PrivateKey"
_Public: TypeAlias = "EllipticCurvePublicKey | Ed25519PublicKey"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as its DER SubjectPublicKeyInfo, in the one encoding that `from_der` makes of it.

    Equal keys have equal `der`, so a fingerprint counts keys and not spellings of them.
    """

    algorithm: Algorithm
    der: bytes = field(repr=False)

    @classmethod
    def from_der(cls, data: bytes) -> Self:
        """Read a SubjectPublicKeyInfo; raises KeyFileError key.malformed, key.unsupported."""
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        with _translated("a public key"):
            return cls(*_canonical(load_der_public_key(data)))

    @classmethod
    def from_pem(cls, data: bytes) -> Self:
        """Read a PEM `PUBLIC KEY`; errors as `from_der`."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        with _translated("a public key in PEM"):
            return cls(*_canonical(load_pem_public_key(data)))

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
        """Whether this key made this signature over exactly this message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = _loaded(self.algorithm, self.der)
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
            else:
                key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer(Protocol):
    """Whatever can sign: a local key, a token, a cloud key. `sign` returns the raw signature over the whole
    message.

    ECDSA signatures are DER, over SHA-256 of the message; Ed25519 is pure. A caller checks what it gets.
    """

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what `sign` returns."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The raw signature over the message."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LocalSigner:
    """A private key in this process's memory. Never shown, never pickled."""

    public_key: PublicKey
    _private: _Private = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Sign the message (not its digest)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        if isinstance(self._private, ec.EllipticCurvePrivateKey):
            return self._private.sign(message, ec.ECDSA(hashes.SHA256()))
        return self._private.sign(message)

    def private_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8 PEM: to be written by `save_private` and nowhere else."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled or copied")


def generate(algorithm: Algorithm = "ecdsa-p256") -> LocalSigner:
    """A new key pair; raises KeyFileError key.unsupported for a name that is not an algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "ecdsa-p256":
        return _signer(ec.generate_private_key(ec.SECP256R1()))
    if algorithm == "ed25519":
        return _signer(ed25519.Ed25519PrivateKey.generate())
    raise _unsupported(f"the algorithm {algorithm!r}")


def load_private(path: Path, limits: Limits = DEFAULT_LIMITS) -> LocalSigner:
    """Read a PEM private key that only its owner can read.

    Raises KeyFileError key.missing, key.unreadable, key.permissions (group or others may read or write it),
    key.malformed, key.unsupported (another algorithm, or encrypted).
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = read_private(path, limits.max_key_bytes)
    with _translated("a private key in PEM", path):
        return _signer(load_pem_private_key(data, password=None))


def load_public(path: Path, limits: Limits = DEFAULT_LIMITS) -> PublicKey:
    """Read a PEM public key; raises KeyFileError .missing, .unreadable, .malformed, .unsupported."""
    try:
        data = read_bounded(path, limits.max_key_bytes)
    except AttestationError as error:
        code = "key.missing" if error.code == "file.missing" else "key.unreadable"
        raise KeyFileError(code, error.message, hint=error.hint) from error
    try:
        return PublicKey.from_pem(data)
    except KeyFileError as error:
        raise KeyFileError(error.code, error.message, where=str(path), hint=error.hint) from error


def save_private(path: Path, signer: LocalSigner) -> None:
    """Write a new private key file, mode 0600, durable when this returns; its folder is made when it is
    missing.

    Raises KeyFileError key.exists (a key is never overwritten) and key.unwritable.
    """
    write_new(path, signer.private_pem(), 0o600)


def save_public(path: Path, key: PublicKey) -> None:
    """Write a new public key file, mode 0644; errors as `save_private`."""
    write_new(path, key.pem.encode(), 0o644)


@functools.lru_cache(maxsize=1024)
def _loaded(algorithm: Algorithm, der: bytes) -> _Public:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    with _translated("a public key"):
        key = load_der_public_key(der)
        if _canonical(key) != (algorithm, der):
            raise ValueError("not the algorithm it is said to be, or not in its one encoding")
    return cast(_Public, key)


def _canonical(key: object) -> tuple[Algorithm, bytes]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ecdsa-p256", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raise _unsupported(f"a key of class {type(key).__name__.removeprefix('_')}")


def _signer(private: object) -> LocalSigner:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(private, (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        return LocalSigner(PublicKey(*_canonical(private.public_key())), private)
    raise _unsupported(f"a key of class {type(private).__name__.removeprefix('_')}")


@contextlib.contextmanager
def _translated(what: str, path: Path | None = None) -> Iterator[None]:
    """Turn what cryptography raises about bytes into a KeyFileError; its errors have no common base."""
    from cryptography.exceptions import UnsupportedAlgorithm

    where = str(path) if path else None
    try:
        yield
    except KeyFileError as error:
        raise KeyFileError(error.code, error.message, where=where, hint=error.hint) from error
    except UnsupportedAlgorithm as error:
        raise _unsupported(f"{what} of this algorithm", where) from error
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


def _unsupported(what: str, where: str | None = None) -> KeyFileError:
    return KeyFileError(
        "key.unsupported",
        f"{what} is not supported",
        where=where,
        hint="use ECDSA P-256 or Ed25519: `placet key new --algorithm ecdsa-p256|ed25519`",
    )
