from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build.places import ROOT

SKIPPING = """
import pytest

def test_one():
    pytest.skip("later")

def test_two():
    pass
"""


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(("ci", "code"), [({"CI": "true"}, 1), ({}, 0)], ids=["ci", "laptop"])
def test_a_skip_fails_the_run_in_ci_only(
    tmp_path: Path, ci: dict[str, str], code: int, workers: list[str]
) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(SKIPPING)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[-1].startswith("1 passed, 1 skipped in ")
    assert ("1 skipped: in CI every test must run" in done.stdout) == bool(ci)
