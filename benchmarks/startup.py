"""How fast `placet` starts: `placet --help` and `placet version`, whole processes, next to `python -c 'import click'`.

    python benchmarks/startup.py [--quick]

The three take turns. The limit is twice the time of `import click`.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._timing import PLACET, PYTHON, Command, table, take_turns, within

LIMIT = 2.0
COMMANDS = (
    Command("python -c 'import click'", (PYTHON, "-c", "import click")),
    Command("placet --help", (PLACET, "--help")),
    Command("placet version", (PLACET, "version")),
)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds; shows that it runs, not how fast")
    rounds = 3 if parser.parse_args(arguments).quick else 31
    spreads = take_turns(rounds, COMMANDS)
    rows = [
        [command.name, *spread.cells(), within(spread.middle / spreads[0].middle, LIMIT)]
        for command, spread in zip(COMMANDS, spreads, strict=True)
    ]
    rows[0][-1] = "1"
    print(table(["ms", "min", "median", "max", f": import click (limit {LIMIT})"], rows))
    print(f"\nPython {platform.python_version()}, {rounds} rounds, compiled modules cached")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
