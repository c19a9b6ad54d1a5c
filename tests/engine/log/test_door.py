"""The doors of the room and of the log: they name what there is, and load nothing before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import placet_engine
from placet_engine import errors, log

ROOT = Path(__file__).parents[3]
PATHS = [str(ROOT / room) for room in ("attestations", "engine")]


@pytest.mark.parametrize("name", dir(log))
def test_the_log_s_door_opens(name: str) -> None:
    assert getattr(log, name).__name__ == name


@pytest.mark.parametrize("module", [log, placet_engine])
def test_a_name_that_there_is_not(module: object) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_door_alone_loads_no_cryptography() -> None:
    code = f"import sys; sys.path[:0] = {PATHS!r}; import placet_engine.log; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_error_says_where_and_what_to_do() -> None:
    error = errors.LogError("log.unwritable", "the disk is full", where="/x/log.db", hint="make room")
    assert str(error) == "the disk is full (/x/log.db)"
    assert (error.code, error.hint) == ("log.unwritable", "make room")
    assert str(errors.PolicyError("policy.compile", "no")) == "no"


@pytest.mark.parametrize("kind", ["LogError", "PolicyError", "ConfigurationError", "LimitError"])
def test_the_tree_of_errors(kind: str) -> None:
    assert issubclass(getattr(errors, kind), errors.EngineError)
    assert issubclass(errors.ProofError, errors.LogError)
    assert kind in (errors.__doc__ or "")
