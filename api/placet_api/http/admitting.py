"""The house behind the admission webhook: judges digests through the same evaluator as every door, and logs answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from placet_api.admission.port import Judged, Question, Ruling
from placet_api.http.service import Service
from placet_api.wiring import House
from placet_attestations.digests import Digest
from placet_attestations.requests import Actor
from placet_attestations.strictjson import dumps
from placet_engine.decision import Decision, uuid7
from placet_engine.evaluate import GateRequest
from placet_engine.log.entry import admission_draft, parse_leaf
from placet_engine.log.log import DecisionLog

_PAGE = 50


class HouseJudge:
    """`AdmissionJudge` over a running service. `actor` is who asks, as the listener knows it."""

    def __init__(self, service: Service, actor: str) -> None:
        self._service = service
        self._actor = Actor(actor, actor, ("kubernetes",))

    async def judge(self, question: Question) -> Ruling:
        """All digests, one after the other, in one place of the pool and under one ruling.

        So an object with many images takes no more room than any other, and the house is held by the thread that works
        in it, also when the caller has gone away.
        """
        return await self._service.pool.run(partial(self._all, question))

    async def note(self, record: Mapping[str, Any]) -> str:
        """One entry for the whole answer; its id."""
        now = self._service.clock()
        name = uuid7(now)
        told = {
            "environment": record["environment"],
            "dryRun": record["dryRun"],
            "code": record["code"],
            "decisions": record["decisions"],
            "policy": record["revision"],
        }
        verdict = "allow" if record["allowed"] else "deny"
        draft = admission_draft(name, now, verdict, told, dumps(dict(record)))
        await asyncio.wrap_future(self._service.house.log.submit(draft))
        return name

    def _all(self, question: Question) -> Ruling:
        with self._service.use() as house:
            results = tuple(self._one(house, question, digest) for digest in question.digests)
            return Ruling(results, house.policy_set.revision)

    def _one(self, house: House, question: Question, text: str) -> Judged:
        digest, environment = Digest.parse(text), question.environment
        known = not question.workload and was_admitted(house.log, environment, digest)
        gate = f"{'running' if known else 'deploy'}/{environment}"
        request = GateRequest(
            gate, digest, question.context, dry_run=question.dry_run, actor=self._actor, by=question.by
        )
        return _judged(house.evaluator.decide(request).decision)


def was_admitted(log: DecisionLog, environment: str, digest: Digest) -> bool:
    """Whether `deploy/ENV` allowed this digest before, as proved entries of the log say; dry runs admit nothing."""
    before: int | None = None
    while True:
        found = log.find(
            kind="decision",
            gate=f"deploy/{environment}",
            subject=digest,
            verdict="allow",
            before=before,
            limit=_PAGE,
        )
        for entry in found:
            leaf = parse_leaf(log.prove(entry.index).leaf)
            told = (leaf.get("type"), leaf.get("gate"), leaf.get("subject"), leaf.get("verdict"))
            if told == ("decision", f"deploy/{environment}", digest, "allow") and leaf.get("dryRun") is False:
                return True
        if len(found) < _PAGE:
            return False
        before = found[-1].index


def _judged(decision: Decision) -> Judged:
    reasons: list[tuple[str, str]] = []
    warnings: list[str] = []
    body = decision.body
    error, checks = body.get("error"), body.get("checks")
    if isinstance(error, Mapping):
        reasons.append((str(error["code"]), str(error["message"])))
    for check in checks if isinstance(checks, list) else ():
        if not isinstance(check, Mapping):
            continue
        words = str(check.get("message") or check.get("title"))
        if check.get("status") in ("fail", "skipped"):
            reasons.append((str(check["code"]), words))
        elif check.get("status") in ("warn", "waived"):
            warnings.append(f"{check['code']}: {words}")
    if decision.allowed:
        # A gate that only warns, or only tries out, allows what it would deny: the developer should hear it.
        warnings += [f"{code}: {words}" for code, words in reasons]
        reasons = []
    return Judged(
        digest=decision.subject,
        gate=decision.gate,
        verdict=decision.verdict,
        decision=decision.id,
        reasons=tuple(reasons),
        warnings=tuple(warnings),
    )
