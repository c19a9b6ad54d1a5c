"""Admission reviews of a Pod with three images, over TLS, at 8 callers on kept connections.

    python benchmarks/webhook.py [--quick]

In turns, each round with a service that was just started:

- judged: three images in each review that this service was never asked about: three decisions and one answer, logged;
- repeated: Pods of one template, as a ReplicaSet makes them: the same three images, each review with its own id and
  name. Every answer is logged;
- smallest: the same reviews to a webhook that parses them and allows everything, on the same server and TLS library.

The aim is 2,500 repeated answers a second with a p99 below 12 ms on two quiet cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._figures import Figures, measured
from benchmarks._load import Load, drive
from benchmarks._processes import children
from benchmarks._project import Place, make_project
from benchmarks._timing import table
from benchmarks._webhooks import IMAGES, SETTINGS, Certified, placet_webhook, review, smallest_webhook

RATE, LATE = 2500, 12.0  # answers a second, ms
CALLERS = 8
WARM = 8 * IMAGES
NAMES = ("smallest", "repeated", "judged")


def one_round(project: Place, certified: Certified, judged: int, repeated: int) -> dict[str, Figures]:
    """All three, with a fresh service and a fresh peer."""
    models = [str(model) for model in project.models]
    warm, fresh, same = models[:WARM], models[WARM:], models[:IMAGES]
    with (
        placet_webhook(project, certified) as (service, port),
        smallest_webhook(certified) as (peer, peer_port),
    ):
        placet, smallest = certified.place(port), certified.place(peer_port)
        who = {
            "server": [service.process.pid],
            "opa": children(service.process.pid, "placet-opa"),
        }
        _require_allowed(drive(placet, _reviews("warm", warm, WARM // IMAGES), CALLERS))
        # Asked a few times: what is to be repeated is learnt after its answer, not before it.
        _require_allowed(drive(placet, _reviews("known", same, WARM), CALLERS))
        drive(smallest, _reviews("warm", warm, WARM // IMAGES), CALLERS)
        runs = {
            "judged": measured(placet, _reviews("judged", fresh, judged), CALLERS, **who),
            "repeated": measured(placet, _reviews("again", same, repeated), CALLERS, **who),
            "smallest": measured(smallest, _reviews("any", same, repeated), CALLERS, server=[peer], opa=[]),
        }
    for _, load in runs.values():
        _require_allowed(load)
    return {name: figures for name, (figures, _) in runs.items()}


def _reviews(name: str, models: Sequence[str], count: int) -> list[bytes]:
    """Reviews of three models each; from the beginning again when there are no more."""
    groups = [models[start : start + IMAGES] for start in range(0, len(models), IMAGES)]
    return [review(f"{name}-{number}", groups[number % len(groups)]) for number in range(count)]


def _require_allowed(load: Load) -> None:
    for told in load.documents():
        if told["response"]["allowed"] is not True:
            sys.exit(f"not admitted, so something else was measured: {told['response']}")


def cells(name: str, figures: Figures, peer: Figures) -> list[str]:
    """A line of the table."""
    return [
        name,
        f"{figures.rate:,.0f}",
        f"{figures.rate / peer.rate:.2f}",
        figures.latencies(),
        figures.shares(),
    ]


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few of each; shows that it runs, not how fast")
    quick = parser.parse_args(arguments).quick
    judged, repeated, rounds = (16, 200, 1) if quick else (80, 5000, 3)
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
        folder = Path(name)
        certified = Certified.make(folder / "tls")
        project = make_project(folder / "project", WARM + IMAGES * judged, 0, SETTINGS)
        taken = [one_round(project, certified, judged, repeated) for _ in range(rounds)]
    middle = {name: Figures.middle([figures[name] for figures in taken]) for name in NAMES}
    head = ["", "answers/s", ": smallest", "p50 / p99, ms", "CPU, ms: client / server / OPA"]
    print(table(head, [cells(name, middle[name], middle["smallest"]) for name in NAMES]))
    got = middle["repeated"]
    verdict = "ok" if got.rate >= RATE and got.most <= LATE else "over"
    print(f"\nrepeated: aim {RATE:,}/s and p99 {LATE:.0f} ms on two quiet cores: {verdict}")
    print(f"{CALLERS} callers, {IMAGES} images, medians of {rounds} rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
