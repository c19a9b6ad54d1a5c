"""Private keys and key files; `PublicKey` comes from `_public_keys.py`, the other edge to cryptography.

Keys are made for two algorithms and checked for five (`_algorithms.py`). cryptography is imported by the
functions that need it, so that importing this file costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from placet_attestations._algorithms import ALGORITHMS, SIGNING_ALGORITHMS, Algorithm, SigningAlgorithm
from placet_attestations._files import read_bounded
from placet_attestations._keyfiles import read_private, write_new
from placet_attestations._public_keys import PublicKey, canonical, translated, unsupported
from placet_attestations.errors import AttestationError, KeyFileError
from placet_attestations.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "ALGORITHMS",
    "SIGNING_ALGORITHMS",
    "Algorithm",
    "LocalSigner",
    "PublicKey",
    "Signer",
    "SigningAlgorithm",
    "generate",
    "load_private",
    "load_public",
    "save_private",
    "save_public",
]

_Private: TypeAlias = "EllipticCurvePrivateKey | Ed25519PrivateKey"


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


def generate(algorithm: SigningAlgorithm = "ecdsa-p256") -> LocalSigner:
    """A new key pair; raises KeyFileError key.unsupported for a name that is not an algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "ecdsa-p256":
        return _signer(ec.generate_private_key(ec.SECP256R1()))
    if algorithm == "ed25519":
        return _signer(ed25519.Ed25519PrivateKey.generate())
    raise unsupported(f"the algorithm {algorithm!r}")


def load_private(path: Path, limits: Limits = DEFAULT_LIMITS) -> LocalSigner:
    """Read a PEM private key that only its owner can read.

    Raises KeyFileError key.missing, key.unreadable, key.permissions (group or others may read or write it),
    key.malformed, key.unsupported (another algorithm, or encrypted).
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = read_private(path, limits.max_key_bytes)
    with translated("a private key in PEM", path):
        return _signer(load_pem_private_key(data, password=None))


def load_public(
    path: Path, limits: Limits = DEFAULT_LIMITS, *, algorithm: Algorithm | None = None
) -> PublicKey:
    """Read a PEM public key; raises KeyFileError .missing, .unreadable, and what `PublicKey.from_pem` does."""
    try:
        data = read_bounded(path, limits.max_key_bytes)
    except AttestationError as error:
        code = "key.missing" if error.code == "file.missing" else "key.unreadable"
        raise KeyFileError(code, error.message, hint=error.hint) from error
    try:
        return PublicKey.from_pem(data, algorithm)
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


def _signer(private: object) -> LocalSigner:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(private, (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        algorithm, der = canonical(private.public_key())
        if algorithm in SIGNING_ALGORITHMS:
            return LocalSigner(PublicKey(algorithm, der), private)
    raise unsupported(f"a private key of class {type(private).__name__.removeprefix('_')}")
