"""Tiles and bundles: what a client builds from them is the tree of the head, and nothing outside it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_engine.errors import LogError
from placet_engine.log.entry import Columns, Entry
from placet_engine.log.merkle import CompactRange, leaf_hash, node_hash, root_at
from placet_engine.log.store import LogReader
from placet_engine.log.tiles import (
    MAX_LEAF_BYTES,
    MAX_LEVEL,
    TILE_WIDTH,
    TilePath,
    entry_bundle,
    parse_tile_path,
    tile,
)
from tests.engine.log.making import NOW, evidence, seal
from tests.fakes.log import MemoryLogStore

ENTRIES = 600


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> MemoryLogStore:
    return stored(tmp_path_factory.mktemp("log"), ENTRIES)


def stored(folder: Path, entries: int) -> MemoryLogStore:
    store = MemoryLogStore()
    store.append([evidence(number) for number in range(entries)], seal(folder))
    return store


class RootsOnly(MemoryLogStore):
    """A log too large to fill: any node is there, and says its own place."""

    def node(self, level: int, index: int) -> bytes:
        return level.to_bytes(16, "big") + index.to_bytes(16, "big")


class Client:
    """All that a client knows: a reader of paths, as a web server gives them, and a size that was signed."""

    def __init__(self, reader: LogReader, size: int) -> None:
        self.reader = reader
        self.size = size

    def get(self, path: str) -> bytes:
        named = parse_tile_path(path)
        if named.level == "entries":
            return entry_bundle(self.reader, self.size, named.index, named.width)
        return tile(self.reader, self.size, named.level, named.index, named.width)

    def widths(self, level: int) -> list[int]:
        full, partial = divmod(self.size >> 8 * level, 256)
        return [256] * full + ([partial] if partial else [])

    def hashes(self, level: int) -> list[bytes]:
        raw = b"".join(
            self.get(TilePath(level, index, width).as_text())
            for index, width in enumerate(self.widths(level))
        )
        return [raw[start : start + 32] for start in range(0, len(raw), 32)]

    def leaves(self) -> list[bytes]:
        found = []
        for index, width in enumerate(self.widths(0)):
            raw = self.get(TilePath("entries", index, width).as_text())
            while raw:
                length = int.from_bytes(raw[:2], "big")
                found.append(raw[2 : 2 + length])
                raw = raw[2 + length :]
        return found


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, over hashes of leaves, written as the RFC has it."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(root_of(hashes[:middle]), root_of(hashes[middle:]))


@given(size=st.integers(1, ENTRIES))
def test_a_client_builds_the_root_from_tiles_and_bundles(log: MemoryLogStore, size: int) -> None:
    client = Client(log, size)
    hashes = client.hashes(0)
    assert len(hashes) == size
    assert root_of(hashes) == root_at(size, log.node)
    assert [leaf_hash(leaf) for leaf in client.leaves()] == hashes
    # A hash of the level above is the root of one full tile, and only full tiles have one.
    full = [hashes[start : start + 256] for start in range(0, size - 255, 256)]
    assert client.hashes(1) == [root_of(below) for below in full]
    # The upper tile stands for the full tiles below it: with the partial one it makes the root as well.
    rest = hashes[len(full) * 256 :]
    state = CompactRange()
    for upper in client.hashes(1):
        state.append(upper)
    pieces = [*state.hashes, *([root_of(rest)] if rest else [])]
    root = pieces.pop()
    while pieces:
        root = node_hash(pieces.pop(), root)
    assert root == root_at(size, log.node)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, ENTRIES])
def test_a_log_of_that_many_entries_has_the_root_of_its_head(tmp_path: Path, size: int) -> None:
    store = stored(tmp_path, size)
    assert root_of(Client(store, size).hashes(0)) == store.head().root


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [
        (0, 2, 89),  # the tree of 600 has 88 there
        (0, 2, 256),
        (0, 3, 1),
        (0, 0, 0),
        (0, 0, -1),
        (0, 0, 257),
        (0, -1, 256),
        (1, 0, 3),
        (2, 0, 1),
        (MAX_LEVEL, 0, 1),
        (MAX_LEVEL + 1, 0, 1),
        (-1, 0, 1),
        (0, 1 << 70, 1),
    ],
)
def test_a_tile_outside_the_tree_is_not_found(
    log: MemoryLogStore, level: int, index: int, width: int
) -> None:
    with pytest.raises(LogError) as refused:
        tile(log, ENTRIES, level, index, width)
    assert refused.value.code == "log.not_found"
    if level == 0:
        with pytest.raises(LogError) as refused:
            entry_bundle(log, ENTRIES, index, width)
        assert refused.value.code == "log.not_found"


def test_nothing_beyond_the_signed_size_is_given(log: MemoryLogStore) -> None:
    """The store holds 600 entries, the caller speaks for 300 of them."""
    assert len(tile(log, 300, 0, 1, 44)) == 44 * 32
    assert entry_bundle(log, 300, 1, 44)
    with pytest.raises(LogError) as of_tile:
        tile(log, 300, 0, 1, 45)
    with pytest.raises(LogError) as of_bundle:
        entry_bundle(log, 300, 1, 45)
    with pytest.raises(LogError) as of_nothing:
        tile(log, 0, 0, 0, 1)
    assert {refused.value.code for refused in (of_tile, of_bundle, of_nothing)} == {"log.not_found"}


def test_a_narrower_tile_is_the_start_of_a_wider_one(log: MemoryLogStore) -> None:
    assert tile(log, ENTRIES, 0, 1, 256).startswith(tile(log, ENTRIES, 0, 1, 44))
    assert entry_bundle(log, ENTRIES, 1, 256).startswith(entry_bundle(log, ENTRIES, 1, 44))


def test_the_tiles_of_the_example_in_the_specification() -> None:
    """A tree of 70,000: 273 full tiles and one of 112, one full and one of 17, and one of width 1."""
    store, size = RootsOnly(), 70_000
    assert Client(store, size).widths(0) == [256] * 273 + [112]
    assert tile(store, size, 0, 273, 112)[-32:] == store.node(0, size - 1)
    assert tile(store, size, 1, 1, 17)[-32:] == store.node(8, 272)
    assert tile(store, size, 2, 0, 1) == store.node(16, 0)
    for level, index, width in ((0, 273, 113), (1, 1, 18), (2, 0, 2), (3, 0, 1)):
        with pytest.raises(LogError):
            tile(store, size, level, index, width)


@pytest.mark.parametrize("leaves", [[b"a"], [b"a", b"x" * (MAX_LEAF_BYTES + 1)]])
def test_a_bundle_is_whole_or_refused(leaves: list[bytes]) -> None:
    view = Columns("evidence", NOW, None, None, None, None, None)

    class Damaged(MemoryLogStore):
        def entries(self, start: int, stop: int) -> tuple[Entry, ...]:
            return tuple(Entry(index, leaf, view) for index, leaf in enumerate(leaves))

    with pytest.raises(LogError) as refused:
        entry_bundle(Damaged(), 2, 0, 2)
    assert refused.value.code == "log.corrupt"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tile/0/000", TilePath(0, 0)),
        ("tile/63/999", TilePath(63, 999)),
        ("tile/0/x001/000", TilePath(0, 1000)),
        ("tile/0/x001/x234/067", TilePath(0, 1_234_067)),
        ("tile/10/x001/x234/067.p/255", TilePath(10, 1_234_067, 255)),
        ("tile/entries/x001/x234/067.p/1", TilePath("entries", 1_234_067, 1)),
        ("tile/entries/273", TilePath("entries", 273)),
    ],
)
def test_paths(text: str, path: TilePath) -> None:
    assert parse_tile_path(text) == path
    assert path.as_text() == text


@given(
    level=st.one_of(st.integers(0, MAX_LEVEL), st.just("entries")),
    index=st.integers(0, 1 << 62),
    width=st.integers(1, TILE_WIDTH),
)
def test_a_path_comes_back(level: int | str, index: int, width: int) -> None:
    path = TilePath("entries" if isinstance(level, str) else level, index, width)
    assert parse_tile_path(path.as_text()) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/1000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/x000/001",
        "tile/0/x000/000",
        "tile/0/001/234",
        "tile/0/x001/x234",
        "tile/0/X001/234",
        "tile/0/x001x234/067",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/999",
        "tile/0/000.p/1000",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/-1",
        "tile/0/\N{ARABIC-INDIC DIGIT ONE}00",
        "tile/0/000.p/\N{ARABIC-INDIC DIGIT ONE}",
        "tile/0/../000",
        "tile/0/" + "x001/" * 7 + "000",
        "tile/0/" + "x001/" * 100_000 + "000",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(LogError) as refused:
        parse_tile_path(text)
    assert refused.value.code == "log.tile_path"
    assert len(refused.value.message) < 200
