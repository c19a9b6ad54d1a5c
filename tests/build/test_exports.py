"""What a room hands out is a promise: it changes on purpose only, and importing the room stays cheap.

After a change on purpose: `python -m tests.build.test_exports`.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build.places import ROOMS

RECORDED = Path(__file__).with_name("exported_names.json")
# Each costs 25 to 200 ms, and `placet gate` has half a second as a whole process.
COSTLY = (
    "aiohttp",
    "asyncio",
    "cryptography",
    "jsonschema",
    "opa_client",
    "requests",
    "sigstore",
    "sklearn",
    "ssl",
    "yaml",
)


def exported(room: str) -> list[str]:
    """The public names of a room, sorted; empty while it hands out nothing."""
    return sorted(getattr(importlib.import_module(room), "__all__", []))


@pytest.mark.parametrize("room", ROOMS)
def test_the_exported_names_are_the_recorded_ones(room: str) -> None:
    assert exported(room) == json.loads(RECORDED.read_text())[room]


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_is_there(room: str) -> None:
    module = importlib.import_module(room)
    assert [name for name in exported(room) if not hasattr(module, name)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_loads_nothing_costly(room: str) -> None:
    code = f"import sys, {room}; print(*sorted(set({COSTLY!r}) & set(sys.modules)))"
    paths = [str(folder.parent) for folder in ROOMS.values()]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({room: exported(room) for room in ROOMS}, indent=2) + "\n")
