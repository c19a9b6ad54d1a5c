"""The house behind the admission webhook: judges digests through the same evaluator as every door, and logs answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from placet_api.admission.port import Judged, Question, Ruling
from placet_api.errors import BusyError
from placet_api.http.durable import durable
from placet_api.http.repeating import Made, Repeats
from placet_api.http.service import Service
from placet_api.lookup import AdmittedNames
from placet_api.wiring import House
from placet_attestations.digests import Digest
from placet_attestations.requests import Actor
from placet_attestations.strictjson import dumps
from placet_engine.decision import Decision, uuid7
from placet_engine.errors import LogError
from placet_engine.evaluate import GateRequest
from placet_engine.log.entry import admission_draft, parse_leaf
from placet_engine.log.log import DecisionLog

_PAGE = 50
_NAMED = 32
_TRIES = 3


class HouseJudge:
    """`AdmissionJudge` over a running service. `actor` is who asks, as the listener knows it."""

    def __init__(self, service: Service, actor: str) -> None:
        self._service = service
        self._repeats = Repeats(service, service.house.project.settings.number("kubernetes.repeat_seconds"))
        self._actor = Actor(actor, actor, ("kubernetes",))

    async def judge(self, question: Question) -> Ruling:
        """All digests, one after the other, in one place of the pool and under one ruling.

        So an object with many images takes no more room than any other, and the house is held by the thread that works
        in it, also when the caller has gone away.
        """
        house, made = await self._service.pool.run(partial(self._all, question))
        self._repeats.learn(house, question, made)
        return Ruling(tuple(item.judged for item in made), made[0].revision)

    def recall(self, question: Question) -> Ruling | None:
        """What the memory holds."""
        return self._repeats.recall(question)

    async def called(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Looked up in one place of the pool."""
        return await self._service.pool.run(partial(self._called, names))

    async def note(self, record: Mapping[str, Any], by: float) -> str:
        """One entry for the whole answer; its id.

        What is late may still come to stand in the log; then an entry behind it says what was answered instead.
        """
        now = self._service.clock()
        name = uuid7(now)
        told = {
            "environment": record["environment"],
            "dryRun": record["dryRun"],
            "code": record["code"],
            # All of them stand in the document; a leaf is small, and an object may name a hundred images.
            "decisions": record["decisions"][:_NAMED],
            "judged": len(record["decisions"]),
            "repeated": record["repeated"],
            "policy": record["revision"],
        }
        verdict = "allow" if record["allowed"] else "deny"
        draft = admission_draft(name, now, verdict, told, dumps(dict(record)))
        entry = self._service.house.log.submit(draft, soon=asyncio.get_running_loop().call_soon)
        try:
            await durable(entry, by - time.monotonic())
        except TimeoutError:
            if not entry.cancelled():
                self._take_back(record, name)
            raise
        return name

    def _take_back(self, record: Mapping[str, Any], name: str) -> None:
        now = self._service.clock()
        told = {"code": "admission.deadline", "corrects": name}
        draft = admission_draft(uuid7(now), now, "deny", told, dumps({**record, **told, "allowed": False}))
        with suppress(LogError):  # a log that takes nothing holds no wrong entry either
            self._service.house.log.submit(draft, soon=asyncio.get_running_loop().call_soon)

    def _called(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        with self._service.use() as house:
            known = AdmittedNames(house.store, house.lineage)
            return {name: _kinds(house, known.by_name(name)) for name in names}

    def _all(self, question: Question) -> tuple[House, list[Made]]:
        """Every digest by the same policy set: where another one comes to rule in between, all are judged again."""
        for _ in range(_TRIES):
            with self._service.use() as house:
                made = [self._one(house, question, digest) for digest in question.digests]
            if len({item.revision for item in made}) == 1:
                return house, made
        raise BusyError("policy.changing", "the policy set changed while this was judged", hint="ask again")

    def _one(self, house: House, question: Question, text: str) -> Made:
        digest, environment = Digest.parse(text), question.environment
        known = not question.workload and was_admitted(house.log, environment, digest)
        gate = f"{'running' if known else 'deploy'}/{environment}"
        request = GateRequest(
            gate, digest, question.context, dry_run=question.dry_run, actor=self._actor, by=question.by
        )
        decision = house.evaluator.decide(request).decision
        return Made(request, decision, _judged(decision))


def _kinds(house: House, digests: Sequence[Digest]) -> Mapping[str, str]:
    """The kind of each that is not revoked and has one."""
    found: dict[str, str] = {}
    for digest in digests:
        node = house.lineage(digest).artifacts[digest]
        gone = node.revoked is not None and node.revoked.covers(house.clock())
        if node.kind is not None and not gone:
            found[digest] = node.kind
    return found


def was_admitted(log: DecisionLog, environment: str, digest: Digest) -> bool:
    """Whether `deploy/ENV` allowed this digest before, as proved entries of the log say.

    A dry run admits nothing, nor does a gate that only warned.
    """
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
            real = leaf.get("dryRun") is False and leaf.get("would") == "allow"
            if real and told == ("decision", f"deploy/{environment}", digest, "allow"):
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
