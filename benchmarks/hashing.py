"""Hashing: `placet_attestations.identify` next to `openssl dgst -sha256` on the same bytes, on one core.

    python benchmarks/hashing.py [--quick] [--folder DIR]

Both read from the page cache, in turns, pinned to the same core. openssl gets all files as arguments of one
process, whose start counts for it. identify walks the folder, opens each file without following links,
compares its stat before and after, and makes the manifest's digest, all of which openssl does not do. The
aim is 0.9 of openssl's rate.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from placet_attestations.trees import identify

KIB = 1024
MIB = 1024 * KIB
SMALL = 16 * KIB
IN_A_FOLDER = 500


def one_large(folder: Path, *, size: int) -> list[Path]:
    """One file of `size` bytes that no file system can compress much."""
    path = folder / "model.bin"
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    return [path]


def many_small(folder: Path, *, count: int) -> list[Path]:
    """`count` files of 16 KiB, each different, 500 in a folder."""
    paths = []
    for number in range(count):
        path = folder / f"part-{number // IN_A_FOLDER:03}" / f"sample-{number:06}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(SMALL))
        paths.append(path)
    return paths


def take_turns(rounds: int, *works: Callable[[], object]) -> tuple[float, ...]:
    """Median seconds of each, in turns, for a machine's speed drifts; a first round warms up."""
    taken = [[_seconds(work) for work in works] for _ in range(rounds + 1)]
    return tuple(median(column) for column in zip(*taken[1:], strict=True))


def compare(root: Path, paths: Sequence[Path], rounds: int) -> tuple[float, float]:
    """MiB a second of identify and of openssl."""
    command = [openssl(), "dgst", "-sha256", *map(str, paths)]
    ours, theirs = take_turns(
        rounds,
        partial(identify, root),
        partial(subprocess.run, command, stdout=subprocess.DEVNULL, check=True),
    )
    size = sum(path.stat().st_size for path in paths) / MIB
    return size / ours, size / theirs


def openssl() -> str:
    """The program to compare with; without it there is nothing to print."""
    found = shutil.which("openssl")
    if found is None:
        sys.exit("openssl is not on the PATH: there is nothing to compare with")
    return found


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| | placet, MiB/s | openssl dgst, MiB/s | placet : openssl |", "|---|---:|---:|---:|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def main(arguments: Sequence[str]) -> int:
    """Make the files, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="little data, one round; shows that it runs, not how fast"
    )
    parser.add_argument("--folder", type=Path, help="where the files are made (1 GiB)")
    options = parser.parse_args(arguments)
    rounds, size, count = (1, 32 * MIB, 500) if options.quick else (5, 1024 * MIB, 10_000)
    makers = {
        f"1 file of {size // MIB:,} MiB": partial(one_large, size=size),
        f"{count:,} files of {SMALL // KIB} KiB": partial(many_small, count=count),
    }
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # openssl inherits it
    rows = []
    for what, make in makers.items():
        with tempfile.TemporaryDirectory(prefix="placet-bench-", dir=options.folder) as name:
            ours, theirs = compare(Path(name), make(Path(name)), rounds)
        rows.append([what, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}"])
    print(table(rows))
    print(
        f"\nPython {platform.python_version()}, {_version()}, medians of {rounds}, one core, warm page cache"
    )
    return 0


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _version() -> str:
    done = subprocess.run([openssl(), "version"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:2])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
