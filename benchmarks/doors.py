"""Decisions over HTTP, logged, by a real `placet serve`, next to the same OPA that answers the same inputs directly.

    python benchmarks/doors.py [--quick]

In turns, at 1, 8 and 32 callers on kept connections, each round with a service that was just started:

- distinct: models that this service was never asked about, so that none of its memories helps;
- OPA alone: the inputs of those very decisions, as the log keeps them, sent to another OPA of the same bundle, flags
  and variables over its unix socket;
- repeated: the distinct ones once more.

The rates' ratio to OPA alone is the result, the aim is 0.6. On top of OPA's answer a decision is authentication, the
walk through the lineage and its signatures, two hashes, a durable append, its proof and the receipt.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import _load
from benchmarks._figures import Figures, measured
from benchmarks._load import drive, get, post
from benchmarks._processes import children
from benchmarks._project import SIZES, Place, make_project, serving_unbounded
from benchmarks._timing import table
from placet_api.project import open_project
from placet_api.wiring import open_house
from placet_engine.policy.opa import ENTRYPOINT, QUERY
from placet_engine.policy.process import OpaProcess, Recipe, socket_folder
from tests.api.http.serving import Serving

AIM = 0.6
GATE = "promote/production"
WARM = 24
# callers -> distinct decisions a round
LEVELS = {1: 80, 8: 240, 32: 320}
QUICK = {1: 8, 8: 16, 32: 32}
_STARTING = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Row:
    """One number of callers."""

    callers: int
    alone: Figures
    distinct: Figures
    repeated: Figures


@contextmanager
def opa_alone(project: Path) -> Iterator[OpaProcess]:
    """Another OPA as the service starts it, ready."""
    with open_house(open_project(project, {}, {})) as house:
        assert house.binary is not None
        recipe = Recipe(house.binary.path, house.policy_set.archive, socket_folder(None))
    process = recipe.start()
    try:
        until = time.monotonic() + _STARTING
        while not _ready(process):
            if time.monotonic() > until:
                sys.exit(f"OPA does not get ready: {process.words()}")
            time.sleep(0.01)
        yield process
    finally:
        process.end()


def _ready(process: OpaProcess) -> bool:
    try:
        health = drive(_load.Place(process.socket), [get("/health?bundles=true", {})], 1)
    except OSError:
        return False
    return health.answers[0].startswith(b"HTTP/1.1 200 ")


def one_round(project: Place, levels: dict[int, int]) -> list[Row]:
    """Every number of callers once, with a fresh service and a fresh OPA."""
    models = iter(project.models)
    with opa_alone(project.folder) as opa, serving_unbounded(project) as service:
        asked = _questions(project, [next(models) for _ in range(WARM)])
        inputs = _inputs(project, service, drive(_place(service), asked, 8))
        drive(_load.Place(opa.socket), inputs, 8)
        return [
            level(project, service, opa, callers, [next(models) for _ in range(count)])
            for callers, count in levels.items()
        ]


def level(project: Place, service: Serving, opa: OpaProcess, callers: int, models: Sequence[str]) -> Row:
    """Distinct, OPA alone, repeated. Fails unless all three said allow."""
    asked = _questions(project, models)
    who = {"server": [service.process.pid], "opa": children(service.process.pid, "placet-opa")}
    distinct, load = measured(_place(service), asked, callers, **who)
    inputs = _inputs(project, service, load)
    alone, said = measured(_load.Place(opa.socket), inputs, callers, server=[], opa=[opa.pid])
    repeated, again = measured(_place(service), asked, callers, **who)
    verdicts = {
        *(told["decision"]["verdict"] for told in (*load.documents(), *again.documents())),
        *(told["result"]["verdict"] for told in said.documents()),
    }
    if verdicts != {"allow"}:
        sys.exit(f"the answers are {verdicts}: something else was measured")
    return Row(callers, alone, distinct, repeated)


def _questions(project: Place, models: Sequence[str]) -> list[bytes]:
    bodies = ({"gate": GATE, "subject": {"digest": model}, "context": {}} for model in models)
    return [post("/v1/decisions", json.dumps(body).encode(), project.headers) for body in bodies]


def _inputs(project: Place, service: Serving, load: _load.Load) -> list[bytes]:
    """What OPA was asked for these decisions, as questions to OPA."""
    ids = [told["decision"]["id"] for told in load.documents()]
    held = drive(
        _place(service), [get(f"/v1/decisions/{name}/input", project.headers) for name in ids], 4
    ).bodies()
    return [post(f"/v1/data/{ENTRYPOINT}?{QUERY}", b'{"input":' + facts + b"}") for facts in held]


def _place(service: Serving) -> _load.Place:
    return _load.Place(("127.0.0.1", service.port))


def say(title: str, rounds: Sequence[Sequence[Row]]) -> None:
    """Both tables of one size of facts, medians over the rounds."""
    rows = [
        Row(same[0].callers, *(Figures.middle([getattr(row, name) for row in same]) for name in NAMES))
        for same in zip(*rounds, strict=True)
    ]
    print(f"\n{title}\n")
    head = ["callers", "OPA alone, /s", "distinct, /s", ": OPA", "repeated, /s", ": OPA", *_MS]
    print(table(head, [_cells(row) for row in rows]))
    print("\nCPU of one decision, ms: client / server / OPA\n")
    shares = [[str(row.callers), *(getattr(row, name).shares() for name in NAMES)] for row in rows]
    print(table(["callers", "OPA alone", "distinct", "repeated"], shares))


NAMES = ("alone", "distinct", "repeated")
_MS = ["OPA p50 / p99, ms", "distinct p50 / p99, ms"]


def _cells(row: Row) -> list[str]:
    alone, distinct, repeated = row.alone, row.distinct, row.repeated
    return [
        str(row.callers),
        f"{alone.rate:.0f}",
        f"{distinct.rate:.0f}",
        f"{distinct.rate / alone.rate:.2f}",
        f"{repeated.rate:.0f}",
        f"{repeated.rate / alone.rate:.2f}",
        alone.latencies(),
        distinct.latencies(),
    ]


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few of each; shows that it runs, not how fast")
    quick = parser.parse_args(arguments).quick
    levels, count = (QUICK, 1) if quick else (LEVELS, 3)
    for size, further in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
            project = make_project(Path(name) / "project", WARM + sum(levels.values()), further)
            rounds = [one_round(project, levels) for _ in range(count)]
        say(f"Facts of {size} size:", rounds)
    print(f"\naim {AIM} of OPA alone; medians of {count} rounds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
