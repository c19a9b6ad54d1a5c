"""A log walked from outside: each entry hashed again, each tile compared with what its entries make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from placet_api.client.problems import answer_error
from placet_api.errors import AccessError, BusyError, UsageError
from placet_engine.errors import LogError
from placet_engine.log.entry import columns, parse_leaf
from placet_engine.log.merkle import HASH_SIZE, CompactRange, leaf_hash
from placet_engine.log.tiles import TILE_HEIGHT, TILE_WIDTH, TilePath

if TYPE_CHECKING:
    from placet_api.client.connection import Connection
    from placet_engine.log.checkpoint import Checkpoint

_OCTETS: Final = "application/octet-stream"
_TRIES: Final = 20
_LONGEST_PAUSE: Final = 5.0

Pause = Callable[[float], object]


class DivergenceError(Exception):
    """What does not hold: at which entry, None when at none of them, and why."""

    def __init__(self, index: int | None, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Source:
    """The static resources of one log."""

    connection: Connection
    pause: Pause

    def checkpoint(self) -> str:
        """The newest checkpoint, as it came; empty for a log without entries."""
        try:
            return self._get("/checkpoint", "text/plain").decode()
        except UnicodeDecodeError as error:
            raise answer_error("the checkpoint is no text", where=self.connection.url) from error

    def tile(self, path: TilePath, first: int) -> bytes:
        """A tile or bundle that the checkpoint counts, from entry `first` on; a service without it has lost it."""
        try:
            return self._get(f"/{path.as_text()}", _OCTETS)
        except (BusyError, UsageError) as error:
            if error.code not in ("log.not_found", "log.corrupt"):
                raise
            raise DivergenceError(first, f"the service has it no more: {error.message}") from error

    def _get(self, path: str, kind: str) -> bytes:
        """One resource. A log is long, so a service that says "slower" is asked again when it says so."""
        for left in reversed(range(_TRIES)):
            try:
                reply = self.connection.get(path)
            except AccessError as error:
                if error.status != 429 or not left:
                    raise
                self.pause(min(error.after or 1.0, _LONGEST_PAUSE))
            else:
                if reply.kind != kind:
                    told = f"the answer is {reply.kind or 'of no type'}"
                    raise answer_error(told, where=self.connection.url)
                return reply.body
        raise AssertionError("the last try returned or raised")


@dataclass(slots=True)
class Walk:
    """Every entry of a log of `size`, in order; `hashes` are those of the tile that is being filled, by level."""

    source: Source
    size: int
    kept: Checkpoint | None
    tree: CompactRange = field(default_factory=CompactRange)
    hashes: dict[int, list[bytes]] = field(default_factory=dict)

    def run(self) -> None:
        """Fetch all and compare; raises `DivergenceError` at the first that does not hold."""
        for start in range(0, self.size, TILE_WIDTH):
            width = min(TILE_WIDTH, self.size - start)
            path = TilePath("entries", start // TILE_WIDTH, width)
            for leaf in _leaves(self.source.tile(path, start), start, width):
                self._take(leaf)
            for level in sorted(self.hashes):
                self._compare(level)
        if self.kept is not None and self.kept.size > self.size:
            reason = f"it is missing: a head of {self.kept.size} entries was signed and kept"
            raise DivergenceError(self.size, reason)

    def _take(self, leaf: bytes) -> None:
        index = self.tree.size
        try:
            columns(parse_leaf(leaf))
        except LogError as error:
            raise DivergenceError(index, error.message) from error
        for node in self.tree.append(leaf_hash(leaf)):
            if node.level % TILE_HEIGHT == 0:
                self.hashes.setdefault(node.level // TILE_HEIGHT, []).append(node.hash)
        kept = self.kept
        if kept is not None and kept.size == self.tree.size and kept.root != self.tree.root():
            reason = f"a head of {kept.size} entries was signed and kept, and these are not they"
            raise DivergenceError(kept.size - 1, reason)

    def _compare(self, level: int) -> None:
        """Compare a tile with what its entries make, once it is full or the log is at its end."""
        made = self.hashes[level]
        if not made or (len(made) < TILE_WIDTH and self.tree.size < self.size):
            return
        count = self.tree.size >> TILE_HEIGHT * level
        path = TilePath(level, (count - 1) // TILE_WIDTH, len(made))
        first, width = path.index * TILE_WIDTH, 1 << TILE_HEIGHT * level
        told = self.source.tile(path, first * width)
        for place, own in enumerate(made):
            if told[place * HASH_SIZE : (place + 1) * HASH_SIZE] != own:
                raise _unlike(level, (first + place) * width, width)
        if len(told) != len(made) * HASH_SIZE:
            raise DivergenceError(first * width, "its tile is longer than the tree")
        made.clear()


def _unlike(level: int, start: int, width: int) -> DivergenceError:
    if level == 0:
        return DivergenceError(start, "its leaf is not the one in the tree")
    reason = f"the tree's node over entries {start} to {start + width - 1} is not theirs"
    return DivergenceError(start, reason)


def _leaves(bundle: bytes, start: int, width: int) -> list[bytes]:
    """The entries of a bundle: each behind its length, a big-endian uint16; as many as `width`, and nothing more."""
    found: list[bytes] = []
    place = 0
    while len(found) < width:
        stop = place + 2 + int.from_bytes(bundle[place : place + 2], "big")
        if place + 2 > len(bundle) or stop > len(bundle):
            raise DivergenceError(start + len(found), "it is cut off in its bundle")
        found.append(bundle[place + 2 : stop])
        place = stop
    if place != len(bundle):
        raise DivergenceError(start, "its bundle holds more than its entries")
    return found
