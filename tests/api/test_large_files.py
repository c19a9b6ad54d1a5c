"""Files that are read whole into memory: one past the limit is refused by its size, before a byte is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from placet_api.measuring import read
from placet_attestations.errors import MalformedError
from placet_attestations.limits import DEFAULT_LIMITS
from tests.api.projects import call


def sparse(path: Path, size: int) -> Path:
    """A file of this size that takes no room."""
    path.touch()
    os.truncate(path, size)
    return path


def test_a_table_has_a_limit(tmp_path: Path) -> None:
    limit = DEFAULT_LIMITS.max_table_bytes
    with pytest.raises(MalformedError, match=f"{limit:,}") as caught:
        read(sparse(tmp_path / "table.csv", limit + 1))
    assert caught.value.code == "file.too_large"


def test_a_manifest_has_a_limit(tmp_path: Path) -> None:
    limit = DEFAULT_LIMITS.max_manifest_bytes
    manifest = sparse(tmp_path / "manifest", limit + 1)
    ran = call("digest", "--check", str(manifest), str(tmp_path))
    assert ran.code == 2
    assert f"manifest is larger than {limit:,} bytes" in ran.err
