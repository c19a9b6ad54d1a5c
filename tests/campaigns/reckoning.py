"""What the campaign at the doors counted: each answer against its expectation, each acknowledgement against the log."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from placet_api.log_key import PUBLIC_KEY
from placet_api.project import open_project
from placet_api.wiring import open_house
from placet_attestations.digests import Digest
from placet_engine.errors import EngineError, LogError
from placet_engine.log.keyfile import load_verifier
from placet_engine.log.log import DecisionLog
from placet_engine.log.receipt import check_receipt
from tests.campaigns.cases import Case
from tests.campaigns.deciding import environment
from tests.campaigns.tally import REQUEST
from tests.campaigns.trusts import Generations

# How a service may say that it cannot judge or log while its parts are being killed. Anything else is a fault.
CLOSED: Final = frozenset(
    {"opa.unreachable", "opa.timeout", "http.closing", "http.overloaded", "log.unwritable", "store.busy"}
)
REVOKED: Final = frozenset({"lineage.not_revoked"})


@dataclass(frozen=True, slots=True)
class Question:
    """One question. The right answer of a `switched` one follows from the trust that judged it."""

    case: Case
    subject: Digest
    switched: bool = False

    def reasons(self, generation: int) -> frozenset[str]:
        """The codes that must deny under this generation of trust; none when it must be allowed."""
        return REVOKED if self.switched and Generations.revokes(generation) else self.case.reasons


@dataclass(slots=True)
class Reckoning:
    """Counts, and the details of everything that must not be. `answered` may be called from several threads."""

    questions: Sequence[Question]
    generations: Generations
    right: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)
    judged_by: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unacknowledged: int = 0
    receipts: int = 0
    survivors: int = 0
    verify: tuple[int, str] = (-1, "not run")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def passed(self) -> bool:
        """Whether everything that must hold did."""
        whole = self.receipts == len(self.acknowledged) and self.verify[0] == 0
        return whole and not self.wrong and not self.lost and not self.survivors

    def answered(self, number: int, status: int, told: Mapping[str, Any], least: int) -> bool:
        """One answer; whether it settles the question, or that has to be asked again.

        `least` is the generation of trust that was known to rule when the question was sent.
        """
        with self._lock:
            if status != 200:
                return self._refused(number, status, str(told.get("code")))
            decision = told["decision"]
            self.acknowledged[decision["id"]] = (number, told)
            return self._compare(number, decision, least)

    def unheard(self, why: str) -> None:
        """A question that got no answer."""
        with self._lock:
            self.closed[why] += 1

    def _refused(self, number: int, status: int, code: str) -> bool:
        if status == 503 and code in CLOSED:
            self.closed[f"503 {code}"] += 1
            return False
        self.wrong.append(f"{self._named(number)}: refused with {status} {code}")
        return True

    def _compare(self, number: int, decision: Mapping[str, Any], least: int) -> bool:
        reasons, verdict, cause = codes(decision), decision["verdict"], decision["cause"]
        if verdict == "deny" and cause == "error" and reasons <= CLOSED:
            self.closed[f"deny {', '.join(sorted(reasons))}"] += 1
            return False
        generation = self.generations.of(decision["anchors"]["trust"])
        if generation is None or generation < least:
            self.wrong.append(f"{self._named(number)}: judged by trust {generation}, at least {least} ruled")
            return True
        expected = self.questions[number].reasons(generation)
        if cause == "policy" and (verdict == "allow") == (not expected) and reasons == expected:
            self.right[verdict] += 1
            self.judged_by[generation] += 1
        else:
            told = f"{verdict} for {sorted(reasons)} ({cause})"
            self.wrong.append(f"{self._named(number)}: expected {sorted(expected) or 'allow'}, got {told}")
        return True

    def _named(self, number: int) -> str:
        return f"question {number} ({self.questions[number].case.name})"

    def audit(self, project: Path, folder: Path) -> None:
        """Hold the log and the receipts to what was acknowledged, then let `placet log verify` look."""
        with open_house(open_project(project, {}, {})) as house:
            logged = _logged(house.reading_log)
        verifier = load_verifier(project / PUBLIC_KEY)
        for name, (number, told) in self.acknowledged.items():
            document = logged.get(name)
            if document != (told["entry"], told["decision"]):
                self.lost.append(
                    f"{self._named(number)}: {told['decision']['verdict']} {name}, the log has {document}"
                )
            try:
                checked = check_receipt(told["receipt"].encode(), verifier)
            except EngineError as error:
                self.lost.append(f"{self._named(number)}: its receipt does not check: {error}")
                continue
            self.receipts += (checked.index, checked.decision) == (told["entry"], told["decision"])
        self._unheard_of(logged)
        ran = [sys.executable, "-m", "placet", "log", "verify"]
        ended = subprocess.run(
            ran, cwd=project, env=environment(folder), capture_output=True, text=True, check=False
        )
        self.verify = (ended.returncode, (ended.stdout or ended.stderr).strip())

    def _unheard_of(self, logged: Mapping[str, tuple[int, Mapping[str, Any]]]) -> None:
        """What the log has and nobody was told: an allow among it must be a right one, too."""
        for name in logged.keys() - self.acknowledged.keys():
            _, decision = logged[name]
            self.unacknowledged += 1
            number = int(decision["context"][REQUEST])
            generation = self.generations.of(decision["anchors"]["trust"])
            if decision["verdict"] == "allow" and (
                generation is None or self.questions[number].reasons(generation)
            ):
                self.wrong.append(f"{self._named(number)}: the log has an allow that is none")

    def table(self, title: str, seconds: float) -> str:
        """The result for people."""
        third = sum(question.switched for question in self.questions)
        to_allow = sum(question.case.allowed and not question.switched for question in self.questions)
        asked = len(self.questions)
        rows = [
            (
                "questions",
                f"{asked:,}  (allow {to_allow:,}, deny {asked - to_allow - third:,}, third {third:,})",
            ),
            ("answered as expected", f"{self.right.total():,}  ({_listed(self.right)})"),
            ("judged by trust of generation", _listed(self.judged_by)),
            ("wrong", f"{len(self.wrong)}"),
            ("closed, and asked again", f"{self.closed.total():,}  ({_listed(self.closed)})"),
            ("decisions that callers hold", f"{len(self.acknowledged):,}"),
            ("held but lost", f"{len(self.lost)}"),
            ("receipts that check offline", f"{self.receipts:,}"),
            ("in the log, killed before the answer", f"{self.unacknowledged}"),
            ("blows", _listed(self.struck)),
            ("OPA children left over", f"{self.survivors}"),
            ("placet log verify", f"exit {self.verify[0]}: {self.verify[1]}"),
            ("time", f"{seconds:.0f} s"),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [title, *(f"  {name:<{width}}  {value}" for name, value in rows)]
        details = (*(f"  WRONG {text}" for text in self.wrong), *(f"  LOST {text}" for text in self.lost))
        return "\n".join([*lines, *details[:50]])


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def codes(decision: Mapping[str, Any]) -> frozenset[str]:
    """The codes that denied, as the decision's document tells them."""
    if decision["cause"] == "error":
        return frozenset({decision["error"]["code"]})
    return frozenset(check["code"] for check in decision["checks"] if check["status"] in ("fail", "skipped"))


def _logged(log: DecisionLog) -> dict[str, tuple[int, Mapping[str, Any]]]:
    """Entry and document of every decision of the campaign by its id, proved under the log's key."""
    found: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for index in range(log.head().size):
        try:
            document = json.loads(log.payload(index, "decision").data)
        except LogError as error:
            if error.code != "log.not_found":  # evidence and reloads have no decision
                raise
            continue
        if REQUEST in document["context"]:
            found[document["id"]] = (index, document)
    return found
