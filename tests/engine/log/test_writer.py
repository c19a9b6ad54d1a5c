from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from placet_engine.errors import LogError, ReservationConflict
from placet_engine.log.audit import verify_log
from placet_engine.log.entry import Appended, Draft
from placet_engine.log.limits import LogLimits
from placet_engine.log.store import Committed, Seal
from placet_engine.log.writer import LogWriter
from tests.engine.log.making import SIGNER, decision, decision_id, evidence, later, seal
from tests.fakes.log import MemoryLogStore


class GatedStore(MemoryLogStore):
    """A store whose appends wait until they are let through; it remembers the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.open = Event()
        self.entered = Event()
        self.batches: list[int] = []

    def append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        self.entered.set()
        self.open.wait()
        self.batches.append(len(drafts))
        return super().append(drafts, seal)


class BrokenStore(MemoryLogStore):
    """A store with a mistake in it."""

    def append(self, drafts: Sequence[Draft], seal: Seal) -> Committed:
        raise ZeroDivisionError


@pytest.fixture
def store() -> GatedStore:
    return GatedStore()


@pytest.fixture
def writer(store: GatedStore, tmp_path: Path) -> Iterator[LogWriter]:
    with LogWriter(store, seal(tmp_path), LogLimits(max_batch=8, max_queue=20, queue_timeout=0.01)) as writer:
        yield writer
        store.open.set()


def held_batch(writer: LogWriter, store: GatedStore, count: int) -> list[Future[Appended]]:
    """One draft under way, and `count` that wait behind it."""
    first = writer.submit(decision(0))
    store.entered.wait()
    return [first, *(writer.submit(decision(number)) for number in range(1, count + 1))]


def test_what_waits_is_committed_together_and_in_order(store: GatedStore, writer: LogWriter) -> None:
    futures = held_batch(writer, store, 19)
    store.open.set()
    assert [future.result().index for future in futures] == list(range(20))
    assert store.batches == [1, 8, 8, 3]


def test_nobody_is_answered_before_the_commit(store: GatedStore, writer: LogWriter) -> None:
    (future,) = held_batch(writer, store, 0)
    assert not future.done()
    store.open.set()
    assert future.result() == Appended(0, later(0))


def test_a_full_queue_is_said_so(store: GatedStore, writer: LogWriter) -> None:
    futures = held_batch(writer, store, 20)
    with pytest.raises(LogError) as caught:
        writer.submit(decision(21))
    assert caught.value.code == "log.busy"
    store.open.set()
    assert futures[-1].result().index == 20


def test_whoever_must_not_wait_is_told_at_once(store: GatedStore, tmp_path: Path) -> None:
    with LogWriter(store, seal(tmp_path), LogLimits(max_queue=1, queue_timeout=3600)) as writer:
        held_batch(writer, store, 1)
        with pytest.raises(LogError) as caught:
            writer.submit(decision(2), soon=lambda _: None)
        assert caught.value.code == "log.busy"
        store.open.set()


def test_what_comes_in_one_turn_of_a_loop_is_one_batch(store: GatedStore, writer: LogWriter) -> None:
    later_on: list[Callable[[], None]] = []
    futures = [writer.submit(decision(number), soon=later_on.append) for number in range(3)]
    (begin,) = later_on
    assert not store.entered.is_set()
    begin()
    store.open.set()
    assert [future.result().index for future in futures] == [0, 1, 2]
    assert store.batches == [3]
    last = writer.submit(decision(3), soon=later_on.append)
    assert len(later_on) == 2
    later_on[1]()
    assert last.result().index == 3


def test_whoever_waits_in_a_thread_waits_for_no_loop(store: GatedStore, writer: LogWriter) -> None:
    store.open.set()
    gathered = writer.submit(decision(0), soon=lambda _: None)  # a loop whose turn never ends
    assert writer.append(decision(1)).index == 1
    assert gathered.result().index == 0


def test_a_refused_draft_fails_its_caller_only(store: GatedStore, writer: LogWriter) -> None:
    store.open.set()
    writer.append(decision(1, time=later(100), reserve={"approval": "a"}))
    with pytest.raises(ReservationConflict) as conflict:
        writer.append(decision(2, reserve={"approval": "b"}))
    assert conflict.value.holder == "a"
    with pytest.raises(LogError) as caught:
        writer.append(evidence(1, later(0)))
    assert caught.value.code == "clock.rolled_back"
    assert writer.append(decision(3)).index == 1


def test_a_failed_commit_fails_its_callers_and_nothing_else(store: GatedStore, writer: LogWriter) -> None:
    futures = held_batch(writer, store, 3)
    store.fail("lost")
    store.open.set()
    with pytest.raises(LogError) as first:
        futures[0].result()
    assert first.value.code == "log.unwritable"
    assert [future.result().index for future in futures[1:]] == [0, 1, 2]


def test_each_caller_of_a_failed_batch_gets_an_error_of_its_own(store: GatedStore, writer: LogWriter) -> None:
    held = held_batch(writer, store, 2)
    store.open.set()
    held[0].result()
    store.open.clear()
    store.entered.clear()
    blocker = writer.submit(decision(50))
    store.entered.wait()
    pair = [writer.submit(decision(51)), writer.submit(decision(52))]
    store.fail("lost")
    store.open.set()
    errors = [future.exception() for future in (blocker, *pair)]
    failed = [error for error in errors if error is not None]
    assert len(failed) == len(set(map(id, failed)))
    assert all(isinstance(error, LogError) and error.__cause__ is not None for error in failed)


@pytest.mark.parametrize("how", ["lost", "kept"])
def test_after_a_failure_the_log_goes_on_from_what_is_durable(tmp_path: Path, how: str) -> None:
    store = MemoryLogStore()
    with LogWriter(store, seal(tmp_path)) as writer:
        writer.append(decision(1))
        store.fail("lost" if how == "lost" else "kept")
        with pytest.raises(LogError):
            writer.append(decision(2))
        # The caller may repeat the very draft, whatever became of it.
        assert writer.append(decision(3)).index == (1 if how == "lost" else 2)
    assert verify_log(store, SIGNER.verifier).ok


def test_a_repeated_draft_after_a_lost_answer_is_one_entry(tmp_path: Path) -> None:
    store, draft = MemoryLogStore(), decision(1)
    with LogWriter(store, seal(tmp_path)) as writer:
        store.fail("kept")
        with pytest.raises(LogError):
            writer.append(draft)
        assert writer.append(draft) == Appended(0, later(0), new=False)
    assert store.head().size == 1


def test_a_head_that_cannot_be_kept_is_not_answered(tmp_path: Path) -> None:
    store = MemoryLogStore()
    with LogWriter(store, seal(tmp_path / "missing")) as writer:
        with pytest.raises(LogError) as caught:
            writer.append(decision(1))
        assert caught.value.code == "log.unwritable"
        (tmp_path / "missing").mkdir()
        assert writer.append(decision(2)).index == 1


def test_a_mistake_in_the_store_reaches_the_caller_and_not_the_thread(tmp_path: Path) -> None:
    with LogWriter(BrokenStore(), seal(tmp_path)) as writer:
        for number in range(2):
            with pytest.raises(LogError, match="ZeroDivisionError") as caught:
                writer.append(decision(number))
            assert caught.value.code == "log.unwritable"


def test_closing_commits_what_waits(store: GatedStore, tmp_path: Path) -> None:
    writer = LogWriter(store, seal(tmp_path))
    futures = held_batch(writer, store, 5)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(writer.close)
        store.open.set()
        closing.result()
    assert [future.result().index for future in futures] == list(range(6))
    with pytest.raises(LogError) as caught:
        writer.append(decision(9))
    assert caught.value.code == "log.closed"
    writer.close()


def test_a_writer_that_was_never_used_closes(tmp_path: Path) -> None:
    LogWriter(MemoryLogStore(), seal(tmp_path)).close()


def test_a_draft_that_was_cancelled_is_not_logged(store: GatedStore, writer: LogWriter) -> None:
    futures = held_batch(writer, store, 2)
    assert futures[1].cancel()
    store.open.set()
    assert futures[2].result().index == 1
    assert [entry.columns.decision_id for entry in store.entries(0, 9)] == [decision_id(0), decision_id(2)]


def test_when_all_that_waits_is_cancelled_the_writer_waits_on(store: GatedStore, writer: LogWriter) -> None:
    first, second = held_batch(writer, store, 1)
    assert second.cancel()
    store.open.set()
    first.result()
    assert writer.append(decision(5)).index == 1


def test_many_callers(tmp_path: Path) -> None:
    store = MemoryLogStore()
    with LogWriter(store, seal(tmp_path), LogLimits(max_queue=4)) as writer, ThreadPoolExecutor(16) as pool:
        indexes = list(pool.map(lambda number: writer.append(decision(number)).index, range(200)))
    assert sorted(indexes) == list(range(200))
    assert verify_log(store, SIGNER.verifier).ok
