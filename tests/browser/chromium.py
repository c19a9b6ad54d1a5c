"""Debian's Chromium for the tests here: found on PATH, or installed from the distribution's own packages.

python -m tests.browser.chromium      what `make browser` runs: prints the path of the program
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence

NAMES = ("chromium", "chromium-browser")
_INSTALL = (
    ("apt-get", "update"),
    ("apt-get", "install", "--yes", "--no-install-recommends", "chromium"),
)

Which = Callable[[str], str | None]
Run = Callable[[Sequence[str]], int]


class NoChromium(Exception):
    """There is no Chromium, and none can be installed here: the words say what to install."""


def find(which: Which = shutil.which) -> str | None:
    """The program on PATH; None when there is none."""
    return next((path for name in NAMES if (path := which(name)) is not None), None)


def ensure(which: Which = shutil.which, run: Run | None = None, *, root: bool | None = None) -> str:
    """The program, installed first where that is possible. Raises `NoChromium`."""
    found = find(which)
    if found is not None:
        return found
    may = os.geteuid() == 0 if root is None else root
    if not may or which("apt-get") is None:
        raise NoChromium(
            "the browser tests want Chromium on PATH, called "
            f"{' or '.join(NAMES)}; on Debian:  apt-get install chromium"
        )
    for command in _INSTALL:
        code = (run or _run)(command)
        if code != 0:
            raise NoChromium(f"{' '.join(command)} ended with {code}: install Chromium by hand")
    found = find(which)
    if found is None:
        raise NoChromium("apt-get installed Chromium, and it is not on PATH")
    return found


def flags() -> list[str]:
    """Command-line flags: no name is looked up but this machine's; root, and only root, has no sandbox."""
    alone = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    return [*alone, "--no-sandbox"] if os.geteuid() == 0 else alone


def _run(command: Sequence[str]) -> int:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=quiet, stdout=sys.stderr, check=False).returncode


def main() -> int:
    """Print where Chromium is."""
    try:
        sys.stdout.write(f"{ensure()}\n")
    except NoChromium as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
