"""Bad input against a real service and its admission webhook: refused with a code, never admitted, in bounded memory.

    python -m tests.campaigns.hostile [--short] [--only TEXT]

Every row says what must be answered and what was. After each of them the service must still answer a good caller, and
the memory that it needed at most is measured from outside. Exits 1 when an answer was another one, memory passed its
bound, or the log does not verify afterwards.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from tests.api.projects import call, placet_environment
from tests.campaigns import hostile_callers, hostile_floods, hostile_http, hostile_reviews
from tests.campaigns.hostility import DECIDE, Case, Row, Size, Target
from tests.campaigns.memory import MIB, forget_peak, peak, resident
from tests.campaigns.targets import a_target
from tests.campaigns.wire import request, say

SHORT: Final = Size(
    connections=300,
    bound=100,
    slow=20,
    body_mib=20,
    pipelined=1_000,
    ahead=20_000,
    tokens=20,
    artifacts=300,
)
MEMORY: Final = 768 * MIB
"""By how much the service's memory may grow at most, whatever is sent: what may be held, read twice, and slack."""
_GOOD: Final = "200 allow"


@dataclass(slots=True)
class Findings:
    """All rows, and the service's memory in bytes before the first and after the last."""

    rows: list[Row] = field(default_factory=list)
    before: int = 0
    after: int = 0
    faults: list[str] = field(default_factory=list)
    verify: tuple[int, str] = (-1, "not run")

    @property
    def peak(self) -> int:
        """What memory grew by at most."""
        return max((row.peak for row in self.rows), default=0)

    @property
    def passed(self) -> bool:
        """Whether every row is right, within its memory."""
        right = all(row.right and row.peak <= MEMORY for row in self.rows)
        return right and not self.faults and self.verify[0] == 0

    def table(self) -> str:
        """The result for people."""
        width = max(len(row.case.name) for row in self.rows)
        lines = [
            f"  {'ok   ' if row.right and row.peak <= MEMORY else 'WRONG'} {row.case.name:<{width}}  {row.got}"
            f"  ({row.seconds:.1f} s, +{row.peak // MIB} MiB)"
            + ("" if row.right else f"\n        expected {' or '.join(row.case.expected)}")
            for row in self.rows
        ]
        right = sum(row.right for row in self.rows)
        return "\n".join(
            [
                "hostile input",
                *lines,
                f"  rows                 {len(self.rows)}, of which {right} as expected",
                f"  memory before        {self.before // MIB} MiB",
                f"  memory at most       +{self.peak // MIB} MiB (bound: +{MEMORY // MIB} MiB)",
                f"  memory after         {self.after // MIB} MiB",
                f"  placet log verify    exit {self.verify[0]}: {self.verify[1]}",
                *(f"  FAULT {line}" for line in self.faults[:20]),
            ]
        )


def all_cases() -> Iterator[Case]:
    """Every case, in the order in which they run."""
    yield from chain(hostile_http.cases(), hostile_callers.cases(), hostile_reviews.cases())
    for name in ("deep", "wide"):
        yield Case(f"a lineage that is too {name}", ("200 deny",), partial(_judged, name))
        yield Case(f"a drawing of one that is too {name}", ("200",), partial(_drawn, name))
    yield from hostile_floods.cases()


def _judged(name: str, target: Target) -> str:
    body = target.question().replace(target.models["vouched for"].encode(), getattr(target, name).encode())
    return say(target.http, request(DECIDE, target.gate, method="POST", body=body))


def _drawn(name: str, target: Target) -> str:
    return say(target.http, request(f"/v1/artifacts/{getattr(target, name)}/lineage?format=svg", target.gate))


def run(size: Size, only: str = "") -> Findings:
    """All cases whose name holds `only`, against one service in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="placet-hostile-") as name:
        folder = Path(name).resolve()
        with placet_environment(folder / "cache"):
            findings = Findings()
            with a_target(folder, size) as target:
                pid = target.service.process.pid
                assert target.good() == _GOOD
                findings.before = resident(pid)
                for case in all_cases():
                    if only in case.name:
                        findings.rows.append(_row(case, target, findings))
                findings.after = resident(pid)
                findings.faults += [line.strip() for line in target.service.lines if _is_fault(line)]
            ran = call("log", "verify", folder=folder / "project")
            findings.verify = ran.code, (ran.out or ran.err).strip()
        return findings


def _is_fault(line: str) -> bool:
    """Whether the service says of itself that something went wrong in it that it does not know."""
    return "failed inside Placet" in line or "Exception in ASGI application" in line


def _row(case: Case, target: Target, findings: Findings) -> Row:
    pid, began = target.service.process.pid, time.monotonic()
    forget_peak(pid)
    try:
        got = case.act(target)
    except (OSError, ValueError, KeyError) as error:
        got = f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    if (heard := target.good_again()) != _GOOD:
        got += f"; a good caller then heard {heard}"
    return Row(case, got, seconds, max(0, peak(pid) - findings.before))


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its table; 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="small floods")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    given = parser.parse_args(arguments)
    findings = run(SHORT if given.short else Size(), given.only)
    sys.stdout.write(f"{findings.table()}\n{'PASSED' if findings.passed else 'FAILED'}\n")
    return 0 if findings.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
