"""The real OPA and a small policy set for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import PolicySet, load_policy_set
from placet_engine.policy.capabilities import Capabilities, load_capabilities, write_capabilities
from placet_engine.policy.child import ChildOpa
from tests.engine.policy.toy import write_toy


@pytest.fixture(scope="session")
def opa() -> Binary:
    """The OPA of this environment, else the one that PLACET_OPA names."""
    try:
        return locate()
    except PolicyError:
        named = os.environ.get("PLACET_OPA")
        if named is None:
            pytest.fail("no placet-opa in this environment, and PLACET_OPA names none")
        return locate(Path(named))


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the toy policy set; nobody writes to it."""
    return write_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def policy_set(toy: Path) -> PolicySet:
    return load_policy_set(toy)


@pytest.fixture(scope="session")
def capabilities(opa: Binary, tmp_path_factory: pytest.TempPathFactory) -> Capabilities:
    path = tmp_path_factory.mktemp("capabilities") / "capabilities.json"
    write_capabilities(path, opa)
    return load_capabilities(path)


@pytest.fixture
def engine(policy_set: PolicySet, opa: Binary) -> Iterator[ChildOpa]:
    with ChildOpa(policy_set, opa) as running:
        running.wait_ready(30)
        yield running
