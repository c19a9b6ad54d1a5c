from __future__ import annotations

from placet_engine.log.merkle import CompactRange, leaf_hash
from placet_engine.log.nodes import NodeMemory
from placet_engine.log.store import Head

LEAVES = [b"a", b"b", b"c", b"d", b"e", b"f", b"g"]


class Nodes:
    """A tree in memory that counts how often it is read."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], bytes] = {}
        self.read: list[tuple[int, int]] = []
        tree = CompactRange()
        for leaf in LEAVES:
            self.held |= {(node.level, node.index): node.hash for node in tree.append(leaf_hash(leaf))}
        self.head = Head(tree.size, tree.root(), "", None)

    def __call__(self, level: int, index: int) -> bytes:
        self.read.append((level, index))
        return self.held[level, index]


def test_every_leaf_has_a_path_and_no_other_leaf_has_it() -> None:
    nodes = Nodes()
    memory = NodeMemory(nodes)
    for index, leaf in enumerate(LEAVES):
        path = memory.path(leaf, index, nodes.head)
        assert path is not None
        assert 1 <= len(path) <= 3
        assert memory.path(b"another", index, nodes.head) is None


def test_a_node_is_read_once() -> None:
    nodes = Nodes()
    memory = NodeMemory(nodes)
    first = memory.path(b"a", 0, nodes.head)
    seen = len(nodes.read)
    assert memory.path(b"a", 0, nodes.head) == first
    assert len(nodes.read) == seen


def test_no_more_are_remembered_than_it_may() -> None:
    nodes = Nodes()
    memory = NodeMemory(nodes, most=2)
    for _ in range(3):
        for index, leaf in enumerate(LEAVES):
            assert memory.path(leaf, index, nodes.head) is not None
    assert len(nodes.read) > 3 * len(LEAVES)


def test_a_remembered_node_that_does_not_lead_to_the_root_is_read_again() -> None:
    nodes = Nodes()
    memory = NodeMemory(nodes)
    true = nodes.held[0, 1]
    nodes.held[0, 1] = bytes(32)
    assert memory.path(b"a", 0, nodes.head) is None
    nodes.held[0, 1] = true
    assert memory.path(b"a", 0, nodes.head) is not None


def test_what_the_store_holds_has_the_last_word() -> None:
    nodes = Nodes()
    memory = NodeMemory(nodes)
    assert memory.path(b"a", 0, nodes.head) is not None
    # The head of another log: what is remembered of this one is no path there, and what is read is.
    tree = CompactRange()
    for leaf in [b"a", b"B"]:
        tree.append(leaf_hash(leaf))
    nodes.held[0, 1] = leaf_hash(b"B")
    assert memory.path(b"a", 0, Head(2, tree.root(), "", None)) == (leaf_hash(b"B"),)
