from __future__ import annotations

from pathlib import Path

import pytest

from placet_engine.errors import LogError
from placet_engine.log.head_file import HeadFile
from placet_engine.log.note import NoteSigner
from placet_engine.log.seal import LogSeal
from placet_engine.log.store import EMPTY_HEAD, Head
from tests.engine.log.making import ORIGIN, SIGNER, decision, seal
from tests.fakes.log import MemoryLogStore


def grown(folder: Path, sizes: tuple[int, ...], start: int = 0) -> tuple[MemoryLogStore, list[Head]]:
    """A store that was appended to in batches; the heads after each, all kept in the folder."""
    store, sealing, heads = MemoryLogStore(), seal(folder), []
    for size in sizes:
        batch = [decision(start + store.head().size + number) for number in range(size)]
        committed = store.append(batch, sealing)
        sealing.keep(committed.head)
        heads.append(committed.head)
    return store, heads


def refusal(sealing: LogSeal, store: MemoryLogStore, head: Head) -> str:
    with pytest.raises(LogError) as caught:
        sealing.admit(head, store.node)
    assert caught.value.hint
    return caught.value.code


def test_a_log_that_only_grew_is_admitted(tmp_path: Path) -> None:
    store, heads = grown(tmp_path, (3, 1, 5))
    seal(tmp_path).admit(heads[-1], store.node)


def test_an_empty_log_is_admitted_and_nothing_is_kept_of_it(tmp_path: Path) -> None:
    sealing = seal(tmp_path)
    sealing.admit(EMPTY_HEAD, MemoryLogStore().node)
    sealing.keep(EMPTY_HEAD)
    assert not (tmp_path / "head").exists()


def test_a_store_ahead_of_the_kept_head_is_admitted(tmp_path: Path) -> None:
    """A crash between the commit and the keeping leaves just this."""
    store, _ = grown(tmp_path, (3, 4))
    ahead = store.append([decision(50)], seal(tmp_path)).head
    seal(tmp_path).admit(ahead, store.node)


def test_a_store_behind_the_kept_head_is_not_built_upon(tmp_path: Path) -> None:
    store, heads = grown(tmp_path, (3, 4))
    assert refusal(seal(tmp_path), store, heads[0]) == "log.rolled_back"
    assert refusal(seal(tmp_path), store, EMPTY_HEAD) == "log.rolled_back"


@pytest.mark.parametrize("sizes", [(7,), (9,)], ids=["same size", "longer"])
def test_another_history_is_not_built_upon(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    (tmp_path / "other").mkdir()
    grown(tmp_path, (3, 4))
    other, heads = grown(tmp_path / "other", sizes, start=100)
    assert refusal(seal(tmp_path), other, heads[-1]) == "log.rolled_back"


def test_a_log_of_another_key_or_origin(tmp_path: Path) -> None:
    store, (head,) = grown(tmp_path, (2,))
    stranger = NoteSigner.generate(ORIGIN)
    foreign = LogSeal(stranger, ORIGIN, HeadFile(tmp_path / "elsewhere", stranger.verifier))
    assert refusal(foreign, store, head) == "log.key_mismatch"
    renamed = LogSeal(SIGNER, "example.org/other", HeadFile(tmp_path / "elsewhere", SIGNER.verifier))
    assert refusal(renamed, store, head) == "log.key_mismatch"


def test_a_head_row_that_is_not_what_was_signed(tmp_path: Path) -> None:
    store, (head,) = grown(tmp_path, (2,))
    sealing = seal(tmp_path)
    for changed in (
        Head(3, head.root, head.checkpoint, head.newest),
        Head(2, bytes(32), head.checkpoint, head.newest),
        Head(2, head.root, head.checkpoint.replace("\n2\n", "\n3\n"), head.newest),
        Head(2, head.root, "", head.newest),
    ):
        assert refusal(sealing, store, changed) == "log.corrupt"
