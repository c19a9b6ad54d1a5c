"""Running OPA's tools (`version`, `build`, `check`, `inspect`, `capabilities`) to their end: bounded, and
told nothing.

OPA gets an empty environment: `opa.runtime()` shows it to policies, and OPA reads flags from `OPA_*`
variables.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from placet_engine.errors import PolicyError
from placet_engine.policy.binary import Binary, Version, parse_version
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits


@dataclass(frozen=True, slots=True)
class Finished:
    """How one run ended; `words` is what it wrote to standard error, else to standard output."""

    status: int
    output: bytes
    words: str


class Running:
    """One OPA tool that was started; several may run at once. `finish` waits for its end."""

    def __init__(self, opa: Binary, arguments: Sequence[str], *, folder: Path) -> None:
        """Start it in `folder`. Raises PolicyError opa.not_executable."""
        self._opa = opa
        self._what = f"opa {arguments[0]}"
        try:
            self._process = subprocess.Popen(
                [opa.path, *arguments],
                cwd=folder,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise PolicyError(
                "opa.not_executable",
                f"OPA does not start: {error.strerror}",
                where=str(opa.path),
                hint="reinstall placet, or set opa.path to an OPA binary for this machine",
            ) from error

    def finish(self, limits: PolicyLimits = DEFAULT_POLICY_LIMITS) -> Finished:
        """Wait for it. Raises PolicyError opa.timeout when it takes longer than `limits.tool_timeout`."""
        try:
            output, words = self._process.communicate(timeout=limits.tool_timeout)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.communicate()
            raise PolicyError(
                "opa.timeout",
                f"{self._what} did not end within {limits.tool_timeout:g} s",
                where=str(self._opa.path),
                hint="try again on a quieter machine; if it stays, set opa.path to another binary",
            ) from error
        return Finished(
            self._process.returncode, output, (words or output).decode("utf-8", "replace").strip()
        )


def run(
    opa: Binary, arguments: Sequence[str], *, folder: Path, limits: PolicyLimits = DEFAULT_POLICY_LIMITS
) -> bytes:
    """Run one tool and give what it wrote to standard output.

    Raises PolicyError policy.compile with OPA's own words when it fails, opa.not_executable, opa.timeout.
    """
    finished = Running(opa, arguments, folder=folder).finish(limits)
    if finished.status != 0:
        raise compile_error(finished.words)
    return finished.output


def probe_version(opa: Binary, *, limits: PolicyLimits = DEFAULT_POLICY_LIMITS) -> Version:
    """Ask a binary for its version. Raises PolicyError opa.version when it is no OPA."""
    finished = Running(opa, ["version"], folder=Path("/")).finish(limits)
    return parse_version(finished.output.decode("utf-8", "replace"))


def compile_error(words: str) -> PolicyError:
    """OPA's complaint about a policy set, shortened to what a reader can use."""
    lines = words.strip().splitlines() or ["OPA said nothing"]
    shown = lines[:20] + ([f"... and {len(lines) - 20} lines more"] if len(lines) > 20 else [])
    return PolicyError(
        "policy.compile",
        "OPA refuses the policy set: " + "\n".join(shown),
        hint="correct the named lines, then run  placet policy test",
    )
