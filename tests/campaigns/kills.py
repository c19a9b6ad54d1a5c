"""A loop of gate decisions while OPA and the deciding process are killed: nothing wrong, nothing lost.

    python -m tests.campaigns.kills --decisions 2000 --opa-kills 20 --process-kills 20 [--seed N]

A child process decides (`worker`); this process asks it, knows the right answer to each question, and kills -9 now
OPA, now the deciding process, at random moments of a request: while its lineage is walked, while OPA judges, while the
decision is being appended to the log. At the end it reads the log. Exits 1 when any answer was wrong, any acknowledged
decision is not in the log as it was acknowledged, an OPA was left over, or the log does not verify.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

from tests.campaigns.cases import GATE, Case, make_project
from tests.campaigns.deciding import Deciding, HangsError, gone
from tests.campaigns.tally import REQUEST, Tally

Victim = Literal["opa", "process"]
Moment = Literal["anywhere", "judging", "appending"]

# When each victim is struck. A kill in an append is the one that could lose a decision, so it is drawn most often.
_MOMENTS: Final[Mapping[Victim, tuple[Moment, ...]]] = {
    "opa": ("anywhere", "judging", "judging"),
    "process": ("anywhere", "judging", "appending", "appending", "appending"),
}
_LATER: Final = (
    1.2  # strike up to this share of the usual time, so that some kills come right after the answer
)
_DEATH: Final = 5.0  # seconds that an orphaned OPA may take to end; the kernel takes milliseconds


@dataclass(frozen=True, slots=True)
class Kill:
    """Strike `victim` in this phase of a request, after `share` of the time that the phase usually takes."""

    victim: Victim
    moment: Moment
    share: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked in which order, and at which requests somebody is killed; all of it follows from the seed."""

    cases: Mapping[int, Case]
    kills: Mapping[int, Kill]

    @classmethod
    def draw(cls, cases: Sequence[Case], decisions: int, opa: int, process: int, seed: int) -> Plan:
        """Half of the requests are expected to allow; no two kills at one request."""
        chance = random.Random(seed)
        allowed = [case for case in cases if case.allowed]
        denied = [case for case in cases if not case.allowed]
        order = [chance.choice(allowed if number % 2 else denied) for number in range(decisions)]
        chance.shuffle(order)
        victims: list[Victim] = [*["opa"] * opa, *["process"] * process]  # type: ignore[list-item]
        struck = chance.sample(range(decisions), len(victims))
        kills = {
            number: Kill(victim, chance.choice(_MOMENTS[victim]), chance.uniform(0, _LATER))
            for number, victim in zip(struck, victims, strict=True)
        }
        return cls(dict(enumerate(order)), kills)


