"""The service under many callers while OPA and the service are killed and its trust changes: nothing wrong or lost.

    python -m tests.campaigns.doors --decisions 5000 --callers 32 --opa-kills 20 --server-kills 20 --reloads 5

A real `placet serve`; callers with kept connections ask questions whose right answer is known, half of them to allow.
This process kills -9 now OPA, now the service (and starts it again on the same store), and reloads a changed trust.yaml
that takes a third group of models away or gives it back; some kills strike while a reload is under way. Whoever got no
answer, or one that says that nothing could be judged, asks again.

Exits 1 when any answer was wrong, any decision that a caller holds is not in the log as it was told, any receipt does
not check offline, an OPA was left over, or the log does not verify.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from placet_attestations.digests import hash_file
from tests.api.projects import done, placet_environment
from tests.campaigns.asking import Callers, Place
from tests.campaigns.cases import Case, make_project
from tests.campaigns.doorkeeper import Doorkeeper, Strike
from tests.campaigns.reckoning import Question, Reckoning
from tests.campaigns.trusts import Generations

SWITCHED: Final = 2  # models of the third group
_THIRD: Final = 0.1  # share of the questions that are about it
_PATIENCE: Final = 120.0  # seconds without an answer after which the campaign gives up: something hangs


@dataclass(frozen=True, slots=True)
class Size:
    """How large a campaign is."""

    decisions: int
    callers: int
    opa_kills: int
    server_kills: int
    reloads: int
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens once `after` questions were answered. Those that follow `at_once` do not wait for it to end."""

    after: int
    strike: Strike
    at_once: Strike | None = None


def draw_questions(cases: Sequence[Case], decisions: int, chance: random.Random) -> list[Question]:
    """A tenth is about the third group; of the others half must be allowed. All of it follows from `chance`."""
    asked = [case for case in cases if case.actor is not None]  # over HTTP somebody always asks
    allowed = [case for case in asked if case.allowed]
    # The last models that were vouched for: nothing else is made from them.
    switched = [case for case in allowed if case.name == "vouched for"][-SWITCHED:]
    allowed = [case for case in allowed if case not in switched]
    denied = [case for case in asked if not case.allowed]
    found = []
    for number in range(decisions):
        third = chance.random() < _THIRD
        case = chance.choice(switched if third else allowed if number % 2 else denied)
        found.append(Question(case, hash_file(case.artifact)[0], third))
    chance.shuffle(found)
    return found


def draw_blows(size: Size, chance: random.Random) -> list[Blow]:
    """When what happens: a kill strikes during every other reload, the others are spread over the campaign."""
    kills: list[Strike] = [*["opa"] * size.opa_kills, *["server"] * size.server_kills]  # type: ignore[list-item]
    chance.shuffle(kills)
    during = [kills.pop() if number % 2 and kills else None for number in range(size.reloads)]
    blows: list[tuple[Strike, Strike | None]] = [("reload", kill) for kill in during]
    blows += [(kill, None) for kill in kills]
    chance.shuffle(blows)
    # Not in the last tenth: what happens there would be seen by nobody.
    moments = sorted(chance.randrange(1, max(2, size.decisions * 9 // 10)) for _ in blows)
    return [Blow(moment, *blow) for moment, blow in zip(moments, blows, strict=True)]


def run(size: Size, seed: int) -> tuple[Reckoning, str]:
    """One campaign in a folder of its own; its reckoning and its table."""
    began, chance = time.monotonic(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="placet-doors-") as name:
        folder = Path(name).resolve()
        project = folder / "project"
        with placet_environment(folder / "cache"):
            _, cases = make_project(project)
            reckoning = _campaign(project, folder, cases, size, chance)
    title = (
        f"doors: {size.callers} callers; {size.opa_kills} kills of OPA, {size.server_kills} of the server, "
        f"{size.reloads} reloads; {size.workers} workers; seed {seed}"
    )
    return reckoning, reckoning.table(title, time.monotonic() - began)


def _campaign(
    project: Path, folder: Path, cases: Sequence[Case], size: Size, chance: random.Random
) -> Reckoning:
    questions = draw_questions(cases, size.decisions, chance)
    switched = sorted({question.subject for question in questions if question.switched})
    reckoning = Reckoning(questions, Generations(project, switched))
    place = Place()
    callers = Callers(reckoning, place, _tokens(project))
    keeper = Doorkeeper(project, folder, reckoning, place, chance, size.workers)
    try:
        keeper.open()
        callers.start(size.callers)
        for blow in draw_blows(size, chance):
            if not callers.wait_until(blow.after, _PATIENCE):
                break
            keeper.strike(blow.strike, blow.at_once)
        if not callers.wait_until(size.decisions, _PATIENCE):
            reckoning.wrong.append(f"no answer in {_PATIENCE:.0f} s: {callers.done} questions were answered")
    finally:
        callers.end()
        keeper.close()
    reckoning.audit(project, folder)
    return reckoning


def _tokens(project: Path) -> dict[str, str]:
    return {
        actor: done("token", "new", f"{actor}@example.org", "--role", "gate", folder=project).out.strip()
        for actor in ("dev", "approver")
    }


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its table; 1 when anything that must hold did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("decisions", 5000), ("callers", 32), ("opa-kills", 20), ("server-kills", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--reloads", type=int, default=5)
    parser.add_argument(
        "--workers", type=int, default=1, help="of the service; some kills strike one of several"
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args(arguments)
    size = Size(
        given.decisions, given.callers, given.opa_kills, given.server_kills, given.reloads, given.workers
    )
    _say(f"seed {given.seed}")
    reckoning, table = run(size, given.seed)
    _say(f"{table}\n{'PASSED' if reckoning.passed else 'FAILED'}")
    return 0 if reckoning.passed else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
