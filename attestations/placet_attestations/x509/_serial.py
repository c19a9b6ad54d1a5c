"""A certificate's serial number, looked at before cryptography does.

RFC 5280 section 4.1.2.2 forbids numbers that are not positive. cryptography reads them for now, and warns on standard
error about it: a stranger's bytes would write into our output, and a later version would answer otherwise.
"""

from __future__ import annotations

from typing import Final

_VERSION: Final = 0xA0  # [0], which stands before the serial number except in v1
_INTEGER: Final = 0x02


def has_positive_serial(der: bytes) -> bool:
    """Whether the number is positive. Of DER alone: what else it says of other bytes, a parser refuses.

    Raises IndexError where the bytes end before.
    """
    place = _inside(der, _inside(der, 0))  # Certificate, TBSCertificate
    if der[place] == _VERSION:
        place += 2 + der[place + 1]
    if der[place] != _INTEGER:
        return True  # no certificate, as its parser will say
    first = der[_inside(der, place)]
    return first < 0x80 and not (first == 0 and der[place + 1] == 1)


def _inside(der: bytes, place: int) -> int:
    """Where the contents of the value at `place` begin."""
    length = der[place + 1]
    return place + 2 + (length & 0x7F if length & 0x80 else 0)
