from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_engine.log.merkle import (
    CompactRange,
    NodeReader,
    consistency_proof,
    empty_root,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_nodes,
    root_at,
    stored_position,
    verify_consistency,
    verify_inclusion,
)
from tests.engine.log.making import flip

MOST = 130


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def build(size: int) -> tuple[CompactRange, NodeReader]:
    tree, nodes = CompactRange(), {}
    for leaf in leaves(size):
        for node in tree.append(leaf):
            nodes[node.level, node.index] = node.hash
    return tree, lambda level, index: nodes[level, index]


def root_by_definition(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word: the other way to compute it."""
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(root_by_definition(hashes[:k]), root_by_definition(hashes[k:]))


@st.composite
def places(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, MOST))
    return draw(st.integers(0, size - 1)), size


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    new = draw(st.integers(1, MOST))
    return draw(st.integers(1, new)), new


def test_the_published_hashes_of_nothing() -> None:
    assert empty_root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.integers(0, MOST))
def test_the_range_has_the_root_of_the_definition(size: int) -> None:
    tree, read = build(size)
    assert tree.root() == root_by_definition(leaves(size))
    assert tree.size == size
    assert CompactRange.load(size, read).hashes == tree.hashes


@given(sizes())
def test_an_old_root_can_be_read_from_a_tree_that_grew(pair: tuple[int, int]) -> None:
    old, new = pair
    assert root_at(old, build(new)[1]) == build(old)[0].root()


@given(st.integers(0, MOST))
def test_nodes_are_complete_in_the_order_of_their_position(size: int) -> None:
    tree = CompactRange()
    nodes = [node for leaf in leaves(size) for node in tree.append(leaf)]
    assert [stored_position(node.level, node.index) for node in nodes] == list(range(len(nodes)))
    assert stored_position(0, size) == len(nodes)


@given(places())
def test_a_proof_of_inclusion_verifies(place: tuple[int, int]) -> None:
    index, size = place
    tree, read = build(size)
    assert verify_inclusion(leaves(size)[index], index, size, inclusion_proof(index, size, read), tree.root())


@given(places(), st.data())
def test_no_changed_proof_of_inclusion_verifies(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    tree, read = build(size)
    leaf, proof, root = leaves(size)[index], inclusion_proof(index, size, read), tree.root()
    at = data.draw(st.integers(0, 31))
    assert not verify_inclusion(flip(leaf, at), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, proof, flip(root, at))
    assert not verify_inclusion(leaf, index, size, (*proof, leaf), root)
    if proof:
        step = data.draw(st.integers(0, len(proof) - 1))
        changed = (*proof[:step], flip(proof[step], at), *proof[step + 1 :])
        assert not verify_inclusion(leaf, index, size, changed, root)
        assert not verify_inclusion(leaf, index, size, proof[:-1], root)
        assert not verify_inclusion(leaf, index, size, (*proof[:-1], proof[-1][:-1]), root)


@given(places(), st.integers(-1, MOST))
def test_a_proof_holds_for_its_own_index_only(place: tuple[int, int], other: int) -> None:
    index, size = place
    tree, read = build(size)
    proof = inclusion_proof(index, size, read)
    assert verify_inclusion(leaves(size)[index], other, size, proof, tree.root()) == (other == index)


@given(sizes())
def test_a_proof_of_consistency_verifies(pair: tuple[int, int]) -> None:
    old, new = pair
    before, (after, read) = build(old)[0], build(new)
    assert verify_consistency(old, new, consistency_proof(old, new, read), before.root(), after.root())


@given(sizes(), st.data())
def test_no_changed_proof_of_consistency_verifies(pair: tuple[int, int], data: st.DataObject) -> None:
    old, new = pair
    before, (after, read) = build(old)[0].root(), build(new)
    proof, root = consistency_proof(old, new, read), after.root()
    at = data.draw(st.integers(0, 31))
    assert not verify_consistency(old, new, proof, flip(before, at), root)
    assert not verify_consistency(old, new, proof, before, flip(root, at))
    assert not verify_consistency(old, new, (*proof, root), before, root)
    assert not verify_consistency(new, old, proof, before, root) or old == new
    if proof:
        step = data.draw(st.integers(0, len(proof) - 1))
        changed = (*proof[:step], flip(proof[step], at), *proof[step + 1 :])
        assert not verify_consistency(old, new, changed, before, root)
        assert not verify_consistency(old, new, proof[:-1], before, root)
        assert not verify_consistency(old, new, (*proof[:-1], proof[-1][:-1]), before, root)


def test_nothing_is_proved_about_an_empty_tree() -> None:
    root = leaf_hash(b"")
    assert not verify_consistency(0, 1, (), empty_root(), root)
    assert not verify_consistency(0, 0, (), empty_root(), empty_root())


def test_misuse_is_a_mistake_in_the_program() -> None:
    _, read = build(4)
    with pytest.raises(AssertionError):
        inclusion_proof(4, 4, read)
    with pytest.raises(AssertionError):
        consistency_proof(0, 4, read)
    with pytest.raises(AssertionError):
        CompactRange(3, [leaf_hash(b"")])


def test_the_nodes_of_a_range() -> None:
    assert list(range_nodes(0)) == []
    assert list(range_nodes(11)) == [(3, 0), (1, 4), (0, 10)]
