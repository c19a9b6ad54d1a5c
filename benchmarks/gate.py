"""One decision from a cold start: `placet gate`, its own OPA included, next to `opa eval` of the same question.

    python benchmarks/gate.py [--quick]

The project is the quickstart's, made anew and stopped before its attacks: a real model, 8 signed statements, 28
checks. Both are whole processes and take turns; `opa eval` gets the bundle that `placet policy build` writes and the
very input that the log keeps of a decision. On top of it `placet gate` hashes the model and OPA's binary, verifies
every signature, walks the lineage, appends durably, proves the entry and writes the receipt. The third row is what of
that is Python loading the libraries it needs, and nothing else. The limit is half a second on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "examples" / "quickstart"), str(CHECKOUT)]

from benchmarks._timing import OPA, PLACET, PYTHON, SCRIPTS, Command, table, take_turns  # noqa: E402
from run import begin, judge, pipeline  # noqa: E402 - the quickstart's
from story import Story  # noqa: E402

LIMIT = 0.5  # seconds
GATE = "promote/production"
LIBRARIES = (
    "import aiohttp, click, cryptography.hazmat.primitives.serialization, jsonschema, opa_client, yaml"
)


def make_project(folder: Path) -> Path:
    """The quickstart up to its first allow; what it tells is not for this place."""
    story = Story(folder, SCRIPTS)
    with contextlib.redirect_stdout(io.StringIO()):
        project = begin(story)
        pipeline(story)
        judge(story)
    return project


def commands(project: Path) -> list[Command]:
    """The gate, and OPA alone with the gate's bundle and input."""
    gate = Command("placet gate", (PLACET, "gate", GATE, "model.joblib"), project)
    gate.run()
    newest = Command("placet log list", (PLACET, "log", "list", "--json", "--limit", "1"), project).run()
    decision = json.loads(newest)[0]["decision"]
    facts = Command("placet log show", (PLACET, "log", "show", decision, "--input"), project).run()
    (project / "input.json").write_bytes(facts)
    Command("placet policy build", (PLACET, "policy", "build", "--to", "bundle.tar.gz"), project).run()
    query = ("--format=raw", "--strict-builtin-errors", "--bundle=bundle.tar.gz", "--input=input.json")
    evaluate = Command("opa eval", (OPA, "eval", *query, "data.placet.main.decision"), project)
    verdict = json.loads(evaluate.run())["verdict"]
    if verdict != "allow":
        sys.exit(f"opa eval says {verdict}, the gate said allow: they were not asked the same")
    return [evaluate, gate, Command("the libraries alone", (PYTHON, "-c", LIBRARIES))]


def main(arguments: Sequence[str]) -> int:
    """Make the project, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds; shows that it runs, not how fast")
    rounds = 2 if parser.parse_args(arguments).quick else 21
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
        measured = commands(make_project(Path(name).resolve()))
        spreads = take_turns(rounds, measured)
        size = (measured[0].folder / "input.json").stat().st_size
    peer, whole = spreads[0].middle, spreads[1].middle
    rows = [
        [command.name, *spread.cells(), f"{spread.middle / peer:.1f}"]
        for command, spread in zip(measured, spreads, strict=True)
    ]
    print(table(["ms", "min", "median", "max", ": opa eval"], rows))
    verdict = "ok" if whole <= LIMIT else "over"
    print(f"\nplacet gate {whole:.2f} s, limit {LIMIT} s on a quiet machine: {verdict}")
    print(f"{rounds} rounds, {size / 1000:.1f} kB of facts")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
