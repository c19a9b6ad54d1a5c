"""Rows that somebody put into the store with SQL: an index, never proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from placet_engine.errors import LogError
from placet_engine.log.entry import format_time
from placet_engine.log.merkle import leaf_hash, stored_position
from tests.engine.log.making import NOW, bundle, decision, evidence, filled, later, open_log, tamper

INSERT = "INSERT INTO log_entry VALUES (?, ?, 'evidence', ?, NULL, NULL, NULL, NULL, ?)"
SLIPPED = evidence(99, NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eleven entries, of which 0, 3, 6 and 9 are evidence for the bundles of these numbers."""
    filled(tmp_path, 11)
    return tmp_path


def refused(folder: Path, number: int) -> None:
    """The bundle has no time, and recording it again does not pass the slipped row for the real thing."""
    with open_log(folder) as log:
        with pytest.raises(LogError) as caught:
            log.evidence_time(bundle(number))
        assert caught.value.code == "log.corrupt"
        with pytest.raises(LogError) as caught:
            log.append(evidence(number, later(60)))
        assert caught.value.code == "log.corrupt"


def test_an_entry_beyond_the_signed_tree(folder: Path) -> None:
    tamper(folder, INSERT, 11, SLIPPED.leaf, format_time(NOW), bundle(99))
    refused(folder, 99)


def test_an_entry_beyond_the_signed_tree_with_a_node(folder: Path) -> None:
    tamper(folder, INSERT, 11, SLIPPED.leaf, format_time(NOW), bundle(99))
    tamper(folder, "INSERT INTO log_node VALUES (?, ?)", stored_position(0, 11), leaf_hash(SLIPPED.leaf))
    refused(folder, 99)


def test_an_entry_beyond_stops_the_log(folder: Path) -> None:
    """The next append would stand on it; it is refused, and nothing is lost."""
    tamper(folder, INSERT, 11, SLIPPED.leaf, format_time(NOW), bundle(99))
    with open_log(folder) as log:
        with pytest.raises(LogError) as caught:
            log.append(decision(50, time=later(60)))
        assert caught.value.code == "log.corrupt"
        assert log.head().size == 11


def test_a_leaf_put_in_the_place_of_another(folder: Path) -> None:
    tamper(folder, "DELETE FROM log_entry WHERE idx = 4")
    tamper(folder, INSERT, 4, SLIPPED.leaf, format_time(NOW), bundle(99))
    refused(folder, 99)


def test_a_leaf_and_its_node_put_in_the_place_of_others(folder: Path) -> None:
    tamper(folder, "DELETE FROM log_entry WHERE idx = 4")
    tamper(folder, INSERT, 4, SLIPPED.leaf, format_time(NOW), bundle(99))
    place = stored_position(0, 4)
    tamper(folder, "UPDATE log_node SET hash = ? WHERE position = ?", leaf_hash(SLIPPED.leaf), place)
    with open_log(folder) as log:
        with pytest.raises(LogError) as caught:
            log.evidence_time(bundle(99))
        assert caught.value.code == "log.corrupt"


@pytest.mark.parametrize("index", [4, 6], ids=["a decision", "other evidence"])
def test_an_index_column_that_points_to_another_leaf(folder: Path, index: int) -> None:
    tamper(folder, "UPDATE log_entry SET evidence = ? WHERE idx = ?", bundle(99), index)
    refused(folder, 99)


def test_an_earlier_time_in_the_index_changes_nothing(folder: Path) -> None:
    tamper(folder, "UPDATE log_entry SET time = ? WHERE idx = 6", format_time(later(-9999)))
    with open_log(folder) as log:
        assert log.evidence_time(bundle(6)) == later(6)


def test_a_deleted_entry(folder: Path) -> None:
    tamper(folder, "DELETE FROM log_entry WHERE idx = 6")
    with open_log(folder) as log:
        assert log.evidence_time(bundle(6)) is None
        with pytest.raises(LogError) as caught:
            log.prove(6)
        assert caught.value.code == "log.corrupt"


def test_a_changed_payload_makes_no_receipt(folder: Path) -> None:
    tamper(folder, "UPDATE log_payload SET data = x'7b7d' WHERE place = 64")
    with open_log(folder) as log:
        with pytest.raises(LogError) as caught:
            log.receipt(4)
        assert caught.value.code == "log.corrupt"


def test_nodes_that_do_not_make_the_root_are_not_built_upon(folder: Path) -> None:
    tamper(folder, "UPDATE log_node SET hash = zeroblob(32) WHERE position = ?", stored_position(3, 0))
    with open_log(folder) as log:
        with pytest.raises(LogError) as caught:
            log.append(decision(50, time=later(60)))
        assert caught.value.code == "log.corrupt"


def test_a_head_row_that_was_not_signed_is_not_opened(folder: Path) -> None:
    tamper(folder, "UPDATE log_head SET size = 10")
    with pytest.raises(LogError) as caught:
        open_log(folder)
    assert caught.value.code == "log.corrupt"
