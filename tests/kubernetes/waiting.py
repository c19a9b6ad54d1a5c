"""Wait for what another process does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return once `done` says so; AssertionError when it has not after `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not so after {seconds:g} s"
        time.sleep(0.02)