class Campaign:
    """Asks, compares and kills, one request at a time."""

    def __init__(self, plan: Plan, project: Path, folder: Path) -> None:
        self.tally = Tally(plan.cases)
        self._plan = plan
        self._project = project
        self._folder = folder
        self._usual: dict[Moment, deque[float]] = {
            "anywhere": deque([0.015], 50),
            "judging": deque([0.008], 50),
            "appending": deque([0.005], 50),
        }
        self._deciding = self._start()

    def run(self) -> Tally:
        """All requests, then the end of every process, then the audit. Raises HangsError."""
        try:
            for number in self._plan.cases:
                self._request(number)
        finally:
            code = self._deciding.end()
        self.tally.survivors += not gone(self._folder, _DEATH)
        if code != 0:
            self.tally.wrong.append(f"the deciding process ended with {code}")
        self.tally.audit(self._project, self._folder)
        return self.tally

    def _start(self) -> Deciding:
        deciding = Deciding(self._project, self._folder)
        event = deciding.next()
        if event["event"] != "ready":
            deciding.end()
            raise HangsError(f"the deciding process did not start: {event}")
        return deciding

    def _request(self, number: int) -> None:
        case, kill = self._plan.cases[number], self._plan.kills.get(number)
        began = since = time.monotonic()
        self._deciding.ask(_question(number, case))
        strike = self._when(kill, "anywhere", since)
        while True:
            event = self._deciding.event(strike) if strike is not None else self._deciding.next()
            now = time.monotonic()
            if event is None:
                assert kill is not None
                strike = None
                if self._strike(kill, "during a request"):
                    return self._bury(number)
                continue
            match event["event"]:
                case "asking":
                    since, strike = now, strike or self._when(kill, "judging", now)
                case "answered":
                    self._usual["judging"].append(now - since)
                    since, strike = now, strike or self._when(kill, "appending", now)
                case "decided" | "refused":
                    self._usual["appending"].append(now - since)
                    self._usual["anywhere"].append(now - began)
                    self._count(number, event)
                    if strike is not None and kill is not None and self._strike(kill, "after an answer"):
                        self._restart()
                    return None
                case _:
                    raise HangsError(
                        f"the deciding process ended by itself at request {number} ({case.name})"
                    )

    def _when(self, kill: Kill | None, moment: Moment, now: float) -> float | None:
        """The time to strike, when this is the moment that the kill waits for."""
        if kill is None or kill.moment != moment:
            return None
        return now + kill.share * median(self._usual[moment])

    def _strike(self, kill: Kill, when: str) -> bool:
        """Kill; True when it was the deciding process."""
        if kill.victim == "process":
            self._deciding.kill()
            self.tally.kills[f"process {_while(kill, when)}"] += 1
            return True
        struck = self._deciding.kill_opa()
        self.tally.kills[f"OPA {_while(kill, when)}" if struck else "OPA not there"] += 1
        return False

    def _bury(self, number: int) -> None:
        """After a kill in a request: what was said before it still counts."""
        while (event := self._deciding.next())["event"] != "ended":
            if event["event"] in ("decided", "refused"):
                self._count(number, event)
                break
        else:
            self.tally.unanswered("process killed")
        self._restart()

    def _restart(self) -> None:
        self._deciding.end()
        self.tally.survivors += not gone(self._folder, _DEATH)
        self._deciding = self._start()

    def _count(self, number: int, event: Mapping[str, Any]) -> None:
        if event["event"] == "decided":
            self.tally.decided(number, event)
        else:
            self.tally.unanswered(str(event["code"]))


def _question(number: int, case: Case) -> dict[str, Any]:
    return {
        "gate": GATE,
        "artifact": str(case.artifact),
        "actor": case.actor,
        "context": {**case.context, REQUEST: str(number)},
    }


def _while(kill: Kill, when: str) -> str:
    return kill.moment if when == "during a request" else when


def run(decisions: int, opa_kills: int, process_kills: int, seed: int) -> tuple[Tally, str]:
    """One campaign in a folder of its own; its tally and its table. Raises HangsError."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="placet-kills-") as name:
        folder = Path(name).resolve()
        _, cases = make_project(folder / "project")
        plan = Plan.draw(cases, decisions, opa_kills, process_kills, seed)
        tally = Campaign(plan, folder / "project", folder).run()
    title = f"kills: {opa_kills} of OPA and {process_kills} of the deciding process, seed {seed}"
    return tally, tally.table(title, time.monotonic() - began)


def main(arguments: Sequence[str]) -> int:
    """Run the campaign and print its table; 1 when anything that must hold did not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", type=int, default=2000)
    parser.add_argument("--opa-kills", type=int, default=20)
    parser.add_argument("--process-kills", type=int, default=20)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="default: drawn"
    )
    options = parser.parse_args(arguments)
    _say(f"seed {options.seed}")
    try:
        tally, table = run(options.decisions, options.opa_kills, options.process_kills, options.seed)
    except HangsError as error:
        _say(f"FAILED: {error}")
        return 1
    _say(f"{table}\n{'PASSED' if tally.passed else 'FAILED'}")
    return 0 if tally.passed else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
