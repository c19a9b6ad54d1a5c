"""Every bit of three sample bundles turned over: refused, or the very same answer; by the member it lies in.

    python -m tests.campaigns.flips [--every 8] [--only conda]

The samples: by a key of our own with a time stamp, by a certificate with a Rekor v1 log entry, by a certificate with a
Rekor v2 log entry and a time stamp. Exits 1 when an answer differs from the original's, or when a flip inside the
payload, the signature or the signer's key was taken.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.flips import ALWAYS_REFUSED, Count, Sample, flip_all, samples, table
from tests.vectors import vectors_dir


@dataclass(frozen=True, slots=True)
class Flipped:
    """What became of one sample's flips, by member; `wrong` are those of payload, signature and key that were taken."""

    name: str
    found: dict[str, Count]
    seconds: float

    @property
    def wrong(self) -> int:
        """How many flips were taken that must be refused."""
        return sum(self.found[member].equal for member in ALWAYS_REFUSED if member in self.found)

    def table(self) -> str:
        """The result for people: by member, with the codes of its refusals."""
        head, *lines = table(self.name, self.found)
        told = [
            f"{line}  ({', '.join(f'{code} {number:,}' for code, number in count.codes.most_common(4))})"
            for line, count in zip(lines, self.found.values(), strict=True)
        ]
        return "\n".join([f"{head}, {self.seconds:.0f} s", *told])


def run(sample: Sample, every: int = 1) -> Flipped:
    """Flip every bit of each `every`th byte."""
    began = time.monotonic()
    found = flip_all(sample, range(0, len(sample.raw), every))
    return Flipped(sample.name, found, time.monotonic() - began)


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its tables; 1 when anything that must hold did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="look at each so many-th byte")
    parser.add_argument("--only", default="", help="samples with this in their name")
    given = parser.parse_args(arguments)
    wrong = 0
    for sample in samples(vectors_dir() / "bundles"):
        if given.only in sample.name:
            flipped = run(sample, given.every)
            wrong += flipped.wrong
            sys.stdout.write(f"{flipped.table()}\n")
    sys.stdout.write("FAILED\n" if wrong else "PASSED\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
