from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from placet_engine.errors import ConfigurationError, LogError
from placet_engine.log.entry import admission_draft
from placet_engine.log.keyfile import create_log_key
from placet_engine.log.limits import LogLimits
from placet_engine.log.log import DecisionLog
from placet_engine.log.store import Head
from tests.engine.log.making import (
    MODEL,
    NOW,
    ORIGIN,
    OTHER,
    SIGNER,
    bundle,
    decision,
    decision_id,
    evidence,
    filled,
    later,
    open_log,
)
from tests.fakes.log import MemoryLogStore


def code_of(caught: pytest.ExceptionInfo[LogError]) -> str:
    assert caught.value.hint
    return caught.value.code


def test_a_log_goes_on_where_it_was_left(tmp_path: Path) -> None:
    for number in range(4):
        with open_log(tmp_path) as log:
            assert log.head().size == number
            assert log.append(decision(number, time=later(number))).index == number
            assert log.newest() == later(number)
    assert (tmp_path / "log.db").stat().st_mode & 0o777 == 0o600


def test_the_key_may_be_a_file(tmp_path: Path) -> None:
    create_log_key(tmp_path / "log.key", tmp_path / "log.pub", ORIGIN)
    with DecisionLog.open(tmp_path / "log.db", key=tmp_path / "log.key", head=tmp_path / "head") as log:
        assert log.origin == log.verifier.name == ORIGIN
    with pytest.raises(ConfigurationError):
        DecisionLog.open(tmp_path / "log.db", key=tmp_path / "none", head=tmp_path / "head")


def test_the_origin_may_differ_from_the_name_of_the_key(tmp_path: Path) -> None:
    with DecisionLog.open(
        tmp_path / "a", key=SIGNER, head=tmp_path / "head", origin="example.org/other"
    ) as log:
        log.append(decision(1))
        assert log.prove(0).checkpoint.startswith("example.org/other\n1\n")
    with pytest.raises(ConfigurationError) as caught:
        DecisionLog.open(tmp_path / "a", key=SIGNER, head=tmp_path / "head", origin="two words")
    assert caught.value.code == "log.origin"


def test_reading_needs_the_public_key_only_and_cannot_append(tmp_path: Path) -> None:
    filled(tmp_path)
    with DecisionLog.read(tmp_path / "log.db", verifier=SIGNER.verifier) as log:
        assert log.prove(10).check(SIGNER.verifier).size == 11
        assert [entry.index for entry in log.find(kind="evidence", limit=2)] == [9, 6]
        assert [entry.index for entry in log.entries(3, 5)] == [3, 4]
        with pytest.raises(LogError) as caught:
            log.append(decision(50))
        assert code_of(caught) == "log.read_only"


def test_reading_a_log_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(LogError) as caught:
        DecisionLog.read(tmp_path / "log.db", verifier=SIGNER.verifier)
    assert code_of(caught) == "log.missing"
    assert list(tmp_path.iterdir()) == []


