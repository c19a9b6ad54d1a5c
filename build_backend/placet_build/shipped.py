"""What the wheel carries beside the packages, and which machines it is for."""

from __future__ import annotations

import os
import re
from pathlib import Path

from placet_build.errors import BuildError
from placet_build.toolchain import host_platform


def policy_files(folder: Path) -> dict[str, Path]:
    """The shipped policy set: every file below `folder` by its POSIX path.

    Tests, READMEs and hidden folders are left out. BuildError when there is no policy in it, for a wheel
    without policies would deny everything.
    """
    found: dict[str, Path] = {}
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.endswith(("_test.rego", "README.md")):
                path = Path(here, name)
                found[path.relative_to(folder).as_posix()] = path
    if not any(name.endswith(".rego") for name in found):
        raise BuildError(
            f"there is no policy in {folder}",
            "build from a complete checkout or source distribution; policies/ holds the Rego files",
        )
    return found


def wheel_tag() -> str:
    """`py3-none-<platform>`: any Python, but only machines that run the OPA in the wheel."""
    return f"py3-none-{re.sub(r'[^a-z0-9]', '_', host_platform().lower())}"
