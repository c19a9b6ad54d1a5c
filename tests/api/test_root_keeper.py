"""The keeper of a service's roots, step by step, against a real repository and a service that is whole but small."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from placet_api.errors import ServiceError
from placet_api.project import Project
from placet_api.root_keeper import RootKeeper, RootWatch
from placet_api.root_refresh import Fetching, Get
from placet_api.root_state import held
from placet_api.settings import Value, resolve
from placet_attestations.digests import Digest
from placet_attestations.roots.loading import (
    LoadedRoot,
    RootFile,
    RootSource,
    Shipped,
    Tuf,
    load_root,
    mirror_path,
    unless_stale,
)
from placet_attestations.roots.shipped_roots import SHIPPED
from placet_attestations.roots.tuf_chain import Wanted
from tests.tuf_repository import Repository

OLD = SHIPPED["public-good"].read_trusted_root()
NEW = SHIPPED["staging"].read_trusted_root()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://tuf.example.org"


class SmallService:
    """A service that holds roots, loads them anew when it is told to, and remembers why."""

    def __init__(self, folder: Path, *sources: RootSource, **settings: Value) -> None:
        options = {key.replace("_", ".", 1): value for key, value in settings.items()}
        self.project = Project(folder, folder, resolve(options, {}, None, "placet.yaml"))
        self.sources = sources
        self.root_watch = RootWatch()
        self.opened = NOW
        self.why: list[str] = []
        self.refusing = False
        self.reloaded = threading.Event()
        self.roots: tuple[LoadedRoot, ...] = ()
        self.clock: Callable[[], datetime] = lambda: NOW
        self.load()

    def load(self) -> None:
        folder, state = self.project.root, self.project.fetched_roots
        self.roots = tuple(
            unless_stale(
                load_root(f"root{number}", source, folder=folder, state=state),
                self.clock(),
                Fetching.of(self.project).error,
            )
            for number, source in enumerate(self.sources)
        )

    def in_use(self) -> tuple[Project, tuple[LoadedRoot, ...]]:
        return self.project, self.roots

    def reload(self, why: str) -> object:
        self.why.append(why)
        self.reloaded.set()
        if self.refusing:
            raise ServiceError("test.refused", "no")
        self.load()
        return None


class World:
    """One repository, one service, and clocks that go when they are told to."""

    def __init__(self, folder: Path, **settings: Value) -> None:
        self.repository = Repository(OLD, now=NOW)
        (folder / "bootstrap.json").write_bytes(self.repository.bootstrap)
        self.now, self.moment, self.asked = NOW, 1000.0, 0
        self.down = False
        self.service = SmallService(folder, Tuf(URL, Path("bootstrap.json")), **settings)
        self.service.clock = lambda: self.now
        self.keeper = self.another()

    def another(self) -> RootKeeper:
        return RootKeeper(
            self.service,
            lambda: self.now,
            fetching=self._fetching,
            monotonic=lambda: self.moment,
            chance=lambda: 0.5,
        )

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.moment += timedelta(**span).total_seconds()

    def mirror(self) -> Path:
        return mirror_path(self.service.project.fetched_roots, "root0")

    def _fetching(self, ca: Path | None, seconds: float) -> Callable[[str], Get]:
        assert ca is None
        assert seconds == 60.0

        def get(wanted: Wanted) -> bytes | None:
            if self.down:
                raise ServiceError("roots.unreachable", "down")
            return self.repository.files.get(wanted.path)

        def getting(url: str) -> Get:
            assert url == URL
            self.asked += 1
            return get

        return getting


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_first_look_fetches_and_what_was_fetched_is_taken_over(world: World) -> None:
    assert world.service.roots[0].digest == Digest.of(b"")
    world.keeper.look()
    assert world.service.why == ["roots: root0 is another one"]
    assert len(world.service.roots[0].roots) == 1
    assert world.service.root_watch == RootWatch({"root0": -7 * 86400.0}, {})
    world.keeper.look()
    assert (len(world.service.why), world.asked) == (1, 1)


def test_it_fetches_again_when_it_is_time(world: World) -> None:
    world.keeper.look()
    world.repository.publish(NEW)
    world.later(hours=23)
    world.keeper.look()
    assert world.asked == 1
    world.later(hours=2)
    world.keeper.look()
    assert (world.asked, len(world.service.why)) == (2, 2)
    assert (
        world.service.roots[0].digest == load_root("it", Shipped("staging"), folder=Path(), state=None).digest
    )


def test_a_fetch_that_fails_changes_nothing_but_the_counter(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.keeper.look()
    before = world.mirror().read_bytes(), world.service.roots
    world.down = True
    world.later(hours=25)
    with caplog.at_level(logging.WARNING, "placet.roots"):
        world.keeper.look()
        world.keeper.look()
        world.later(hours=2)
        world.keeper.look()
    assert world.service.root_watch.failures == {"root0": 2}
    assert (world.mirror().read_bytes(), world.service.roots) == before
    assert len(world.service.why) == 1
    # What it fetched before is told too, where a test before this one asked the logger for it.
    warned = [record.getMessage()[:8] for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == ["the root"] * 2


def test_another_worker_that_fetches_or_just_fetched_is_passed_by(world: World) -> None:
    with held(world.service.project.fetched_roots, "root0"):
        world.keeper.look()
    assert (world.asked, world.service.root_watch.failures, world.service.why) == (0, {}, [])
    world.another().look()
    assert world.asked == 1
    os.utime(world.mirror(), (NOW.timestamp(), NOW.timestamp()))
    world.another().look()
    assert world.asked == 1


def test_offline_nothing_is_fetched_and_what_somebody_brings_is_taken_over(tmp_path: Path) -> None:
    connected = World(tmp_path)
    connected.keeper.look()
    brought = connected.mirror().read_bytes()
    connected.mirror().unlink()
    world = World(tmp_path, roots_refresh="never")
    (tmp_path / "bootstrap.json").write_bytes(connected.repository.bootstrap)
    world.service.load()
    world.keeper.look()
    assert (world.asked, world.service.why) == (0, [])
    world.mirror().write_bytes(brought)
    world.keeper.look()
    assert (world.asked, world.service.why) == (0, ["roots: root0 is another one"])


def test_a_root_that_becomes_too_old_is_reloaded_once_for_each_step(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(OLD)
    service = SmallService(
        tmp_path, RootFile(Path("root.json"), checked=NOW), roots_warn_days=10.0, roots_error_days=20.0
    )
    now = [NOW]
    service.clock = lambda: now[0]
    keeper = RootKeeper(service, service.clock)
    for days in (0, 9, 11, 12, 21, 22):
        now[0] = NOW + timedelta(days=days)
        keeper.look()
        keeper.look()
    assert service.why == ["roots: root0 is stale (warn)", "roots: root0 is stale (error)"]
    assert service.root_watch.ages == {"root0": 22 * 86400.0}
    (root,) = service.roots
    assert root.problem is not None
    assert (root.roots, root.problem.code) == ((), "root.stale")


def test_a_root_that_was_too_old_is_in_use_again_when_somebody_vouches(tmp_path: Path) -> None:
    world = World(tmp_path, roots_error_days=1.0)
    world.keeper.look()
    world.down = True
    world.later(days=9)
    for _ in range(3):
        world.keeper.look()
    assert world.service.why[1:] == ["roots: root0 is stale (error)"]
    assert world.service.roots[0].roots == ()
    world.down = False
    world.repository.publish(days=dict.fromkeys(("timestamp", "snapshot", "targets"), 100))
    world.later(hours=25)
    for _ in range(3):
        world.keeper.look()
    assert world.service.why[2:] == ["roots: root0 is another one"]
    assert (len(world.service.roots[0].roots), world.service.roots[0].problem) == (1, None)


def test_a_step_between_the_load_and_the_first_look_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(OLD)
    service = SmallService(tmp_path, RootFile(Path("root.json"), checked=NOW - timedelta(days=90)))
    RootKeeper(service, lambda: NOW + timedelta(seconds=5)).look()
    assert service.why == ["roots: root0 is stale (warn)"]


def test_a_renewed_vouching_is_taken_over_before_the_old_one_is_missed(world: World) -> None:
    world.keeper.look()
    world.repository.publish(days=dict.fromkeys(("timestamp", "snapshot", "targets"), 100))
    world.later(hours=25)
    world.keeper.look()
    assert len(world.service.why) == 1  # nothing that matters for 90 days after the old one expires
    world.later(days=7 + 90 - 25 / 24 - 0.5 / 24)
    world.keeper.look()
    assert world.service.why[1:] == ["roots: root0 was renewed"]
    world.later(days=1)
    world.keeper.look()
    assert len(world.service.why) == 2


def test_a_refused_reload_is_asked_for_again_later_and_later(world: World) -> None:
    world.service.refusing = True
    for seconds in (0, 30, 31, 61, 60):
        world.later(seconds=seconds)
        world.keeper.look()
    assert len(world.service.why) == 3
    world.service.refusing = False
    world.later(hours=1)
    world.keeper.look()
    world.keeper.look()
    assert len(world.service.why) == 4


def test_the_thread_looks_at_once_and_stops(world: World) -> None:
    with world.keeper:
        assert world.service.reloaded.wait(30)
    assert len(world.service.why) == 1
    assert "placet-roots" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("odd", ["sometimes", None])
def test_a_fault_does_not_end_the_thread(
    tmp_path: Path, odd: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(SmallService):
        def in_use(self) -> tuple[Project, tuple[LoadedRoot, ...]]:
            self.reloaded.set()
            if odd is None:
                raise RuntimeError("a bug")
            return super().in_use()

    service = Failing(tmp_path, roots_refresh=odd or "auto")
    with caplog.at_level(logging.WARNING, "placet.roots"), RootKeeper(service, lambda: NOW):
        assert service.reloaded.wait(30)
    assert len(caplog.records) == 1
