from __future__ import annotations

import os
from pathlib import Path

import pytest

from placet_engine.errors import ConfigurationError
from placet_engine.log.keyfile import create_log_key, load_log_key, load_verifier
from tests.engine.log.making import ORIGIN


@pytest.fixture
def private(tmp_path: Path) -> Path:
    create_log_key(tmp_path / "log.key", tmp_path / "log.pub", ORIGIN)
    return tmp_path / "log.key"


def code_of(path: Path, *, public: bool = False) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_verifier(path) if public else load_log_key(path)
    assert caught.value.where == str(path)
    return caught.value.code


def test_a_key_pair_in_two_files(private: Path) -> None:
    signer = load_log_key(private)
    assert signer.name == ORIGIN
    assert load_verifier(private.with_name("log.pub")) == signer.verifier
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.read_text().startswith(f"PRIVATE+KEY+{ORIGIN}+")


def test_a_key_is_never_overwritten(private: Path) -> None:
    before = private.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        create_log_key(private, private.with_name("other.pub"), ORIGIN)
    assert caught.value.code == "logkey.exists"
    assert private.read_bytes() == before


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_log_key(tmp_path / "no" / "log.key", tmp_path / "log.pub", ORIGIN)
    assert caught.value.code == "logkey.unwritable"


def test_an_origin_that_no_log_may_have(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create_log_key(tmp_path / "log.key", tmp_path / "log.pub", "two words")
    assert caught.value.code == "logkey.origin"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_private_key_that_others_may_touch(private: Path, mode: int) -> None:
    private.chmod(mode)
    assert code_of(private) == "logkey.permissions"


def test_a_public_key_may_be_read_by_everybody(private: Path) -> None:
    public = private.with_name("log.pub")
    public.chmod(0o666)
    assert load_verifier(public).name == ORIGIN


def test_a_key_that_is_missing(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none") == "logkey.missing"
    assert code_of(tmp_path / "none", public=True) == "logkey.missing"


def test_a_file_with_something_else_in_it(private: Path) -> None:
    public = private.with_name("log.pub")
    assert code_of(private, public=True) == "logkey.malformed"
    public.chmod(0o600)
    assert code_of(public) == "logkey.malformed"
    private.write_bytes(b"\xff\x00")
    assert code_of(private) == "logkey.malformed"


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert code_of(tmp_path / "fifo") == "logkey.malformed"


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    assert code_of(tmp_path / "a") == "logkey.unreadable"
