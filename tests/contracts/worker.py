"""One of several processes on one project: it takes evidence in and decides, and says what was acknowledged.

    python -m tests.contracts.worker FOLDER NAME COUNT

Each line is a bundle's digest or a decision's id, printed once it is durable.
"""

from __future__ import annotations

import sys
from pathlib import Path

from placet_attestations.digests import Digest
from tests.builders import NOW
from tests.engine.houses import an_answer, evaluation, signed, sqlite_house, story
from tests.fakes.engine import FakeEngine


def main(folder: Path, name: str, count: int) -> None:
    """Take in an evaluation of its own and ask about the model, `count` times. Every allow uses the same approval."""
    house = sqlite_house(folder)
    house.clock.now = NOW
    approval = Digest.of(story_bytes(folder, "approval"))
    evaluator = house.evaluator(FakeEngine(lambda question: an_answer(question, reserve=[approval])))
    for number in range(count):
        suite = {"name": f"{name} {number}", "version": "1"}
        (taken,) = house.take(signed("measurement", "model", "evaluator", evaluation(suite=suite)))
        say(taken.digest)
        decided = evaluator.decide(house.request())
        assert decided.decision.allowed, decided.decision.reasons
        say(decided.decision.id)
    house.log.close()


def keep_story(folder: Path) -> None:
    """Write the bundles of the story: signatures are random, and all processes must mean the same ones."""
    for word, raw in story().items():
        (folder / f"{word}.json").write_bytes(raw)


def story_bytes(folder: Path, word: str) -> bytes:
    """A bundle that `keep_story` wrote."""
    return (folder / f"{word}.json").read_bytes()


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
