"""One control plane for all tests of this folder, which therefore run in one worker."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.kubernetes.apiserver import audit_flags
from tests.kubernetes.control_plane import ControlPlane, control_plane
from tests.kubernetes.objects import make_namespace

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The shared control plane: a test that uses it belongs to the group "kubernetes"."""
    folder = tmp_path_factory.mktemp("plane")
    with control_plane(folder, audit_flags(folder)) as running:
        yield running


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    """The name of a namespace that is this test's own. It stays; nothing here would empty it."""
    return make_namespace(plane, f"test-{next(_NUMBERS)}")
