from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.limits import PolicyLimits
from placet_engine.policy.process import PREFIX, OpaProcess, Recipe, socket_folder
from tests.engine.policy.processes import eventually, running


def script(folder: Path, text: str) -> Path:
    path = folder / "fake-opa"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def recipe(opa: Path, folder: Path, environment: dict[str, str] | None = None, keep: int = 1000) -> Recipe:
    return Recipe(opa, b"archive", folder, environment or {}, PolicyLimits(max_opa_output=keep))


def ended(process: OpaProcess) -> str:
    process.wait_exit()
    assert not process.alive()
    process.end()
    return process.words()


def test_it_lives_in_a_private_folder_that_goes_with_it(tmp_path: Path) -> None:
    process = recipe(script(tmp_path, "exec sleep 600"), tmp_path).start()
    assert process.folder.parent == tmp_path
    assert process.folder.name.startswith(PREFIX)
    assert stat.S_IMODE(process.folder.stat().st_mode) == 0o700
    assert (process.folder / "bundle.tar.gz").read_bytes() == b"archive"
    assert process.alive()
    process.end()
    process.end()
    assert not process.alive()
    assert not running(process.pid)
    assert not process.folder.exists()


def test_its_command_and_what_it_sees_of_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_TEST_SECRET", "secret")
    opa = script(tmp_path, 'echo "$@" | tr " " "\\n"; exec /usr/bin/env')
    process = recipe(opa, tmp_path, {"GOGC": "50"}).start()
    words = ended(process).splitlines()
    assert words[:2] == ["run", "--server"]
    assert f"unix://{process.socket}" in words
    assert {
        "--skip-version-check",
        "server.decoding.max_length=33554432",
        "--unix-socket-perm",
        "600",
    } <= set(words)
    assert "GOGC=50" in words
    assert not [word for word in words if "SECRET" in word or word.startswith(("HOME=", "PATH="))]


def test_its_last_words_are_kept(tmp_path: Path) -> None:
    text = (
        'for i in $(/usr/bin/seq 400); do echo "line $i"; done; echo "error: bundle $PWD/bundle.tar.gz: bad"'
    )
    words = ended(recipe(script(tmp_path, text), tmp_path, keep=300).start())
    assert words.endswith("line 400\nerror: bundle archive: bad")
    assert len(words) <= 300


def test_what_root_is_told_is_left_out(tmp_path: Path) -> None:
    text = 'echo "[WARNING] OPA running with uid or gid 0. Running OPA"; echo \'  time = "now"\'; echo; echo real'
    assert ended(recipe(script(tmp_path, text), tmp_path).start()) == "real"


def test_it_does_not_share_the_terminal(tmp_path: Path) -> None:
    process = recipe(script(tmp_path, "exec sleep 600"), tmp_path).start()
    assert os.getsid(process.pid) != os.getsid(0)
    os.kill(process.pid, signal.SIGSTOP)
    assert process.alive()
    process.end()


def test_a_process_that_somebody_else_reaped_is_dead(tmp_path: Path) -> None:
    process = recipe(script(tmp_path, "exit 0"), tmp_path).start()
    os.waitpid(process.pid, 0)
    assert not process.alive()
    process.wait_exit()
    process.end()
    assert not process.folder.exists()


def test_a_binary_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    assert "OPA does not start" in ended(recipe(tmp_path, tmp_path).start())


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        recipe(script(tmp_path, "exit 0"), tmp_path / "absent").start()
    assert caught.value.code == "opa.start"
    assert str(tmp_path / "absent") in (caught.value.where or "")


def test_a_process_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ValueError, match="null byte"):
        recipe(script(tmp_path, "exit 0"), tmp_path, {"NAME": "\0"}).start()
    assert not list(tmp_path.glob(f"{PREFIX}*"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_socket_path_fits(tmp_path: Path) -> None:
    assert socket_folder(tmp_path) == tmp_path
    long = tmp_path / ("x" * 100)
    with pytest.raises(PolicyError, match="107 bytes") as caught:
        socket_folder(long)
    assert (caught.value.code, caught.value.where) == ("opa.socket_path", str(long))
    assert socket_folder(None).is_dir()


def test_the_longest_path_that_is_allowed_can_be_bound(tmp_path: Path) -> None:
    short = len(os.fsencode(tmp_path))
    fits = tmp_path / ("x" * (107 - short - 2 - len(PREFIX) - 8 - 2))
    fits.mkdir()
    assert socket_folder(fits) == fits
    folder = fits / (PREFIX + "x" * 8)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
    with pytest.raises(PolicyError):
        socket_folder(fits.with_name(fits.name + "yy"))


def test_killing_what_is_gone_is_no_error(tmp_path: Path) -> None:
    process = recipe(script(tmp_path, "exit 0"), tmp_path).start()
    eventually(lambda: not process.alive(), "the process ends")
    process.kill()
    process.end()
    process.kill()
