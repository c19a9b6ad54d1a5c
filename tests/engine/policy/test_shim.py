from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from placet_engine.policy import shim

PR_GET_PDEATHSIG = 2


def death_signal() -> int:
    got = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(got), 0, 0, 0)
    return got.value


@pytest.fixture(autouse=True)
def untied() -> Iterator[None]:
    """This process ties itself to its own parent in these tests; afterwards it is as before."""
    before = death_signal()
    yield
    ctypes.CDLL(None).prctl(shim.PR_SET_PDEATHSIG, before, 0, 0, 0)


class BecameError(Exception):
    pass


def become(path: str, command: list[str], environment: dict[str, str]) -> NoReturn:
    raise BecameError(path, command, environment)


def fail(path: str, command: list[str], environment: dict[str, str]) -> NoReturn:
    raise PermissionError(13, "Permission denied", path)


def test_it_ties_itself_to_its_parent_and_becomes_opa() -> None:
    arguments = ["shim.py", str(os.getppid()), "GOGC=50", "TEXT=a=b", "--", "/opa", "run", "--", "x"]
    with pytest.raises(BecameError) as caught:
        shim.main(arguments, become)
    assert caught.value.args == ("/opa", ["/opa", "run", "--", "x"], {"GOGC": "50", "TEXT": "a=b"})
    assert death_signal() == signal.SIGKILL


def test_it_gives_up_when_the_parent_is_gone() -> None:
    with pytest.raises(SystemExit, match="the parent is gone"):
        shim.main(["shim.py", str(os.getppid() + 1), "--", "/opa"], become)


def test_it_says_why_opa_does_not_start() -> None:
    with pytest.raises(SystemExit, match="OPA does not start: Permission denied"):
        shim.main(["shim.py", str(os.getppid()), "--", "/opa"], fail)


def test_it_runs_as_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["shim.py", str(os.getppid() + 1), "--", "/opa"])
    with pytest.raises(SystemExit, match="the parent is gone"):
        runpy.run_path(str(Path(shim.__file__)), run_name="__main__")
