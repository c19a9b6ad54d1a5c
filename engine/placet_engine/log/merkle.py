"""The Merkle tree of RFC 6962: hashes, the append state, proofs and their verification. Pure: no I/O, no
clock.

A *node* (level, index) is the root of the complete subtree over the leaves [index << level, (index + 1) <<
level). Such a node never changes once its last leaf is there, so a store keeps nodes and nothing else;
whatever covers an incomplete subtree is computed when it is asked for. Every function that needs nodes takes
a `NodeReader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_SIZE = 32
NodeReader = Callable[[int, int], bytes]
"""(level, index) -> the 32 bytes of that complete subtree; whoever implements it raises when it has no such node."""


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree: its place and its hash."""

    level: int
    index: int
    hash: bytes


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf), RFC 6962 section 2.1."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def empty_root() -> bytes:
    """The root of the tree without leaves: SHA-256 of nothing."""
    return sha256(b"").digest()


class CompactRange:
    """The append state of a tree: one hash for each set bit of its size, largest subtree first."""

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            raise AssertionError(
                f"a range over {size} leaves has {size.bit_count()} hashes, not {len(hashes)}"
            )
        self._size = size
        self._hashes = list(hashes)

    @classmethod
    def load(cls, size: int, read: NodeReader) -> CompactRange:
        """The state of a tree of `size` leaves, from its stored nodes (at most 64 of them)."""
        return cls(size, [read(level, index) for level, index in range_nodes(size)])

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, largest first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> tuple[Node, ...]:
        """Take in one leaf hash; returns every node that became complete, lowest level first."""
        index, level, node = self._size, 0, leaf
        completed = [Node(0, index, leaf)]
        while index & 1:
            node = node_hash(self._hashes.pop(), node)
            level, index = level + 1, index >> 1
            completed.append(Node(level, index, node))
        self._hashes.append(node)
        self._size += 1
        return tuple(completed)

    def root(self) -> bytes:
        """The root hash at this size."""
        if not self._hashes:
            return empty_root()
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = node_hash(left, root)
        return root


def range_nodes(size: int) -> Iterator[tuple[int, int]]:
    """Places of the complete subtrees that make up a tree of `size` leaves, largest first."""
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, start >> level
            start += 1 << level


def root_at(size: int, read: NodeReader) -> bytes:
    """The root that the tree had when it held `size` leaves."""
    return CompactRange.load(size, read).root()


def stored_position(level: int, index: int) -> int:
    """Where a node stands when all nodes are written in the order in which they become complete.

    One number for a place, so that a store appends at its end only. Leaf n is preceded by the 2n -
    popcount(n) nodes that were complete before it; a node of level l follows, l places later, the last leaf
    below it.
    """
    last_leaf = ((index + 1) << level) - 1
    return 2 * last_leaf - last_leaf.bit_count() + level


def inclusion_proof(index: int, size: int, read: NodeReader) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree of `size` leaves, leaf's sibling first (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise AssertionError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_subtree(middle, stop, read))
            stop = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, read: NodeReader) -> tuple[bytes, ...]:
    """Proof that a tree of `old` leaves is a prefix of the one of `new` leaves (RFC 6962 section 2.1.2)."""
    if not 0 < old <= new:
        raise AssertionError(f"no consistency proof from {old} to {new}")
    path: list[bytes] = []
    start, stop = 0, new
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(_subtree(middle, stop, read))
            stop = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    if start > 0:
        path.append(_subtree(start, stop, read))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf hash stands at `index` of that tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != HASH_SIZE or any(len(step) != HASH_SIZE for step in proof):
        return False
    inner, border = _shape(index, size)
    if len(proof) != inner + border:
        return False
    computed = _chain_inner(leaf, proof[:inner], index)
    return _chain_border(computed, proof[inner:]) == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree with `old_root` is a prefix of the one with `new_root` (RFC 9162 section 2.1.4.2).

    Nothing can be proved from an empty tree; of two trees of one size only the roots count and the proof must
    be empty.
    """
    if not 0 < old <= new or any(len(step) != HASH_SIZE for step in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    if not proof:
        return False
    inner, border = _shape(old - 1, new)
    shift = (old & -old).bit_length() - 1
    inner -= shift
    # The old tree is itself a complete subtree: its root is the first step, and the proof does not repeat it.
    complete = old == 1 << shift
    seed, steps = (old_root, proof) if complete else (proof[0], proof[1:])
    if len(steps) != inner + border:
        return False
    mask = (old - 1) >> shift
    was = _chain_border(_chain_inner_right(seed, steps[:inner], mask), steps[inner:])
    now = _chain_border(_chain_inner(seed, steps[:inner], mask), steps[inner:])
    return was == old_root and now == new_root


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << (width - 1).bit_length() - 1


def _subtree(start: int, stop: int, read: NodeReader) -> bytes:
    """Hash over the leaves [start, stop), where start is a multiple of the widest complete subtree in it."""
    width = stop - start
    if width.bit_count() == 1:
        level = width.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(width)
    return node_hash(_subtree(start, middle, read), _subtree(middle, stop, read))


def _shape(index: int, size: int) -> tuple[int, int]:
    """Length of the two parts of an inclusion proof: below and on the right border of the tree."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _chain_inner(seed: bytes, steps: Sequence[bytes], index: int) -> bytes:
    for level, step in enumerate(steps):
        seed = node_hash(step, seed) if index >> level & 1 else node_hash(seed, step)
    return seed


def _chain_inner_right(seed: bytes, steps: Sequence[bytes], index: int) -> bytes:
    for level, step in enumerate(steps):
        if index >> level & 1:
            seed = node_hash(step, seed)
    return seed


def _chain_border(seed: bytes, steps: Sequence[bytes]) -> bytes:
    for step in steps:
        seed = node_hash(step, seed)
    return seed
