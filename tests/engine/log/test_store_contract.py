"""The contract of `LogStore`, held by every implementation: the one in memory and the one in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from placet_engine.errors import LogError, ReservationConflict
from placet_engine.log.entry import Appended, Draft, columns, parse_leaf
from placet_engine.log.head_file import HeadFile
from placet_engine.log.merkle import CompactRange, leaf_hash, root_at
from placet_engine.log.seal import LogSeal
from placet_engine.log.sqlite import SqliteLogStore
from placet_engine.log.store import EMPTY_HEAD, LogStore, Outcome
from tests.engine.log.making import (
    MODEL,
    NOW,
    ORIGIN,
    SIGNER,
    bundle,
    decision,
    decision_id,
    evidence,
    later,
    seal,
)
from tests.fakes.log import MemoryLogStore

Make = Callable[[Path], LogStore]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    made: LogStore = (
        MemoryLogStore() if request.param == "memory" else SqliteLogStore.open(tmp_path / "log.db")
    )
    yield made
    made.close()


@pytest.fixture
def sealing(tmp_path: Path) -> LogSeal:
    return seal(tmp_path)


def append(store: LogStore, sealing: LogSeal, *drafts: Draft) -> tuple[Outcome, ...]:
    return store.append(drafts, sealing).outcomes


def codes(outcomes: tuple[Outcome, ...]) -> list[int | str]:
    return [outcome.index if isinstance(outcome, Appended) else outcome.code for outcome in outcomes]


def test_an_empty_log(store: LogStore, sealing: LogSeal) -> None:
    assert store.head() == EMPTY_HEAD
    assert store.entry(0) is None
    assert store.entry(-1) is None
    assert store.entry(1 << 70) is None
    assert store.entries(0, 10) == ()
    assert store.evidence_entry(bundle(1)) is None
    assert store.reservation("key") is None
    assert store.stray(0) is None
    committed = store.append([], sealing)
    assert committed == ((), EMPTY_HEAD)


def test_a_batch_keeps_its_order_and_its_tree(store: LogStore, sealing: LogSeal) -> None:
    drafts = [evidence(0), decision(1), decision(2), evidence(3)]
    assert codes(append(store, sealing, *drafts)) == [0, 1, 2, 3]
    assert codes(append(store, sealing, decision(4))) == [4]
    drafts.append(decision(4))
    stored = store.entries(0, 10)
    assert [entry.index for entry in stored] == [0, 1, 2, 3, 4]
    assert [entry.columns for entry in stored] == [draft.columns for draft in drafts]
    tree = CompactRange()
    for entry in stored:
        tree.append(leaf_hash(entry.leaf))
    assert store.head().root == tree.root() == root_at(5, store.node)
    assert store.head().size == 5
    assert store.entries(1, 3) == stored[1:3]
    assert store.entry(2) == stored[2]
    assert store.stray(5) is None


def test_payloads_lie_beside_their_entry(store: LogStore, sealing: LogSeal) -> None:
    draft = decision(1)
    append(store, sealing, evidence(0), draft)
    assert store.payloads(0) == {}
    assert store.payloads(1) == draft.payloads
    assert store.payloads(2) == {}


def test_a_missing_node_is_corruption(store: LogStore) -> None:
    with pytest.raises(LogError) as caught:
        store.node(3, 5)
    assert caught.value.code == "log.corrupt"


def test_a_bundle_is_recorded_once(store: LogStore, sealing: LogSeal) -> None:
    assert codes(append(store, sealing, evidence(1), evidence(2), evidence(1, later(60)))) == [0, 1, 0]
    (again,) = append(store, sealing, evidence(2, later(120)))
    assert again == Appended(1, NOW, new=False)
    assert store.head().size == 2
    assert store.evidence_entry(bundle(2)) == 1


def test_a_decision_that_is_repeated_is_recorded_once(store: LogStore, sealing: LogSeal) -> None:
    draft = decision(1, reserve={"approval": "a"})
    assert append(store, sealing, draft, draft) == (Appended(0, NOW), Appended(0, NOW, new=False))
    assert append(store, sealing, draft) == (Appended(0, NOW, new=False),)
    assert store.head().size == 1


def test_an_entry_of_another_kind_is_never_the_same_as_one_before(store: LogStore, sealing: LogSeal) -> None:
    """Heartbeats and the like have neither a bundle nor an id."""
    leaf = b'{"time":"2026-11-23T21:30:00.000000Z","type":"heartbeat","v":1}'
    beat = Draft(leaf, columns(parse_leaf(leaf)))
    assert codes(append(store, sealing, beat, beat)) == [0, 1]
    assert store.find(kind="heartbeat", limit=1)[0].index == 1
    assert store.by_decision("") == ()


def test_an_id_serves_one_decision(store: LogStore, sealing: LogSeal) -> None:
    assert codes(append(store, sealing, decision(1), decision(1))) == [0, "log.duplicate"]
    assert codes(append(store, sealing, decision(1), decision(2))) == ["log.duplicate", 1]


def test_the_first_reservation_wins(store: LogStore, sealing: LogSeal) -> None:
    outcomes = append(
        store,
        sealing,
        decision(1, reserve={"approval": "a"}),
        decision(2, reserve={"other": "x", "approval": "b"}),
        decision(3, reserve={"approval": "a"}),
    )
    assert codes(outcomes) == [0, "log.reserved", 1]
    lost = outcomes[1]
    assert isinstance(lost, ReservationConflict)
    assert (lost.key, lost.wanted, lost.holder) == ("approval", "b", "a")
    assert store.reservation("other") is None
    assert store.find(verdict="deny", limit=5)[0].columns.decision_id == decision_id(3)
    (later_one,) = append(store, sealing, decision(4, reserve={"approval": "b"}))
    assert isinstance(later_one, ReservationConflict)
    assert codes(append(store, sealing, decision(5, reserve={"approval": "a"}))) == [2]
    assert [(made.key, made.value, made.index) for made in store.reservations(0, 9)] == [("approval", "a", 0)]
    assert store.reservations(1, 9) == ()


def test_a_clock_that_was_set_back_refuses_strict_drafts(store: LogStore, sealing: LogSeal) -> None:
    append(store, sealing, decision(1, time=later(100)))
    early = [
        evidence(1, later(94.9)),
        evidence(2, later(95)),
        decision(2, time=later(1)),
        decision(3, time=later(1), strict_clock=True),
    ]
    assert codes(append(store, sealing, *early)) == ["clock.rolled_back", 1, 2, "clock.rolled_back"]
    assert store.head().newest == later(100)
    # The newest entry counts within a batch as well, and a known bundle is known whatever the clock says.
    assert codes(
        append(store, sealing, decision(4, time=later(200)), evidence(3, later(100)), evidence(2, NOW))
    ) == [
        3,
        "clock.rolled_back",
        1,
    ]


def test_find(store: LogStore, sealing: LogSeal) -> None:
    append(
        store,
        sealing,
        evidence(0, later(0)),
        decision(1, time=later(1)),
        decision(2, time=later(2), verdict="allow"),
        decision(3, time=later(3), gate="register", subject=bundle(9)),
        decision(4, time=later(4)),
    )

    def found(**filters: object) -> list[int]:
        return [entry.index for entry in store.find(**filters)]  # type: ignore[arg-type]

    assert found() == [4, 3, 2, 1, 0]
    assert found(gate=None, subject=None) == [4, 3, 2, 1, 0]
    assert found(kind="decision", gate="promote/production") == [4, 2, 1]
    assert found(subject=MODEL, verdict="deny") == [4, 1]
    assert found(since=later(1), until=later(4)) == [3, 2, 1]
    assert found(limit=2) == [4, 3]
    assert found(before=3, limit=2) == [2, 1]
    assert found(gate="nowhere") == []


def test_a_decision_is_found_by_the_start_of_its_id(store: LogStore, sealing: LogSeal) -> None:
    append(store, sealing, evidence(0), decision(10), decision(11), decision(20))
    assert [entry.index for entry in store.by_decision(decision_id(11))] == [2]
    assert [entry.index for entry in store.by_decision(decision_id(20)[:-1])] == [3]
    assert len(store.by_decision("01930000-0000")) == 2
    assert store.by_decision("0194") == ()


def test_a_snapshot_stands_still(store: LogStore, sealing: LogSeal) -> None:
    append(store, sealing, decision(1))
    with store.snapshot() as before:
        append(store, sealing, decision(2))
        assert before.head().size == 1
        assert [entry.index for entry in before.entries(0, 9)] == [0]
        assert before.stray(1) is None
    assert store.head().size == 2


def test_rows_outside_the_log_are_strays(store: LogStore, sealing: LogSeal) -> None:
    append(store, sealing, decision(1), decision(2, reserve={"approval": "a"}))
    stray = store.stray(1)
    assert stray is not None
    assert (stray.table, stray.index) == ("entry", 1)


def test_what_the_seal_refuses_leaves_nothing(store: LogStore, tmp_path: Path, sealing: LogSeal) -> None:
    append(store, sealing, decision(1))

    class Refusing(LogSeal):
        def sign(self, size: int, root: bytes) -> str:
            raise LogError("log.key_mismatch", "not with me")

    refusing = Refusing(SIGNER, ORIGIN, HeadFile(tmp_path / "head", SIGNER.verifier))
    with pytest.raises(LogError):
        store.append([decision(2)], refusing)
    assert store.head().size == 1
    assert codes(append(store, sealing, decision(3))) == [1]


def test_what_is_new_since_an_index(store: LogStore, sealing: LogSeal) -> None:
    assert store.changes(0, 10).size == 0
    append(store, sealing, evidence(0), decision(1, reserve={"key": "value"}), evidence(2))
    found = store.changes(0, 10)
    assert (found.size, found.bundles) == (3, (bundle(0), bundle(2)))
    assert [(item.key, item.value, item.index) for item in found.reserved] == [("key", "value", 1)]
    later_on = store.changes(2, 10)
    assert (later_on.size, later_on.bundles, later_on.reserved) == (3, (bundle(2),), ())
    assert store.changes(0, 1).size == 1
    assert store.changes(3, 10).size == 3
    assert store.changes(9, 10).size == 9


def test_a_follower_sees_each_batch_once_it_is_durable(store: LogStore, sealing: LogSeal) -> None:
    with store.follow() as following:
        assert following.head().size == 0
        append(store, sealing, evidence(0))
        assert following.changes(0, 10).bundles == (bundle(0),)
        append(store, sealing, evidence(1))
        assert following.changes(1, 10).bundles == (bundle(1),)
