"""One entry's proof as text (C2SP tlog-proof v1): its leaf, its place, the path to the root, the signed
checkpoint.

::

    c2sp.org/tlog-proof@v1
    extra <base64 of the leaf>
    index 42
    <base64 of a hash, leaf's sibling first>
    …

    <the checkpoint, verbatim>

The leaf travels in `extra`. That line is not authenticated by itself; it is by this: its hash must stand in
the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from placet_engine.errors import ProofError
from placet_engine.log.checkpoint import Checkpoint, open_checkpoint, parse_hash, parse_size
from placet_engine.log.encoding import from_base64, to_base64
from placet_engine.log.merkle import leaf_hash, verify_inclusion
from placet_engine.log.note import NoteVerifier

HEADER = "c2sp.org/tlog-proof@v1"
_MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """A leaf, its index, its audit path and a signed checkpoint, as somebody presents them: nothing is proved yet."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def as_text(self) -> str:
        """The tlog-proof text."""
        lines = [HEADER, f"extra {to_base64(self.leaf)}", f"index {self.index}"]
        lines += [to_base64(step) for step in self.path]
        return "\n".join(lines) + f"\n\n{self.checkpoint}"

    def check(self, verifier: NoteVerifier, origin: str | None = None) -> Checkpoint:
        """The checkpoint in which the leaf stands at the index, once both are proved.

        Steps: 1. leaf hash. 2. the checkpoint is of the accepted origin and signed by `verifier`. 3. the path
        leads from the leaf to its root. ProofError note.*, checkpoint.*, proof.inclusion.
        """
        leaf = leaf_hash(self.leaf)
        checkpoint = open_checkpoint(self.checkpoint, (verifier,), origin=origin)
        if not verify_inclusion(leaf, self.index, checkpoint.size, self.path, checkpoint.root):
            raise ProofError(
                "proof.inclusion",
                f"the entry does not stand at index {self.index} of the log of {checkpoint.size} entries",
                hint="the entry, its place or its path were changed; get the proof again from the log",
            )
        return checkpoint


def parse_proof(text: str) -> Proof:
    """Read a proof that carries its leaf in `extra`; ProofError proof.malformed."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != HEADER:
        _malformed(f"it does not start with {HEADER} or has no checkpoint")
    if len(lines) < 3 or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        _malformed("it has no extra line with the leaf, or no index line")
    if len(lines) > 3 + _MAX_PATH:
        _malformed(f"its path is longer than {_MAX_PATH} steps")
    try:
        index, path = parse_size(lines[2].removeprefix("index ")), tuple(map(parse_hash, lines[3:]))
    except ProofError as error:
        _malformed(error.message)
    return Proof(_leaf(lines[1].removeprefix("extra ")), index, path, checkpoint)


def _leaf(text: str) -> bytes:
    leaf = from_base64(text)
    if leaf is None:
        _malformed("its extra line is not base64")
    return leaf


def _malformed(why: str) -> NoReturn:
    raise ProofError(
        "proof.malformed", f"this is not a log proof: {why}", hint="get the proof again from the log"
    )
