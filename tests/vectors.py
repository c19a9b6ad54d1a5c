"""Where other people's test vectors lie: they are not ours to check in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def vectors_dir() -> Path:
    """The folder of vectors: PLACET_VECTORS, else `../shared/vectors` beside the checkout.

    Without it the calling test is skipped, and fails where CI is set.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "vectors"
    folder = Path(os.environ.get("PLACET_VECTORS") or beside)
    if folder.is_dir():
        return folder
    reason = f"no vectors in {folder}: set PLACET_VECTORS"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
