"""Where things are in the checkout, for the tests of the build."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "placet_attestations": ROOT / "attestations" / "placet_attestations",
    "placet_engine": ROOT / "engine" / "placet_engine",
    "placet_api": ROOT / "api" / "placet_api",
    "placet": ROOT / "api" / "placet",
}
BUILD_BACKEND = ROOT / "build_backend" / "placet_build"


def python_files(*folders: Path) -> list[Path]:
    """Every Python file below the folders, in a stable order."""
    return sorted(path for folder in folders for path in folder.rglob("*.py"))
