"""Paths from entries to the root of the tree, with the nodes that were read before.

A node is a complete subtree and never changes. A path has a dozen of them, most of them those of the path before it.
What is remembered proves nothing by itself: a path is given only when it leads to the root.
"""

from __future__ import annotations

from typing import Final

from placet_engine.log.merkle import NodeReader, inclusion_proof, leaf_hash, verify_inclusion
from placet_engine.log.store import Head

MOST: Final = 1024
"""Nodes that are remembered: 300 kB."""


class NodeMemory:
    """The nodes behind `read`. May be used from several threads."""

    def __init__(self, read: NodeReader, most: int = MOST) -> None:
        self._read = read
        self._most = most
        self._known: dict[tuple[int, int], bytes] = {}

    def path(self, leaf: bytes, index: int, head: Head) -> tuple[bytes, ...] | None:
        """The audit path of the leaf at `index` under `head`; None when it does not stand there.

        Raises what the reader raises.
        """
        for read in (self._node, self._read):
            path = inclusion_proof(index, head.size, read)
            if verify_inclusion(leaf_hash(leaf), index, head.size, path, head.root):
                return path
            self._known = {}  # were these at fault? what is stored has the last word
        return None

    def _node(self, level: int, index: int) -> bytes:
        known = self._known
        found = known.get((level, index))
        if found is None:
            found = self._read(level, index)
            if len(known) >= self._most:
                known = self._known = {}
            known[level, index] = found
        return found
