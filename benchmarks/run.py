"""Run every benchmark and print the tables of benchmarks/README.md.

    python benchmarks/run.py [--quick] [--folder DIR]

Each is a script of its own, one after the other, so that none disturbs another; run them on a quiet machine. Fails when
one of them fails to run; a figure over its limit is printed as such and fails nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
# script -> (headline, whether it takes --folder)
BENCHMARKS = {
    "startup.py": ("Start of the command", False),
    "gate.py": ("One decision from a cold start", False),
    "log_append.py": ("Durable appends", True),
    "hashing.py": ("Hashing", True),
    "verifying.py": ("Verifying", False),
    "doors.py": ("Decisions over HTTP", False),
    "webhook.py": ("Admission reviews", False),
    "pod_creation.py": ("Creation of a Pod", False),
    "memory.py": ("Memory", False),
}


def main(arguments: Sequence[str]) -> int:
    """All of them; 1 when one did not run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="small and short; shows that all run, not how fast"
    )
    parser.add_argument(
        "--folder", type=Path, help="the disk for databases and files (1 GiB); default: temporary"
    )
    options = parser.parse_args(arguments)
    say(f"{machine()}\nload before: {load()}")
    failed = []
    for script, (title, on_disk) in BENCHMARKS.items():
        say(f"\n## {title}\n")
        command = [sys.executable, str(HERE / script), *(["--quick"] if options.quick else [])]
        if on_disk and options.folder is not None:
            command += ["--folder", str(options.folder)]
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(script)
    say(f"\nload after: {load()}")
    for script in failed:
        say(f"FAILED {script}")
    return 1 if failed else 0


def machine() -> str:
    """What the figures were measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def load() -> str:
    """Processes that wanted to run in the last minute: far from 0 before the start means noise."""
    return f"{os.getloadavg()[0]:.2f}"


def say(text: str) -> None:
    """A line, before whatever the next script prints."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
