"""Admission answers that are given again: what the webhook remembers, under one ruling and no longer.

A question that is asked a second time within the window is foreseen (`placet_engine.foresight`) in the background;
from then on it is answered from memory, each time with an entry in the log that names the decision it repeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from placet_api.admission.port import Judged, Question, Ruling
from placet_api.errors import HOUSE_ERRORS, ConfigurationError
from placet_api.http.service import Service
from placet_api.wiring import House
from placet_engine.decision import Decision
from placet_engine.evaluate import GateRequest
from placet_engine.foresight import Foresight, foresee
from placet_engine.repeat import MOST, Memory

MOST_SECONDS = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A decision that was just made for the webhook: the request, the decision, and what is answered."""

    request: GateRequest
    decision: Decision
    judged: Judged

    @property
    def revision(self) -> str:
        """The revision of the policy set that judged, which every decision names."""
        policy = self.decision.body["policy"]
        assert isinstance(policy, dict)
        return str(policy["revision"])


class Repeats:
    """What may be answered again, for at most `seconds`. Used from the event loop only.

    An answer stands also while OPA is away: what it rests on is the policy set that rules, and not the process. Raises
    `ConfigurationError` kubernetes.repeat_seconds.
    """

    def __init__(self, service: Service, seconds: float) -> None:
        if seconds > MOST_SECONDS:
            raise ConfigurationError(
                "kubernetes.repeat_seconds",
                f"an answer is repeated for at most {MOST_SECONDS} seconds, not {seconds:g}",
                where="kubernetes.repeat_seconds",
            )
        self._service = service
        self._longest = timedelta(seconds=seconds)
        self._memory: tuple[House, Memory[Judged]] | None = None
        self._once: set[Hashable] = set()
        self._learning: set[asyncio.Task[None]] = set()
        self._follow: Callable[[], Memory[Judged]] | None = None

    def recall(self, question: Question) -> Ruling | None:
        """All answers to a question, when each of them still stands."""
        house = self._service.ruling.house
        if self._memory is None or self._memory[0] is not house:
            return None
        found = self._memory[1].recall([_key(question, digest) for digest in question.digests])
        return None if found is None else Ruling(tuple(found), house.policy_set.revision)

    def learn(self, house: House, question: Question, made: Sequence[Made]) -> None:
        """Remember what was just decided under `house`, if it was asked before and will stand for a while."""
        again = []
        for item in made:
            key = _key(question, item.judged.digest)
            if key in self._once and _may_stand(question, item.judged):
                again.append((key, item))
            elif len(self._once) >= MOST:
                self._once.clear()
            self._once.add(key)
        if again:
            task = asyncio.get_running_loop().create_task(self._learn(house, again))
            self._learning.add(task)
            task.add_done_callback(self._learning.discard)

    async def _learn(self, house: House, again: list[tuple[Hashable, Made]]) -> None:
        for key, item in again:
            try:
                found = await self._service.pool.run(partial(self._foresee, house, item))
            except HOUSE_ERRORS as error:
                _log.info(
                    "an answer is not remembered: %s", error
                )  # a full house has questions to answer first
                return
            except Exception:  # noqa: BLE001 - what is not remembered is judged again
                _log.exception("an answer could not be foreseen")
                return
            if found is not None and self._service.ruling.house is house:
                self._of(house).keep(key, replace(item.judged, repeated=True), found, item.decision.time)
                self._once.discard(key)

    def _foresee(self, house: House, item: Made) -> Foresight | None:
        with self._service.use() as ruling:
            if ruling is not house:
                return None
            return foresee(house.evaluator, item.request, item.decision, self._longest)

    def _of(self, house: House) -> Memory[Judged]:
        """The memory of this ruling; another one's is forgotten."""
        if self._memory is None or self._memory[0] is not house:
            base = self._service.house
            if self._follow is None:
                reader = base.enter(base.log.store.follow())
                self._follow = partial(Memory[Judged], reader, base.store, base.clock)
            self._memory = house, self._follow()
        return self._memory[1]


def _may_stand(question: Question, judged: Judged) -> bool:
    """A Pod that was denied at the gate of new workloads may be admitted there by another one's way: not for memory."""
    return judged.verdict == "allow" or question.workload or judged.gate.startswith("running/")


def _key(question: Question, digest: str) -> Hashable:
    return (
        question.environment,
        digest,
        question.workload,
        question.dry_run,
        *sorted(question.context.items()),
    )
