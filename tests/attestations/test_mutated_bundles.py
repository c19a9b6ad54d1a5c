"""Real bundles, mutated: whatever comes in is refused with a code, or says what was signed and no more."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.campaigns.mutations import run
from tests.mutated import Subjects
from tests.mutations import MIXING, WAYS, mutate
from tests.vectors import vectors_dir

pytestmark = pytest.mark.conformance


@functools.cache
def subjects() -> Subjects:
    return Subjects.of(vectors_dir())


def test_unchanged_they_are_what_they_are() -> None:
    found = subjects()
    assert len(found.raws) == 4 + 10 + 14
    # Invalid ones of others, and what signs a file, which verify_bundle is asked about.
    silent = {name for name, told in found.told.items() if not told}
    assert all("invalid" in name or "bundle_" in name or "github" in name for name in silent)
    assert len(silent) == 5 + 5 + 1
    for name, raw in found.raws.items():
        assert (found.hold(name, raw, ()) == "") is (name not in silent)


@settings(max_examples=400)
@given(choose=st.randoms(use_true_random=False), data=st.data())
def test_a_mutated_bundle_never_says_more(choose: random.Random, data: st.DataObject) -> None:
    found = subjects()
    name, donor = (data.draw(st.sampled_from(sorted(found.raws))) for _ in range(2))
    raw, how = mutate(found.raws[name], found.raws[donor], choose)
    found.hold(name, raw, how)


def test_an_answer_that_nobody_signed_is_noticed() -> None:
    found = subjects()
    with pytest.raises(AssertionError):
        found.hold("own key", found.raws["own stamped key"], ("flip a bit",))
    assert found.hold("own key", found.raws["own stamped key"], ("splice",)) == ""


def test_every_way_is_gone(record_property: Callable[[str, object], None]) -> None:
    """By a fixed seed, so that no way of the mutator rests unnoticed; `make campaign-mutations` makes many more."""
    found = run(4_000, 5, subjects())
    assert not found.wrong, found.table()
    assert {*found.refused, *found.taken} == set(WAYS) > MIXING
    assert len(found.codes) > 20
    assert found.taken
    record_property("conformance", found.table().splitlines()[0].partition(", seed")[0])


def test_a_wrong_answer_is_a_finding() -> None:
    found = subjects()
    lying = dataclasses.replace(found, told=dict.fromkeys(found.raws, ()))
    wrong = run(280, 5, lying)
    assert wrong.wrong
    assert "WRONG" in wrong.table()
