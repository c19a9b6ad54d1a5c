from __future__ import annotations

from pathlib import Path

import pytest

from placet_build.cache import OpaFiles, cache_key, cache_root, filling, intact, locked
from placet_build.errors import BuildError
from placet_build.module import GoModule

NAMES = ("placet-opa", "LICENSE", "THIRD_PARTY_LICENSES")


def fill(root: Path, key: str) -> OpaFiles:
    with filling(root, key) as scratch:
        for name in NAMES:
            (scratch / "result" / name).write_text(f"content of {name}")
        (scratch / "intermediate").touch()
    return OpaFiles.under(root / key)


def test_what_was_filled_is_found_and_nothing_else_stays(tmp_path: Path) -> None:
    files = fill(tmp_path, "key")
    assert intact(tmp_path / "key")
    assert files.binary.read_text() == "content of placet-opa"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("name", [*NAMES, "SHA256SUMS"])
def test_a_damaged_or_missing_file_makes_the_entry_unusable(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "key")
    (tmp_path / "key" / name).write_text("damaged")
    assert not intact(tmp_path / "key")
    (tmp_path / "key" / name).unlink()
    assert not intact(tmp_path / "key")
    assert intact(fill(tmp_path, "key").binary.parent)


def test_a_file_that_nobody_recorded_makes_the_entry_unusable(tmp_path: Path) -> None:
    fill(tmp_path, "key")
    (tmp_path / "key" / "more").touch()
    assert not intact(tmp_path / "key")


def test_what_is_not_there_is_not_intact(tmp_path: Path) -> None:
    assert not intact(tmp_path / "key")


def test_a_failed_filling_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> None:
        with filling(tmp_path, "key") as scratch:
            (scratch / "result" / "placet-opa").touch()
            raise BuildError("no", "way")

    with pytest.raises(BuildError):
        failing()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_clears_what_a_killed_build_left(tmp_path: Path) -> None:
    (tmp_path / ".scratch-old" / "result").mkdir(parents=True)
    kept = fill(tmp_path, "key").binary
    with locked(tmp_path):
        assert not (tmp_path / ".scratch-old").exists()
    assert kept.exists()


def test_the_cache_lies_where_the_user_keeps_caches(tmp_path: Path) -> None:
    home, xdg = tmp_path / "home", tmp_path / "xdg"
    assert cache_root({"HOME": str(home)}, "opa") == home / ".cache/placet/opa"
    assert cache_root({"HOME": str(home), "XDG_CACHE_HOME": str(xdg)}, "opa") == xdg / "placet/opa"
    assert cache_root({"HOME": str(home), "XDG_CACHE_HOME": "relative"}, "opa") == home / ".cache/placet/opa"


def test_a_cache_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match=r"cannot be written(?s:.*)set XDG_CACHE_HOME"):
        cache_root({"XDG_CACHE_HOME": str(tmp_path / "file")}, "opa")


def test_everything_that_decides_the_bytes_decides_the_key(tmp_path: Path) -> None:
    def module(go_mod: bytes = b"m", go_sum: bytes = b"s") -> GoModule:
        return GoModule(tmp_path, "v1", (1, 26, 0), go_mod, go_sum)

    keys = {
        cache_key(module(), "go1.27.3", "linux-x86_64", ("-a", "-b")),
        cache_key(module(go_mod=b"n"), "go1.27.3", "linux-x86_64", ("-a", "-b")),
        cache_key(module(go_sum=b"t"), "go1.27.3", "linux-x86_64", ("-a", "-b")),
        cache_key(module(), "go1.27.4", "linux-x86_64", ("-a", "-b")),
        cache_key(module(), "go1.27.3", "linux-aarch64", ("-a", "-b")),
        cache_key(module(), "go1.27.3", "linux-x86_64", ("-a -b",)),
    }
    assert len(keys) == 6
