"""What a campaign counted: each answer against its expectation, each acknowledgement against the log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from placet_api.project import open_project
from placet_api.wiring import open_house
from placet_engine.errors import LogError
from placet_engine.log.log import DecisionLog
from tests.campaigns.cases import Case
from tests.campaigns.deciding import environment

REQUEST: Final = "request"
"""The member of a request's context that holds its number, so that the log tells which request an entry answers."""

# How a gate may say that it could not judge while its OPA is being killed. Any other error is a fault of its own.
_UNAVAILABLE = frozenset({"opa.unreachable", "opa.timeout"})


@dataclass(slots=True)
class Tally:
    """Counts, and the details of everything that must not be."""

    cases: Mapping[int, Case]
    right: Counter[str] = field(default_factory=Counter)
    unavailable: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    unacknowledged: int = 0
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    survivors: int = 0
    verify: tuple[int, str] = (-1, "not run")

    @property
    def passed(self) -> bool:
        """Whether everything that must hold did."""
        return not self.wrong and not self.lost and not self.survivors and self.verify[0] == 0

    def decided(self, number: int, answer: Mapping[str, Any]) -> None:
        """An acknowledged answer."""
        self.acknowledged[number] = answer
        self._compare(number, answer)

    def unanswered(self, why: str) -> None:
        """A request that got no decision."""
        self.unavailable[why] += 1

    def _compare(self, number: int, answer: Mapping[str, Any]) -> None:
        case, verdict, reasons = self.cases[number], answer["verdict"], frozenset(answer["reasons"])
        if verdict == "deny" and answer["cause"] == "error" and reasons <= _UNAVAILABLE:
            self.unavailable[", ".join(sorted(reasons))] += 1
        elif (verdict == "allow") == case.allowed and answer["cause"] == "policy" and reasons == case.reasons:
            self.right[verdict] += 1
        else:
            expected = "allow" if case.allowed else f"deny for {', '.join(sorted(case.reasons))}"
            self.wrong.append(
                f"request {number} ({case.name}): expected {expected}, got {json.dumps(dict(answer))}"
            )

    def audit(self, project: Path, folder: Path) -> None:
        """Hold the log to what was acknowledged and expected, entry by entry, then let `placet log verify` look."""
        with open_house(open_project(project, {}, {})) as house:
            logged = dict(_logged(house.reading_log))
        for number, answer in self.acknowledged.items():
            found = logged.get(number)
            if found != (answer["index"], answer["id"], answer["verdict"]):
                self.lost.append(
                    f"request {number}: acknowledged {json.dumps(dict(answer))}, the log has {found}"
                )
        for number in logged.keys() - self.acknowledged.keys():
            self.unacknowledged += 1
            if logged[number][2] == "allow" and not self.cases[number].allowed:
                self.wrong.append(
                    f"request {number} ({self.cases[number].name}): the log has an allow that is none"
                )
        ended = subprocess.run(
            [sys.executable, "-m", "placet", "log", "verify"],
            cwd=project,
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
        self.verify = (ended.returncode, (ended.stdout or ended.stderr).strip())

    def table(self, title: str, seconds: float) -> str:
        """The result for people."""
        asked, kills = len(self.cases), self.kills
        rows = [
            (
                "decisions asked for",
                f"{asked:,}  ({sum(case.allowed for case in self.cases.values()):,} to allow)",
            ),
            ("answered as expected", f"{self.right.total():,}  ({_list(self.right)})"),
            ("wrong", f"{len(self.wrong)}"),
            ("unavailable", f"{self.unavailable.total()}  ({_list(self.unavailable)})"),
            ("acknowledged", f"{len(self.acknowledged):,}"),
            ("acknowledged but not in the log", f"{len(self.lost)}"),
            ("in the log, killed before the answer", f"{self.unacknowledged}"),
            ("kills", _list(kills)),
            ("OPA children left over", f"{self.survivors}"),
            ("placet log verify", f"exit {self.verify[0]}: {self.verify[1]}"),
            ("time", f"{seconds:.0f} s"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [title, *(f"  {name:<{width}}  {value}" for name, value in rows)]
        return "\n".join(
            [*lines, *(f"  WRONG {text}" for text in self.wrong), *(f"  LOST {text}" for text in self.lost)]
        )


def _logged(log: DecisionLog) -> Iterator[tuple[int, tuple[int, str, str]]]:
    """Request number -> index, id and verdict of every decision of the campaign that is proved under the log's key."""
    for index in range(log.head().size):
        try:
            document = json.loads(log.payload(index, "decision").data)
        except LogError as error:
            if error.code != "log.not_found":  # the arrival of evidence has no decision
                raise
            continue
        if REQUEST in document["context"]:
            yield int(document["context"][REQUEST]), (index, document["id"], document["verdict"])


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"
