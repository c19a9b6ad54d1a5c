from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from placet_engine.errors import LogError
from placet_engine.log.checkpoint import Checkpoint, sign_checkpoint
from placet_engine.log.head_file import SLOT_SIZE, HeadFile
from placet_engine.log.note import NoteSigner
from tests.engine.log.making import ORIGIN, OTHER, SIGNER, bounded_files, flip


def head_file(folder: Path) -> HeadFile:
    return HeadFile(folder / "head", SIGNER.verifier)


def keep(folder: Path, size: int, signer: NoteSigner = SIGNER) -> None:
    checkpoint = Checkpoint(ORIGIN, size, bytes(32))
    head_file(folder).keep(sign_checkpoint(checkpoint, signer), checkpoint)


def kept_size(folder: Path) -> int | None:
    kept = head_file(folder).kept()
    return None if kept is None else kept.size


def test_the_newest_head_is_kept(tmp_path: Path) -> None:
    assert kept_size(tmp_path) is None
    for size in (1, 2, 5, 6, 40):
        keep(tmp_path, size)
        assert kept_size(tmp_path) == size
    assert (tmp_path / "head").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "head").stat().st_size == 2 * SLOT_SIZE


def test_it_never_goes_back(tmp_path: Path) -> None:
    for size in (5, 7, 6, 1, 7):
        keep(tmp_path, size)
    assert kept_size(tmp_path) == 7


def test_many_threads_end_with_the_newest(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda size: keep(tmp_path, size), range(60, 0, -1)))
    assert kept_size(tmp_path) == 60


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_write_costs_one_slot(tmp_path: Path, slot: int) -> None:
    keep(tmp_path, 1)
    keep(tmp_path, 2)
    path = tmp_path / "head"
    raw = path.read_bytes()
    path.write_bytes(flip(raw, slot * SLOT_SIZE))
    assert kept_size(tmp_path) == 2 - slot
    keep(tmp_path, 3)
    assert kept_size(tmp_path) == 3
    keep(tmp_path, 4)
    assert kept_size(tmp_path) == 4


@pytest.mark.parametrize("raw", [b"", bytes(2 * SLOT_SIZE)], ids=["empty", "zeros"])
def test_a_crash_while_it_was_made_counts_as_never_kept(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "head").write_bytes(raw)
    assert kept_size(tmp_path) is None
    keep(tmp_path, 3)
    assert kept_size(tmp_path) == 3


def test_a_head_of_somebody_else_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, 1, OTHER)
    with pytest.raises(LogError) as caught:
        head_file(tmp_path).kept()
    assert caught.value.code == "log.head_unreadable"
    with pytest.raises(LogError) as caught:
        keep(tmp_path, 2)
    assert caught.value.code == "log.head_unreadable"


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()
    with pytest.raises(LogError) as caught:
        head_file(tmp_path).kept()
    assert caught.value.code == "log.head_unreadable"
    with pytest.raises(LogError) as caught:
        keep(tmp_path, 1)
    assert caught.value.code == "log.unwritable"


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(LogError) as caught:
        keep(tmp_path / "nowhere", 1)
    assert (caught.value.code, caught.value.where) == ("log.unwritable", str(tmp_path / "nowhere" / "head"))
    assert caught.value.hint


def test_a_disk_that_takes_half_a_slot(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    with bounded_files(SLOT_SIZE + 100), pytest.raises(LogError) as caught:
        keep(tmp_path, 2)
    assert caught.value.code == "log.unwritable"
    assert kept_size(tmp_path) == 1
    keep(tmp_path, 3)
    assert kept_size(tmp_path) == 3


def test_a_device_that_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "head").symlink_to("/dev/full")
    with pytest.raises(LogError) as caught:
        keep(tmp_path, 1)
    assert caught.value.code == "log.unwritable"
    assert kept_size(tmp_path) is None
