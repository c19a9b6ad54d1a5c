"""The deciding process: one house, one request after the other, each acknowledged only when `decide` has returned.

    python -m tests.campaigns.worker PROJECT        a request a line on standard input, events on standard output

Events are JSON, one a line: `ready` once OPA answers; for each request `asking` and `answered` around the question to
OPA (so that whoever kills knows what is under way), then `decided`, or `refused` when the log could not be written.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from placet_api.project import open_project
from placet_api.signing import signer_named
from placet_api.wiring import House, open_house
from placet_attestations.requests import sign_request
from placet_engine.errors import LogError
from placet_engine.evaluate import Evaluator, GateRequest
from placet_engine.policy.port import Answer, PolicyEngine

_START: Final = 60.0  # seconds that OPA may take to get ready


@dataclass(frozen=True, slots=True)
class Telling:
    """A `PolicyEngine` that says when it asks and when it has been answered."""

    engine: PolicyEngine

    @property
    def revision(self) -> str:
        return self.engine.revision

    def ask(self, input: bytes, *, timeout: float) -> Answer:
        tell("asking")
        answer = self.engine.ask(input, timeout=timeout)
        tell("answered")
        return answer

    def close(self) -> None:
        self.engine.close()


def tell(event: str, **facts: Any) -> None:
    """One event, in one write: a killed process leaves whole lines."""
    os.write(sys.stdout.fileno(), json.dumps({"event": event, **facts}).encode() + b"\n")


def main(folder: Path) -> int:
    """Decide until standard input ends."""
    with open_house(open_project(folder, {}, {})) as house:
        house.engine.wait_ready(_START)
        evaluator = replace(house.evaluator, engine=Telling(house.engine))
        tell("ready")
        for line in sys.stdin:
            _answer(house, evaluator, json.loads(line))
    return 0


def _answer(house: House, evaluator: Evaluator, asked: Mapping[str, Any]) -> None:
    subject = house.resolve(asked["artifact"], reading=False).digest
    gate, context, actor = asked["gate"], asked["context"], asked["actor"]
    signed = None
    if actor is not None:
        signer = signer_named(house.project, actor)
        signed = sign_request(signer, gate=gate, subject=subject, context=context, now=house.clock())
    try:
        decided = evaluator.decide(GateRequest(gate, subject, context, signed))
    except LogError as error:
        tell("refused", code=error.code)
        return
    decision = decided.decision
    tell(
        "decided",
        id=decision.id,
        index=decided.index,
        verdict=decision.verdict,
        cause=decision.cause,
        reasons=decision.reasons,
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
