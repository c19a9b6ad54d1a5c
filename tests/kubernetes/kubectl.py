"""kubectl, as one person at one cluster uses it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The program, whom it speaks to as whom, and a folder for what it remembers."""

    program: Path
    kubeconfig: Path
    home: Path

    def run(
        self, *args: str, input: str | None = None, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run it; with `check` an exit code other than 0 is an AssertionError with kubectl's words.

        Others speak with `--as NAME --as-group GROUP`, which RBAC then judges.
        """
        done = subprocess.run(
            [str(self.program), f"--kubeconfig={self.kubeconfig}", *args],
            # What it learns about the server it keeps below HOME, and that is ours alone.
            env={"HOME": str(self.home)},
            input=input,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")
        return done