def test_another_key_neither_opens_nor_reads_a_log(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(LogError) as caught:
        DecisionLog.open(tmp_path / "log.db", key=OTHER, head=tmp_path / "other")
    assert code_of(caught) == "log.key_mismatch"
    with DecisionLog.read(tmp_path / "log.db", verifier=OTHER.verifier) as log:
        with pytest.raises(LogError) as caught:
            log.prove(0)
        assert code_of(caught) == "log.key_mismatch"


def test_a_refusal_closes_the_store(tmp_path: Path) -> None:
    (tmp_path / "head").write_bytes(b"something else")
    store = MemoryLogStore()
    with pytest.raises(LogError) as caught:
        DecisionLog.over(store, SIGNER, tmp_path / "head")
    assert code_of(caught) == "log.head_unreadable"
    assert store.closed


def test_a_store_that_was_put_back_is_refused_at_opening(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    copy = (tmp_path / "log.db").read_bytes()
    with open_log(tmp_path) as log:
        log.append(decision(50, time=later(9)))
    (tmp_path / "log.db").write_bytes(copy)
    with pytest.raises(LogError) as caught:
        open_log(tmp_path)
    assert code_of(caught) == "log.rolled_back"
    # Without the kept head nobody could tell: so a log that lost it is closed until somebody answers for it.
    (tmp_path / "head").unlink()
    with pytest.raises(LogError) as caught:
        open_log(tmp_path)
    assert code_of(caught) == "log.head_missing"


def test_an_empty_log_keeps_a_head_before_anything_is_appended(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    assert (tmp_path / "head").exists()
    open_log(tmp_path).close()


def test_a_log_that_another_process_began_meanwhile_is_no_log_that_lost_its_head(tmp_path: Path) -> None:
    class Begun(MemoryLogStore):
        """Between the look at the kept head and the look at the store, somebody else appends."""

        theirs: Head | None = None

        def head(self) -> Head:
            if self.theirs is None:
                with DecisionLog.over(MemoryLogStore(), SIGNER, tmp_path / "head") as log:
                    log.append(decision(1))
                    self.theirs = log.head()
            return self.theirs

    DecisionLog.over(Begun(), SIGNER, tmp_path / "head").close()


def test_the_time_of_the_last_entry_counts_beside_the_word_of_the_head_row(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("UPDATE log_head SET newest = '2020-01-01T00:00:00.000000Z'")
    connection.close()
    with open_log(tmp_path) as log:
        newest = log.newest()
    assert newest is not None
    assert newest.year == 2026


def test_a_kept_head_that_appears_while_the_log_is_open_stops_it(tmp_path: Path) -> None:
    """As when the database is put back under a running process: each batch looks again."""
    (tmp_path / "other").mkdir()
    filled(tmp_path / "other", 5)
    with open_log(tmp_path) as log:
        log.append(decision(1))
        (tmp_path / "head").write_bytes((tmp_path / "other" / "head").read_bytes())
        with pytest.raises(LogError) as caught:
            log.append(decision(2))
        assert code_of(caught) == "log.rolled_back"
        assert log.head().size == 1


def test_a_store_ahead_of_its_kept_head_is_an_ordinary_one(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    kept = (tmp_path / "head").read_bytes()
    with open_log(tmp_path) as log:
        log.append(decision(50))
    (tmp_path / "head").write_bytes(kept)
    with open_log(tmp_path) as log:
        assert log.append(decision(51)).index == 4


def test_the_time_of_evidence_is_the_one_of_its_entry(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.record_evidence(bundle(1), "https://example.org/type", later(1))
        log.record_evidence(bundle(2), "https://example.org/type", later(2))
        assert log.record_evidence(bundle(1), "https://example.org/type", later(60)).index == 0
        assert log.evidence_time(bundle(1)) == later(1)
        assert log.evidence_time(bundle(1)) == later(1)
        assert log.evidence_time(bundle(3)) is None
        assert log.evidence_times([bundle(2), bundle(3)]) == {bundle(2): later(2)}


def test_the_memory_of_proved_times_is_bounded(tmp_path: Path) -> None:
    limits = LogLimits(max_remembered=2)
    with DecisionLog.over(MemoryLogStore(), SIGNER, tmp_path / "head", limits=limits) as log:
        for number in range(5):
            log.record_evidence(bundle(number), "https://example.org/type", later(number))
            assert log.evidence_time(bundle(number)) == later(number)
        assert log.evidence_time(bundle(0)) == later(0)


def test_the_clock(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.check_clock(NOW)
        log.append(decision(1, time=later(100)))
        log.check_clock(later(95))
        with pytest.raises(LogError) as caught:
            log.check_clock(later(94))
        assert code_of(caught) == "clock.rolled_back"
        with pytest.raises(LogError) as caught:
            log.record_evidence(bundle(1), "https://example.org/type", later(94))
        assert code_of(caught) == "clock.rolled_back"
        assert log.append(decision(2, time=later(94))).index == 1


def test_every_entry_is_proved(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_log(tmp_path) as log:
        for index in range(11):
            proof = log.prove(index)
            assert proof.check(SIGNER.verifier).size == 11
            entry = log.store.entry(index)
            assert entry is not None
            assert proof.leaf == entry.leaf


@pytest.mark.parametrize("index", [-1, 1, 1 << 70])
def test_an_entry_that_there_is_not(tmp_path: Path, index: int) -> None:
    with open_log(tmp_path) as log:
        log.append(decision(1))
        with pytest.raises(LogError) as caught:
            log.prove(index)
        assert code_of(caught) == "log.not_found"


@pytest.mark.parametrize("column", ["checkpoint", "root", "size"])
def test_a_head_that_its_own_writer_did_not_sign_is_checked(tmp_path: Path, column: str) -> None:
    """What was just signed here is believed to the last byte, and nothing else is."""
    (tmp_path / "other").mkdir()
    with DecisionLog.open(tmp_path / "other" / "db", key=OTHER, head=tmp_path / "other" / "head") as theirs:
        theirs.append(decision(1))
        forged = theirs.head()
    with open_log(tmp_path) as log:
        log.append(decision(1))
        assert log.head() == log.head()
        value = {"checkpoint": forged.checkpoint, "root": bytes(32), "size": 2}[column]
        with sqlite3.connect(tmp_path / "log.db") as connection:
            connection.execute(f"UPDATE log_head SET {column} = ?", (value,))
        connection.close()
        with pytest.raises(LogError) as caught:
            log.head()
        assert code_of(caught) == ("log.key_mismatch" if column == "checkpoint" else "log.corrupt")


def test_an_empty_log_proves_nothing(tmp_path: Path) -> None:
    with open_log(tmp_path) as log, pytest.raises(LogError, match="no log entry 0") as caught:
        log.prove(0)
    assert code_of(caught) == "log.not_found"


def test_the_last_entry_is_proved_under_the_head_of_the_moment(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        for number in range(5):
            log.append(decision(number, time=later(number)))
            proof = log.prove(number)
            assert log.prove(number) == proof
            assert proof.checkpoint == log.head().checkpoint
            assert log.prove(0).checkpoint == log.head().checkpoint


def test_payloads_are_what_the_entry_commits_to(tmp_path: Path) -> None:
    draft = decision(1)
    with open_log(tmp_path) as log:
        log.append(draft)
        log.append(evidence(2))
        assert log.payload(0, "input").data == b'{"version":1}'
        for index, name in ((0, "other"), (1, "decision")):
            with pytest.raises(LogError) as caught:
                log.payload(index, name)
            assert code_of(caught) == "log.not_found"


def test_a_decision_by_its_id(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.append(decision(10))
        log.append(decision(11))
        assert log.by_decision(decision_id(11)).columns.subject == MODEL
        for prefix, code in (("", "log.not_found"), ("0194", "log.not_found"), ("0193", "log.ambiguous")):
            with pytest.raises(LogError) as caught:
                log.by_decision(prefix)
            assert code_of(caught) == code


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(decision(1))
    log.close()
    with pytest.raises(LogError) as caught:
        log.head()
    assert code_of(caught) == "log.closed"
    with pytest.raises(LogError) as caught:
        log.append(decision(2))
    assert code_of(caught) == "log.closed"


@pytest.mark.parametrize("verdict", ["allow", "deny"])
def test_a_clock_that_was_set_back_admits_nothing(tmp_path: Path, verdict: str) -> None:
    with open_log(tmp_path) as log:
        log.append(evidence(0, later(60)))
        draft = admission_draft(decision_id(1), later(0), verdict, {"code": ""}, b"{}")
        if verdict == "deny":
            assert log.append(draft).index == 1
            return
        with pytest.raises(LogError) as caught:
            log.append(draft)
        assert caught.value.code == "clock.rolled_back"
