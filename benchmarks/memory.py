"""Memory of a service and its OPA after many requests: nothing should grow.

    python benchmarks/memory.py [--quick]

Calls of all kinds at 8 callers: in each hundred 10 decisions, 10 reviews of Pods, 10 calls that are refused (an unknown
token, an unknown decision, a body that is none), and readings of evidence, lineage, decisions, proofs and pages. Memory
is what the processes hold for themselves (RssAnon), the least of five samples, a thousand requests apart. The aim: less
than 5 MB more after 100,000 than after 10,000.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import _load
from benchmarks._load import drive, get, post
from benchmarks._processes import children, resident
from benchmarks._project import Place, make_project
from benchmarks._timing import table
from benchmarks._webhooks import IMAGES, SETTINGS, Certified, placet_webhook, review

LIMIT = 5.0  # MB
MODELS = 30
CALLERS = 8
CHUNK, SAMPLES = 1000, 5
GATE = "promote/production"


@dataclass(frozen=True, slots=True)
class Held:
    """Megabytes after so many requests."""

    requests: int
    server: float
    opa: float

    @property
    def both(self) -> float:
        """Of the service as a whole."""
        return self.server + self.opa


@dataclass(frozen=True, slots=True)
class Mix:
    """A hundred requests of all kinds: those to the service, and those to the webhook."""

    calls: Sequence[bytes]
    reviews: Sequence[bytes]

    @property
    def size(self) -> int:
        """Requests of both."""
        return len(self.calls) + len(self.reviews)


def mix(project: Place, decision: str) -> Mix:
    """`decision` is one that the log holds."""
    models, headers = [str(model) for model in project.models], dict(project.headers)
    stranger = {"authorization": "Bearer placet_0123456789ab_" + "A" * 43}
    asked = [
        post("/v1/decisions", json.dumps({"gate": GATE, "subject": {"digest": model}}).encode(), headers)
        for model in models[:10]
    ]
    refused = [
        *(get("/v1/policies", stranger) for _ in range(4)),
        *(get("/v1/decisions/00000000", headers) for _ in range(3)),
        *(post("/v1/decisions", b"{", headers) for _ in range(3)),
    ]
    readings = [
        *(f"/v1/artifacts/{model}" for model in models[:20]),
        *(f"/v1/artifacts/{model}/lineage" for model in models[:20]),
        *(f"/v1/decisions?subject={model}" for model in models[:5]),
        *(f"/v1/decisions/{decision}{part}" for part in ("", "/proof", "/input") for _ in range(5)),
        *("/v1/decisions?limit=10", "/checkpoint", "/v1/policies", "/metrics", "/v1/policies/catalogue"),
        *("/decisions", f"/decisions/{decision}", "/catalogue", "/bundles/placet.tar.gz", "/openapi.json"),
    ]
    groups = [models[start : start + IMAGES] for start in range(0, MODELS, IMAGES)]
    reviews = [review(f"pod-{number}", group) for number, group in enumerate(groups)]
    return Mix([*asked, *refused, *(get(path, headers) for path in readings)], reviews)


def ask(project: Place, certified: Certified, marks: Sequence[int]) -> tuple[list[Held], Counter[str]]:
    """Memory at each mark, and how often each status came."""
    with placet_webhook(project, certified) as (service, port):
        here, hook = _load.Place(("127.0.0.1", service.port)), certified.place(port)
        first = json.dumps({"gate": GATE, "subject": {"digest": project.models[0]}}).encode()
        told = drive(here, [post("/v1/decisions", first, project.headers)], 1).documents()[0]
        asked = mix(project, told["decision"]["id"])
        held: list[Held] = []
        statuses: Counter[str] = Counter()
        done = 0
        for mark in marks:
            samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES)
            while done < mark:
                times = min(CHUNK, mark - done) // asked.size
                for place, requests in ((here, asked.calls), (hook, asked.reviews)):
                    load = drive(place, list(requests) * times, CALLERS)
                    statuses.update(answer[9:12].decode() for answer in load.answers)
                done += times * asked.size
                pid = service.process.pid
                samples.append((resident(pid), resident(*children(pid, "placet-opa"))))
            # The least of the last few: what collectors have not come to yet is not held.
            held.append(Held(done, *(min(column) / 1e6 for column in zip(*samples, strict=True))))
            print(f"after {done:,}: {held[-1].both:.1f} MB", file=sys.stderr, flush=True)
        return held, statuses


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="few requests; shows that it runs, not what grows"
    )
    quick = parser.parse_args(arguments).quick
    marks = (100, 1000) if quick else (1000, 10_000, 100_000)
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
        folder = Path(name)
        certified = Certified.make(folder / "tls")
        project = make_project(folder / "project", MODELS, 0, SETTINGS)
        held, statuses = ask(project, certified, marks)
    rows = [
        [f"{item.requests:,}", f"{item.server:.1f}", f"{item.opa:.1f}", f"{item.both:.1f}"] for item in held
    ]
    print(table(["requests", "service, MB", "OPA, MB", "both, MB"], rows))
    grown = held[-1].both - held[-2].both
    verdict = "too few to tell" if quick else "ok" if grown < LIMIT else "over"
    print(f"\n{grown:+.1f} MB from the last but one to the last, limit {LIMIT:.0f} MB: {verdict}")
    print(f"statuses: {', '.join(f'{status} {count:,}' for status, count in sorted(statuses.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
