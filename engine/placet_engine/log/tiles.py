"""The log as static resources (C2SP tlog-tiles): tiles of hashes, bundles of entries, and their paths.

A tile of level l holds up to 256 consecutive roots of the complete subtrees over 256**l leaves: the nodes
that the store keeps at level 8 * l. A tile that exists never changes, so whoever serves one may let it be
cached for good. Nothing here goes beyond the size that the caller names, which is to be a signed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from placet_engine.errors import LogError
from placet_engine.log.store import LogReader

TILE_WIDTH = 256
"""Hashes in a full tile and entries in a full bundle."""
TILE_HEIGHT = 8
"""Levels of the tree from one level of tiles to the next."""
MAX_LEVEL = 63
MAX_LEAF_BYTES = (1 << 16) - 1

# A log of 2**62 entries has tile indexes of at most six groups of digits; a seventh is room enough.
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TilePath:
    """What a path names: the hash tile of a level, or the bundle of `entries`; `width` is 256 for a full one."""

    level: int | Literal["entries"]
    index: int
    width: int = TILE_WIDTH

    def as_text(self) -> str:
        """The path, `tile/<L>/<N>[.p/<W>]`."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *front, last = (digits[start : start + 3] for start in range(0, len(digits), 3))
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{self.level}/{''.join(f'x{group}/' for group in front)}{last}{partial}"


def parse_tile_path(text: str) -> TilePath:
    """Read a path below the log's prefix, without a slash in front; LogError log.tile_path.

    One tile has one path: zeros in front, a partial width of 0 or 256, and a level above 63 are refused.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise _bad_path(text)
    level = found["level"]
    path = TilePath(
        "entries" if level == "entries" else int(level),
        int(found["index"].replace("/", "").replace("x", "")),
        int(found["width"] or TILE_WIDTH),
    )
    # Written again it differs where the index has a group of zeros in front or the width says 256.
    if path.as_text() != text or path.width > TILE_WIDTH or (level != "entries" and int(level) > MAX_LEVEL):
        raise _bad_path(text)
    return path


def tile(reader: LogReader, size: int, level: int, index: int, width: int) -> bytes:
    """The first `width` hashes of tile `index` of `level` in the tree of `size` leaves, 32 bytes each.

    LogError log.not_found when that tree has not so many of them. A narrower part of a tile than the tree
    has is given: it is the partial tile of a smaller tree.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise _absent(f"level {level}", index, width, size)
    first = _first(f"level {level}", index, width, size, size >> TILE_HEIGHT * level)
    return b"".join(reader.node(TILE_HEIGHT * level, first + place) for place in range(width))


def entry_bundle(reader: LogReader, size: int, index: int, width: int) -> bytes:
    """The first `width` entries of bundle `index`, each behind its length as a big-endian uint16.

    LogError log.not_found as for `tile`; log.corrupt when the store lacks an entry that its size counts, or
    has one too long for a bundle.
    """
    first = _first("the entries", index, width, size, size)
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in _leaves(reader, first, first + width))


def _first(what: str, index: int, width: int, size: int, count: int) -> int:
    """Place of the first hash of a tile in a level of `count` hashes, when the level has the whole tile."""
    first = index * TILE_WIDTH
    if not 1 <= width <= TILE_WIDTH or index < 0 or first + width > count:
        raise _absent(what, index, width, size)
    return first


def _leaves(reader: LogReader, start: int, stop: int) -> Iterator[bytes]:
    entries = reader.entries(start, stop)
    if [entry.index for entry in entries] != list(range(start, stop)):
        raise _corrupt(f"an entry between {start} and {stop - 1} is missing")
    for entry in entries:
        if len(entry.leaf) > MAX_LEAF_BYTES:
            raise _corrupt(f"entry {entry.index} is longer than {MAX_LEAF_BYTES} bytes")
        yield entry.leaf


def _corrupt(message: str) -> LogError:
    return LogError("log.corrupt", message, hint="check it with placet log verify")


def _absent(what: str, index: int, width: int, size: int) -> LogError:
    return LogError(
        "log.not_found",
        f"the log of {size} entries has no tile {index} of width {width} for {what}",
        hint="ask for what the newest checkpoint counts",
    )


def _bad_path(text: str) -> LogError:
    return LogError(
        "log.tile_path",
        f"{text[:80]!r} is not the path of a tile",
        hint="write tile/<level>/<index>, for example tile/0/x001/x234/067.p/5",
    )
