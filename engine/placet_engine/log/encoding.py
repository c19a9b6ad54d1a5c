"""Base64 with one spelling for each byte string: padded, standard alphabet, no stray bits after the last byte."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error


def to_base64(data: bytes) -> str:
    """The text."""
    return b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes | None:
    """The bytes; None for a text that is not the one spelling of any."""
    try:
        data = b64decode(text, validate=True)
    except (Error, ValueError):
        return None
    # Re-encoding finds what the decoder forgives: bits that belong to no byte.
    return data if to_base64(data) == text else None
