"""Real bundles mutated many times: refused with a code, or what was signed and no more.

    python -m tests.campaigns.mutations [--mutants 200000] [--seed 1]

Exits 1 when something else than a refusal was raised, when an answer says what nobody signed, or when a refusal has no
code or no hint. Every mutant follows from the seed and its number, and the first wrong ones are printed with both.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.mutated import Subjects
from tests.mutations import mutate
from tests.vectors import vectors_dir


@dataclass(slots=True)
class Mutants:
    """What became of mutants: by way, how many were refused and how many taken; by code; and the wrong ones."""

    seed: int
    made: int = 0
    seconds: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The result for people."""
        taken = self.made - self.codes.total() - len(self.wrong)
        head = (
            f"mutants: {self.made:,} made, {self.codes.total():,} refused by {len(self.codes)} codes, "
            f"{taken:,} taken as what was signed, {len(self.wrong)} wrong"
        )
        lines = [f"{head}, seed {self.seed}, {self.seconds:.0f} s"]
        ways = sorted({*self.refused, *self.taken})
        lines += [f"  {way:<18} {self.refused[way]:>9,} refused {self.taken[way]:>9,} taken" for way in ways]
        lines += [f"  {code:<28} {number:>9,}" for code, number in self.codes.most_common()]
        return "\n".join([*lines, *(f"  WRONG {line}" for line in self.wrong[:10])])


def run(mutants: int, seed: int, subjects: Subjects) -> Mutants:
    """Make so many, one after the other from each subject."""
    found, names, began = Mutants(seed), sorted(subjects.raws), time.monotonic()
    for number in range(mutants):
        choose = random.Random(f"{seed} {number}")
        name, donor = names[number % len(names)], choose.choice(names)
        raw, how = mutate(subjects.raws[name], subjects.raws[donor], choose)
        found.made += 1
        try:
            code = subjects.hold(name, raw, how)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            found.wrong.append(f"{name}, number {number}: {type(error).__name__}: {str(error)[:300]}")
            continue
        found.codes.update([code] if code else [])
        (found.refused if code else found.taken).update(set(how))
    found.seconds = time.monotonic() - began
    return found


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its table; 1 when anything that must hold did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutants", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args(arguments)
    found = run(given.mutants, given.seed, Subjects.of(vectors_dir()))
    sys.stdout.write(f"{found.table()}\n{'FAILED' if found.wrong else 'PASSED'}\n")
    return int(bool(found.wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
