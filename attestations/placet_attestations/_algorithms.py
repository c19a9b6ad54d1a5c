"""What keys there are, what each is used with, and which numbers make a key that no signature is taken from.

Pure: the objects of cryptography stay in `_public_keys.py` and `keys.py`. A name stands for the whole of a
scheme (curve or padding, and hash), so nothing about it is left for a message to choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args

from placet_attestations.errors import KeyFileError

SigningAlgorithm: TypeAlias = Literal["ecdsa-p256", "ed25519"]
"""What keys are made for here: the two that every verifier of Sigstore bundles agrees on."""

Algorithm: TypeAlias = Literal["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-pkcs1-sha256", "rsa-pss-sha256"]
"""What signatures are checked with: P-256 with SHA-256, P-384 with SHA-384, pure Ed25519, RSA with SHA-256."""

SIGNING_ALGORITHMS: Final[tuple[SigningAlgorithm, ...]] = get_args(SigningAlgorithm)
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
RSA_ALGORITHMS: Final[tuple[Algorithm, ...]] = ("rsa-pkcs1-sha256", "rsa-pss-sha256")

RSA_BITS: Final = range(2048, 8192 + 1)
# 3 is sound with paddings that are compared whole, and such keys exist. From 2^32 on only a check gets slower.
_RSA_EXPONENTS: Final = range(3, 1 << 32, 2)

# AlgorithmIdentifier, up to the end of its object identifier: id-RSASSA-PSS of RFC 4055.
_PSS_ONLY: Final = bytes.fromhex("06092a864886f70d01010a")

_P: Final = 2**255 - 19  # the field of Ed25519 and the constant of its curve (RFC 8032, section 5.1)
_D: Final = -121665 * pow(121666, -1, _P) % _P


def choose(fitting: Sequence[Algorithm], asked: Algorithm | None) -> Algorithm:
    """The one algorithm of a key that fits these. Raises KeyFileError key.algorithm: none was asked for and
    several fit, or the one that was asked for does not.
    """
    if asked is not None and asked in fitting:
        return asked
    names = " or ".join(fitting)
    if asked is not None:
        message = f"the key is not one of {asked}"
    elif len(fitting) == 1:
        return fitting[0]
    else:
        message = f"the file cannot say which of {names} the key is used with"
    raise KeyFileError(
        "key.algorithm", message, hint=f"write algorithm: {names} beside the key in trust.yaml"
    )


def check_rsa(bits: int, exponent: int) -> None:
    """Raise KeyFileError key.weak, key.unsupported for an RSA key of a size or exponent not taken here."""
    if bits not in RSA_BITS:
        code = "key.weak" if bits < RSA_BITS.start else "key.unsupported"
        raise _refused(code, f"an RSA key of {bits} bits", f"use 2048 to {RSA_BITS[-1]} bits")
    if exponent not in _RSA_EXPONENTS:
        raise _refused("key.weak", "an RSA key with such an exponent", "use 65537, as all tools do")


def check_rsa_spki(der: bytes) -> None:
    """Raise KeyFileError key.unsupported for an RSA key that its own file restricts to PSS, and to some
    parameters of it: they are dropped in reading, and another use would be taken from it.
    """
    if _PSS_ONLY in der[:32]:
        raise _refused(
            "key.unsupported",
            "a key of type id-RSASSA-PSS",
            "write it as a plain RSA key, with algorithm: rsa-pss-sha256 beside it",
        )


def check_ed25519(raw: bytes) -> None:
    """Raise KeyFileError key.weak for 32 bytes that are no point of the curve in its one spelling, or one of
    the eight of small order, for which anybody can make signatures.
    """
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    square = y * y % _P
    x_squared = (square - 1) * pow(_D * square + 1, -1, _P) % _P  # -1/d is no square: never 0
    on_curve = y < _P and pow(x_squared, (_P - 1) // 2, _P) in (0, 1)
    # Order 1 and 2 have x = 0, order 4 has y = 0; doubling a point of order 8 gives y = 0: x^2 = -y^2.
    if not on_curve or 0 in (x_squared, y) or (x_squared + square) % _P == 0:
        raise _refused("key.weak", "an Ed25519 key that is no good point of the curve", "make another key")


def _refused(code: str, what: str, hint: str) -> KeyFileError:
    return KeyFileError(code, f"{what} is not taken", hint=hint)
