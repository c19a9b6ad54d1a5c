"""Tests that share something costly share a worker: the Makefile's `--dist loadgroup` does what it says."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("whatever")
def test_a_group_stands_in_a_tests_name(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@whatever") == ("PYTEST_XDIST_WORKER" in os.environ)
