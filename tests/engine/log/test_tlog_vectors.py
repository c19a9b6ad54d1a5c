"""Other people's vectors: proofs of transparency-dev/merkle, a log written by Tessera, notes of the specification."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from placet_engine.errors import ProofError
from placet_engine.log.checkpoint import Checkpoint, open_checkpoint
from placet_engine.log.merkle import (
    CompactRange,
    consistency_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from placet_engine.log.note import NoteVerifier, open_note
from tests.vectors import vectors_dir

TESSERA = NoteVerifier.parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
SPECIFICATION = NoteVerifier.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")


def cases(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    folder = vectors_dir() / "tlog" / kind
    for path in sorted(folder.rglob("*.json")):
        yield str(path.relative_to(folder)), json.loads(path.read_text("utf-8"))


def decoded(case: dict[str, Any], key: str) -> bytes:
    return b64decode(case[key] or "")


def steps(case: dict[str, Any]) -> list[bytes]:
    return [b64decode(step or "") for step in case["proof"] or []]


def test_inclusion() -> None:
    wrong, count = [], 0
    for name, case in cases("inclusion"):
        count += 1
        held = verify_inclusion(
            decoded(case, "leafHash"), case["leafIdx"], case["treeSize"], steps(case), decoded(case, "root")
        )
        if held == case["wantErr"]:
            wrong.append(name)
    assert wrong == []
    assert count > 90


def test_consistency() -> None:
    wrong, count = [], 0
    for name, case in cases("consistency"):
        count += 1
        held = verify_consistency(
            case["size1"], case["size2"], steps(case), decoded(case, "root1"), decoded(case, "root2")
        )
        if held == case["wantErr"]:
            wrong.append(name)
    assert wrong == []
    assert count > 90


def tessera_log() -> Path:
    return vectors_dir() / "tlog" / "tessera-log"


def tessera_entries(size: int) -> list[bytes]:
    """An entry bundle: each entry behind its length in two bytes (tlog-tiles)."""
    raw = (tessera_log() / "tile" / "entries" / "000.p" / str(size)).read_bytes()
    entries = []
    while raw:
        length = int.from_bytes(raw[:2], "big")
        entries.append(raw[2 : 2 + length])
        raw = raw[2 + length :]
    return entries


def tessera_checkpoint(size: int) -> Checkpoint:
    return open_checkpoint((tessera_log() / f"checkpoint.{size}").read_bytes(), (TESSERA,))


@pytest.mark.parametrize("size", range(16))
def test_a_checkpoint_of_tessera(size: int) -> None:
    checkpoint = tessera_checkpoint(size)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/log/testdata", size)
    tree = CompactRange()
    tile = []
    for entry in tessera_entries(size) if size else []:
        tile.append(leaf_hash(entry))
        tree.append(tile[-1])
    assert tree.root() == checkpoint.root
    if size:
        assert (tessera_log() / "tile" / "0" / "000.p" / str(size)).read_bytes() == b"".join(tile)


def test_the_checkpoints_of_tessera_continue_each_other() -> None:
    tree, nodes = CompactRange(), {}
    for entry in tessera_entries(15):
        for node in tree.append(leaf_hash(entry)):
            nodes[node.level, node.index] = node.hash
    for old in range(1, 16):
        for new in range(old, 16):
            proof = consistency_proof(old, new, lambda level, index: nodes[level, index])
            roots = tessera_checkpoint(old).root, tessera_checkpoint(new).root
            assert verify_consistency(old, new, proof, *roots)


def test_the_newest_checkpoint_of_tessera() -> None:
    newest = open_checkpoint((tessera_log() / "checkpoint").read_bytes(), (TESSERA,))
    assert newest == tessera_checkpoint(newest.size)


def test_a_note_of_the_specification() -> None:
    note = open_note((vectors_dir() / "tlog" / "note-2.txt").read_bytes(), (SPECIFICATION,))
    assert note.text == "This is an example message.\n"
    assert note.signed_by == (SPECIFICATION,)


def test_a_note_whose_key_is_not_published() -> None:
    """It is well-formed, with a blank line in its text; so it is refused for its unknown signer and nothing else."""
    raw = (vectors_dir() / "tlog" / "note-1.txt").read_bytes()
    with pytest.raises(ProofError) as caught:
        open_note(raw, (SPECIFICATION,))
    assert caught.value.code == "note.unsigned"
