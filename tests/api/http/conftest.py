"""A ready project that is served, with a token for each role; a module has its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from placet_api.http.callers import ROLES
from tests.api.http.serving import Serving, serving
from tests.api.projects import model_of, placet_environment, token_for


@pytest.fixture(scope="module")
def place(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project."""
    folder = tmp_path_factory.mktemp("served") / "churn"
    shutil.copytree(ready, folder)
    return folder


@pytest.fixture(scope="module")
def tokens(place: Path, cache: Path) -> dict[str, str]:
    """Tokens by role."""
    with placet_environment(cache):
        return {role: token_for(place, f"{role}@example.org", role) for role in ROLES}


@pytest.fixture(scope="module")
def service(place: Path, cache: Path, tokens: dict[str, str]) -> Iterator[Serving]:
    """The service."""
    assert tokens
    with placet_environment(cache), serving(place, PLACET_HTTP_RATE="100000") as running:
        yield running


@pytest.fixture(scope="module")
def model(place: Path, cache: Path) -> str:
    """The digest of the project's model."""
    with placet_environment(cache):
        return model_of(place)
