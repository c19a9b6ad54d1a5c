"""What the webhook remembers, over a real project with its real OPA."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_api.admission.port import Question, Ruling
from placet_api.errors import ConfigurationError
from placet_api.http.admitting import HouseJudge
from placet_api.http.service import Service
from placet_api.project import Project, open_project
from placet_api.wiring import open_house
from placet_engine.decision import uuid7
from placet_engine.log.entry import admission_draft, parse_leaf
from tests.api.projects import TICKET, done

pytestmark = pytest.mark.xdist_group("http")
ACTOR = "kubernetes:unauthenticated"


class Clock:
    """The time on the wall, which a test may set."""

    ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Desk:
    """A judge with what is behind it, and questions as the webhook asks them."""

    def __init__(self, service: Service, project: Project, clock: Clock) -> None:
        self.service, self.project, self.clock = service, project, clock
        self.judge = HouseJudge(service, ACTOR)
        self.model = done("digest", "model.json", folder=project.root).out.split()[0]

    def question(self, **changes: Any) -> Question:
        asked = Question(
            environment="staging",
            digests=(self.model,),
            workload=True,
            context={"cluster": "c1", "namespace": "shop"},
            dry_run=False,
            by=time.monotonic() + 60,
        )
        return replace(asked, **changes)

    async def ask(self, question: Question | None = None) -> Ruling:
        question = question or self.question()
        return self.judge.recall(question) or await self.judge.judge(question)

    async def remembered(self, question: Question | None = None) -> Ruling:
        """Ask until it is answered from memory, which takes two decisions and a moment."""
        decided = 0
        while not (ruling := await self.ask(question)).results[0].repeated:
            decided += 1
            await asyncio.sleep(0.05)
            assert decided < 200
        return ruling


@contextmanager
def desk(folder: Path, **settings: str) -> Iterator[Desk]:
    project = open_project(folder, {}, {**os.environ, **settings})
    clock = Clock()
    with open_house(project, clock=clock) as house:
        service = Service(project, lambda: open_project(folder, {}, {**os.environ, **settings}), house)
        try:
            yield Desk(service, project, clock)
        finally:
            service.close()


def run(folder: Path, work: Callable[[Desk], Coroutine[Any, Any, None]], **settings: str) -> None:
    with desk(folder, **settings) as found:
        asyncio.run(work(found))


def test_the_third_time_is_a_repetition_that_names_its_decision(project: Path) -> None:
    async def work(desk: Desk) -> None:
        first = await desk.ask()
        assert [(item.verdict, item.repeated) for item in first.results] == [("allow", False)]
        again = await desk.remembered()
        (result,) = again.results
        assert (result.verdict, result.gate, result.digest) == ("allow", "deploy/staging", desk.model)
        assert result.decision != first.results[0].decision
        assert again.revision == first.revision
        log = desk.service.house.log
        assert parse_leaf(log.prove(log.by_decision(result.decision).index).leaf)["verdict"] == "allow"
        size = log.head().size
        assert await desk.ask() == again
        assert log.head().size == size
        assert desk.judge.recall(desk.question(dry_run=True)) is None
        assert desk.judge.recall(desk.question(workload=False)) is None
        assert desk.judge.recall(desk.question(environment="production")) is None
        assert desk.judge.recall(desk.question(context={"cluster": "c1", "namespace": "other"})) is None
        assert desk.judge.recall(desk.question(digests=(desk.model, "sha256:" + "5" * 64))) is None

    run(project, work)


def test_evidence_ends_it_at_once(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.remembered()
        # Another process takes it in.
        done(
            "approve", "deploy/staging", "model.json", "--ticket", TICKET, "--as", "approver", folder=project
        )
        assert desk.judge.recall(desk.question()) is None
        await desk.remembered()

    run(project, work)


def test_a_reload_ends_it_at_once_and_a_revocation_denies(project: Path) -> None:
    async def work(desk: Desk) -> None:
        before = await desk.remembered()
        trust = project / "trust.yaml"
        revoked = f'revoked: [{{artifact: "{desk.model}", from: always, reason: "a test"}}]'
        trust.write_text(trust.read_text().replace("revoked: []", revoked))
        assert await desk.ask() == before  # what rules is what was read at the last reload
        await asyncio.to_thread(desk.service.reload, "a test")
        after = await desk.ask()
        assert [item.verdict for item in after.results] == ["deny"]
        assert "lineage.not_revoked" in [code for code, _ in after.results[0].reasons]
        denied = await desk.remembered()
        assert [item.verdict for item in denied.results] == ["deny"]

    run(project, work)


def test_time_ends_it(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.remembered()
        desk.clock.ahead = timedelta(seconds=61)
        assert not (await desk.ask()).results[0].repeated

    run(project, work)


def test_the_window_is_a_setting(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.remembered()
        desk.clock.ahead = timedelta(seconds=6)
        assert not (await desk.ask()).results[0].repeated

    run(project, work, PLACET_KUBERNETES_REPEAT_SECONDS="5")


def test_a_denied_pod_is_judged_again_each_time(project: Path) -> None:
    async def work(desk: Desk) -> None:
        unknown = desk.question(digests=("sha256:" + "5" * 64,), workload=False)
        for _ in range(4):
            ruling = await desk.ask(unknown)
            assert [(item.verdict, item.gate) for item in ruling.results] == [("deny", "deploy/staging")]
            await asyncio.sleep(0.05)
            assert desk.judge.recall(unknown) is None

    run(project, work)


def test_a_pod_of_an_admitted_digest_is_remembered_at_the_gate_of_what_runs(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.ask()
        ruling = await desk.remembered(desk.question(workload=False))
        assert [(item.verdict, item.gate) for item in ruling.results] == [("allow", "running/staging")]

    run(project, work)


def test_a_full_house_remembers_nothing_new(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.ask()
        hold = threading.Event()
        room = desk.service.pool
        busy = [asyncio.ensure_future(room.run(hold.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        second = asyncio.ensure_future(desk.ask())
        await asyncio.sleep(0)
        last = asyncio.ensure_future(room.run(hold.wait))
        assert not (await second).results[0].repeated
        await asyncio.sleep(0.1)
        hold.set()
        await asyncio.gather(*busy, last)
        assert desk.judge.recall(desk.question()) is None
        await desk.remembered()

    run(project, work, PLACET_HTTP_THREADS="4", PLACET_HTTP_QUEUE="1")


def test_a_question_about_the_future_that_fails_is_no_answer(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.ask()
        engine = desk.service.ruling.house.engine
        await desk.ask()
        engine.close()
        await asyncio.sleep(0.2)
        assert desk.judge.recall(desk.question()) is None

    run(project, work)


RECORD = {"environment": "staging", "dryRun": False, "code": "", "decisions": ["d"] * 100, "repeated": False,
          "revision": "r", "allowed": True, "uid": "u"}  # fmt: skip


def admissions(desk: Desk) -> list[dict[str, Any]]:
    """The leaves of the answers in the log, oldest first."""
    log = desk.service.house.log
    return [dict(parse_leaf(entry.leaf)) for entry in reversed(log.find(kind="admission"))]


def test_an_answer_names_no_more_decisions_than_a_leaf_holds(project: Path) -> None:
    async def work(desk: Desk) -> None:
        await desk.judge.note(RECORD, time.monotonic() + 60)
        (leaf,) = admissions(desk)
        assert (len(leaf["decisions"]), leaf["judged"], leaf["repeated"]) == (32, 100, False)

    run(project, work)


def under_way(future: Future[Any]) -> bool:
    """Once a batch took it."""
    while not future.running():
        time.sleep(0.01)
    return True


def test_an_answer_that_was_too_late_is_taken_back(project: Path) -> None:
    async def work(desk: Desk) -> None:
        log = desk.service.house.log
        with closing(sqlite3.connect(desk.project.database(), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held = log.submit(admission_draft(uuid7(desk.clock()), desk.clock(), "deny", {}, b"{}"))
            assert await asyncio.to_thread(under_way, held)
            # This one waits behind a batch that is under way: nobody took it yet.
            with pytest.raises(TimeoutError):
                await desk.judge.note(RECORD, time.monotonic())
            other.execute("ROLLBACK")
        await asyncio.to_thread(held.result)
        assert [leaf["verdict"] for leaf in admissions(desk)] == ["deny"]

    run(project, work)


def test_a_late_answer_that_stands_is_followed_by_what_was_answered(project: Path) -> None:
    async def work(desk: Desk) -> None:
        with closing(sqlite3.connect(desk.project.database(), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(desk.judge.note(RECORD, time.monotonic() + 1))
            with pytest.raises(TimeoutError):
                await waiting
            other.execute("ROLLBACK")
        desk.service.house.log.submit(
            admission_draft(uuid7(desk.clock()), desk.clock(), "deny", {"code": "last"}, b"{}")
        ).result()
        first, second, _ = admissions(desk)
        assert (first["verdict"], second["verdict"], second["code"]) == (
            "allow",
            "deny",
            "admission.deadline",
        )
        assert second["corrects"] == first["id"]

    run(project, work)


def test_a_window_longer_than_a_minute_is_none(project: Path) -> None:
    with pytest.raises(ConfigurationError) as caught, desk(project, PLACET_KUBERNETES_REPEAT_SECONDS="61"):
        pass
    assert caught.value.code == "kubernetes.repeat_seconds"


def test_names_are_what_admitted_statements_say(project: Path) -> None:
    async def work(desk: Desk) -> None:
        found = await desk.judge.called(["threshold", "nobody"])
        assert found == {"threshold": {desk.model: "model"}, "nobody": {}}
        trust = project / "trust.yaml"
        revoked = f'revoked: [{{artifact: "{desk.model}", from: always, reason: "a test"}}]'
        trust.write_text(trust.read_text().replace("revoked: []", revoked))
        await asyncio.to_thread(desk.service.reload, "a test")
        assert await desk.judge.called(["threshold"]) == {"threshold": {}}

    run(project, work)
