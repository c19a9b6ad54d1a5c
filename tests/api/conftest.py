"""One ready-made project a session, copied for each test that works in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.projects import make_ready, placet_environment


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache of all tests here: a policy set is compiled once, not once a test."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The ready-made project; nobody writes to it."""
    folder = tmp_path_factory.mktemp("ready") / "churn"
    with placet_environment(cache):
        make_ready(folder)
    return folder


@pytest.fixture(autouse=True)
def _environment(cache: Path) -> Iterator[None]:
    with placet_environment(cache):
        yield


@pytest.fixture
def project(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the ready-made project, and the working directory of the test."""
    folder = tmp_path / "churn"
    shutil.copytree(ready, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the working directory of the test."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
