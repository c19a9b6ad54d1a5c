"""The admission webhook through many restarts: from the first accepted connection on, no bad Pod is ever allowed.

    python -m tests.campaigns.restarts --restarts 200 [--probers 4] [--seed N]

A real `placet serve` is ended again and again, by SIGKILL and by SIGTERM in turn, on the same store and the same port.
Probers knock at the webhook's port all the time, also before it is up, over TLS; each asks about bad Pods and about a
good one as soon as its connection is accepted, and goes on until the webhook is gone.

Exits 1 when a bad Pod was allowed, an answer was not an AdmissionReview with this uid, an allow has no entry in the
log, a service did not end as it was told, or the log does not verify.
"""

from __future__ import annotations

import argparse
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from placet_api.project import open_project
from placet_api.wiring import open_house
from placet_attestations.digests import hash_file
from tests.api.http.serving import Serving, started
from tests.api.projects import call, placet_environment
from tests.campaigns.cases import Case, make_project
from tests.campaigns.deciding import gone
from tests.campaigns.probing import Pod, Prober, Sight
from tests.campaigns.reviews import SETTINGS, image
from tests.tls import Authority

_PATIENCE: Final = 60.0  # seconds for a start to admit the good Pod
_LINGER: Final = 0.08  # seconds at most that a service lives on after every prober was answered
_DEATH: Final = 5.0
_PAGE: Final = 500


@dataclass(slots=True)
class Restarts:
    """What a campaign found. Times are seconds since the process was made."""

    sight: Sight = field(default_factory=Sight)
    ends: dict[str, int] = field(default_factory=lambda: {"SIGKILL": 0, "SIGTERM": 0})
    accepted: list[float] = field(default_factory=list)
    admitted: list[float] = field(default_factory=list)
    unlogged: int = 0
    verify: tuple[int, str] = (-1, "not run")

    @property
    def passed(self) -> bool:
        """Whether everything that must hold did."""
        return not self.sight.wrong and not self.unlogged and self.verify[0] == 0

    def table(self, title: str, seconds: float) -> str:
        """The result for people."""
        sight = self.sight
        rows = [
            ("ended by", ", ".join(f"{name} {count}" for name, count in self.ends.items())),
            ("bad Pods", f"{sight.bad.total():,}  ({_listed(sight.bad)})"),
            ("bad Pods that were allowed", f"{sight.bad['allowed']}"),
            ("good Pods", f"{sight.good.total():,}  ({_listed(sight.good)})"),
            ("first answer on a connection", _listed(sight.first)),
            ("no connection or no answer", _listed(sight.errors)),
            ("start to first accepted connection", _spread(self.accepted)),
            ("start to every prober's good Pod", _spread(self.admitted)),
            ("answers whose entry is not in the log", f"{self.unlogged}"),
            ("placet log verify", f"exit {self.verify[0]}: {self.verify[1]}"),
            ("time", f"{seconds:.0f} s"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [title, *(f"  {name:<{width}}  {value}" for name, value in rows)]
        return "\n".join([*lines, *(f"  WRONG {text}" for text in sight.wrong[:50])])


def pods_of(cases: Sequence[Case]) -> tuple[Pod, ...]:
    """Bad Pods, each for a reason of its own, then a good one."""
    digests = {case.name: image(hash_file(case.artifact)[0]) for case in cases}
    good = digests["vouched for"]
    return (
        Pod("below the threshold", (digests["below the threshold"],)),
        Pod("retracted", (good, digests["retracted model"])),
        Pod("unknown in an init container", (good,), (digests["nobody vouched"],)),
        Pod("a tag", ("registry.example/model:latest",)),
        Pod("good", (good,), good=True),
    )


def run(restarts: int, probers: int, seed: int) -> tuple[Restarts, str]:
    """One campaign in a folder of its own; what it found, and its table."""
    began, chance = time.monotonic(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="placet-restarts-") as name:
        folder = Path(name).resolve()
        project = folder / "project"
        with placet_environment(folder / "cache"):
            _, cases = make_project(project)
            settings = project / "placet.yaml"
            settings.write_text(settings.read_text() + SETTINGS)
            found = _campaign(project, folder, pods_of(cases), restarts, probers, chance)
    title = f"restarts: {restarts} of the admission webhook, {probers} probers, seed {seed}"
    return found, found.table(title, time.monotonic() - began)


def _campaign(
    project: Path, folder: Path, pods: Sequence[Pod], restarts: int, probers: int, chance: random.Random
) -> Restarts:
    found, authority = Restarts(), Authority.make(folder / "tls")
    leaf = authority.issue_server("webhook")
    with socket.socket() as reserved:
        port = _reserve(reserved)
        variables = {
            "TMPDIR": str(folder),
            "PLACET_KUBERNETES_LISTEN": f"127.0.0.1:{port}",
            "PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert),
            "PLACET_KUBERNETES_KEY": str(leaf.key),
        }
        context = authority.client_context()
        knocking = [Prober(number, port, context, pods, found.sight) for number in range(probers)]
        try:
            for number in range(restarts):
                found.sight.again()
                began = time.monotonic()
                service = started(project, **variables)
                _live(found, service, folder, began, probers, number, chance)
        finally:
            for prober in knocking:
                prober.end()
    _audit(found, project)
    return found


def _reserve(taken: socket.socket) -> int:
    """A port that is ours though nobody listens there: whoever binds it with SO_REUSEADDR, as a service does, may."""
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind(("127.0.0.1", 0))
    port: int = taken.getsockname()[1]
    return port


def _live(
    found: Restarts,
    service: Serving,
    folder: Path,
    began: float,
    probers: int,
    number: int,
    chance: random.Random,
) -> None:
    """One life of the service: until every prober had its good Pod admitted, and a moment longer."""
    sight = found.sight
    with sight.changed:
        if not sight.changed.wait_for(lambda: len(sight.admitted) == probers, _PATIENCE):
            sight.wrong.append(f"start {number}: the good Pod was not admitted within {_PATIENCE:.0f} s")
        else:
            assert sight.connected is not None
            found.accepted.append(sight.connected - began)
            found.admitted.append(max(sight.admitted.values()) - began)
    time.sleep(chance.uniform(0, _LINGER))
    ending = signal.SIGTERM if number % 2 else signal.SIGKILL
    code = service.end(ending)
    found.ends[ending.name] += 1
    if code != (0 if ending == signal.SIGTERM else -ending):
        sight.wrong.append(f"start {number}: it ended with {code} on {ending.name}")
    if not gone(folder, _DEATH):
        sight.wrong.append(f"start {number}: its OPA was left over")


def _audit(found: Restarts, project: Path) -> None:
    """Every entry that an answer named must be in the log, and the log must verify."""
    logged: set[str] = set()
    with open_house(open_project(project, {}, {})) as house:
        before: int | None = None
        while page := house.reading_log.find(kind="admission", before=before, limit=_PAGE):
            logged |= {str(row.columns.decision_id) for row in page}
            before = page[-1].index
    found.unlogged = len(found.sight.entries - logged)
    ran = call("log", "verify", folder=project)
    found.verify = (ran.code, (ran.out or ran.err).strip())


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "never"
    return f"median {median(seconds):.2f} s, at most {max(seconds):.2f} s"


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its table; 1 when anything that must hold did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--restarts", type=int, default=200)
    parser.add_argument("--probers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args(arguments)
    found, table = run(given.restarts, given.probers, given.seed)
    sys.stdout.write(f"{table}\n{'PASSED' if found.passed else 'FAILED'}\n")
    return 0 if found.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
