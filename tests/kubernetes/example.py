"""examples/kubernetes/run: a real API server and a real Placet, and a table of what is admitted and what is not.

Exit code 0 when every case ended as expected, 1 when one did not.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from placet_build.errors import BuildError
from tests.kubernetes.binaries import binaries
from tests.kubernetes.cases import CASES, Case
from tests.kubernetes.cluster import Cluster, Entry, Ran, joined
from tests.kubernetes.control_plane import control_plane
from tests.kubernetes.kubectl import Kubectl

_DENIED: Final = "denied the request: "
_REASON: Final = re.compile(r"^\s*([a-z_]+(?:\.[a-z_]+)+): (.*)$", re.MULTILINE)
_DECISION: Final = re.compile(r"placet log show ([0-9a-f-]{36})")
_ROW: Final = "{:>2}  {:<41}  {:<38}  {:<38}  {:<13}  {}"
_WHY: Final = 60


@dataclass(frozen=True, slots=True)
class Got:
    """What came of a case, in the words of `Case.expected`; `said` is what kubectl wrote."""

    text: str
    why: str = ""
    decision: str = ""
    said: str = ""


def outcome(ran: Ran, entry: Entry | None) -> Got:
    """What kubectl said, and what the log says of it; `entry` is the answer that was logged for it, if one was."""
    dry = " (dry)" if entry is not None and entry.dry_run else ""
    if ran.returncode == 0 and entry is None:
        return Got("allowed, not judged", said=ran.stderr)
    if ran.returncode == 0 and entry is not None:
        return Got(
            f"allowed by {', '.join(entry.gates)}{dry}", decision=" ".join(entry.decisions), said=ran.stderr
        )
    _, denied, said = ran.stderr.partition(_DENIED)
    found = _REASON.search(said)
    if not denied or found is None:
        code = "no answer" if "failed calling webhook" in ran.stderr else "not by Placet"
        return Got(f"refused: {code}", ran.stderr.strip(), said=ran.stderr)
    decision = _DECISION.search(said)
    return Got(f"refused: {found[1]}{dry}", found[2], decision[1] if decision else "", ran.stderr)


def run(cluster: Cluster, case: Case) -> Got:
    """Let one case happen."""
    case.before(cluster)
    before = cluster.newest()
    ran = case.act(cluster)
    entry = cluster.newest()
    return outcome(ran, entry if entry != before else None)


def show(happen: Callable[[Case], Got], cases: Iterable[Case], *, words: bool = False) -> int:
    """Print the table while the cases happen, with `words` also what kubectl said; how many ended unexpectedly."""
    _say(_ROW.format("", "case", "expected", "got", "decision", "why"))
    count = wrong = 0
    began = time.monotonic()
    for count, case in enumerate(cases, start=1):
        got = happen(case)
        row = _ROW.format(count, case.name, case.expected, got.text, got.decision[:13], _short(got.why))
        wrong += got.text != case.expected
        _say(row if got.text == case.expected else f"{row}  <-- WRONG")
        if words and got.said:
            _say(textwrap.indent(got.said, "      | "))
    seconds = time.monotonic() - began
    _say(f"\n{count} cases, {count - wrong} as expected, {wrong} not, in {seconds:.0f} s")
    return wrong


def _say(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\n")
    sys.stdout.flush()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WHY else f"{line[: _WHY - 1]}…"


@contextmanager
def _api_server(kubeconfig: Path | None, folder: Path) -> Iterator[Kubectl]:
    if kubeconfig is not None:
        yield Kubectl(binaries().kubectl, kubeconfig, folder)
        return
    sys.stderr.write(
        "starting etcd and kube-apiserver; the first time they are compiled, in about four minutes\n"
    )
    with control_plane(folder / "plane") as plane:
        yield Kubectl(plane.programs.kubectl, plane.kubeconfig, folder)


def main(arguments: list[str] | None = None) -> int:
    """Run the example."""
    parser = argparse.ArgumentParser(prog="examples/kubernetes/run", description=__doc__)
    parser.add_argument(
        "--kubeconfig", type=Path, help="an API server on this machine, instead of one started for the table"
    )
    parser.add_argument("--words", action="store_true", help="also print what kubectl said")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="placet-kubernetes-") as name:
        folder = Path(name)
        try:
            with _api_server(given.kubeconfig, folder) as kubectl, joined(kubectl, folder) as cluster:
                return 1 if show(partial(run, cluster), CASES, words=given.words) else 0
        except (AssertionError, BuildError) as error:
            sys.stderr.write(f"the example stopped: {error}\n")
            return 1


if __name__ == "__main__":
    sys.exit(main())
