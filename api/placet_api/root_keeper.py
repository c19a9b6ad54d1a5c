"""Keeping the roots of a running service fresh: fetch now and then, and reload when what is in use changed.

One keeper in each worker, because the parent of several has no thread (it forks) and each worker has roots of its own
in memory. They do not fetch side by side: a lock lets one of them; the others see a file that was just replaced.
Whoever notices first reloads, and the parent tells the others, as for any reload.

A fetch that fails changes nothing but a counter and a line of the log. What makes a root unusable is its age alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Final, Protocol, Self

from placet_api.errors import HOUSE_ERRORS, BusyError
from placet_api.root_refresh import Fetching, Get, over_https, refresh
from placet_api.root_state import fetched_at
from placet_attestations.roots.loading import LoadedRoot, Staleness, load_root, stale, tuf_of, unless_stale

if TYPE_CHECKING:
    from placet_api.project import Project

_log = logging.getLogger("placet.roots")
LOOK_SECONDS: Final = 60.0
_SOON: Final = timedelta(hours=1)
_MOST_PAUSE: Final = 3600.0
_CHANCE: Final = SystemRandom().random


@dataclass(slots=True)
class RootWatch:
    """What there is to tell of the roots in use, by id: seconds since they were vouched for, failed refreshes."""

    ages: dict[str, float] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


class Kept(Protocol):
    """The service as its keeper knows it."""

    root_watch: RootWatch
    opened: datetime

    def in_use(self) -> tuple[Project, tuple[LoadedRoot, ...]]:
        """The project and the roots that judge now."""
        ...

    def reload(self, why: str) -> object:
        """Read everything again and let it judge."""
        ...


class RootKeeper:
    """A thread from `start` to `stop`; `look` is one of its steps."""

    def __init__(
        self,
        service: Kept,
        clock: Callable[[], datetime],
        *,
        fetching: Callable[[Path | None, float], Callable[[str], Get]] = over_https,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = _CHANCE,
    ) -> None:
        """`chance` gives numbers from 0 to 1, for services that were started together."""
        self._service, self._clock, self._fetching = service, clock, fetching
        self._monotonic, self._chance = monotonic, chance
        self._due: dict[str, float] = {}
        self._looked = service.opened
        self._states: tuple[tuple[LoadedRoot, ...], dict[str, Staleness]] | None = None
        self._pause, self._quiet_until = LOOK_SECONDS, 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="placet-roots", daemon=True)

    def start(self) -> None:
        """Begin, in the thread's own time."""
        self._thread.start()

    def stop(self, patience: float = 2.0) -> None:
        """End after the step under way. A fetch that takes longer is left behind: it keeps a whole file or none."""
        self._stopping.set()
        self._thread.join(patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def look(self) -> None:
        """Fetch what is due, then reload if what is in use is not what there is, or has become too old."""
        now = self._clock()
        project, roots = self._service.in_use()
        settings = Fetching.of(project)
        folder, state = project.path("trust").parent, project.fetched_roots
        for root in roots if settings.allowed else ():
            if tuf_of(root, folder) is not None and not self._stopping.is_set():
                self._fetch(root, settings, folder, state, now)
        latest = {root.id: _latest(root, folder, state, now, settings) for root in roots}
        self._tell(latest, now)
        changes = self._changes(roots, latest, settings, now)
        self._looked = now
        if changes and self._monotonic() >= self._quiet_until and not self._stopping.is_set():
            self._reload("roots: " + ", ".join(changes))

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except HOUSE_ERRORS as error:
                _log.warning("the roots cannot be looked at: %s", error, extra=_told(error.code, str(error)))
            except Exception:  # noqa: BLE001 - a bug here must not end the keeper
                _log.exception("looking at the roots failed")
            if self._stopping.wait(LOOK_SECONDS * (0.75 + self._chance() / 2)):
                return

    def _fetch(self, root: LoadedRoot, settings: Fetching, folder: Path, state: Path, now: datetime) -> None:
        if self._monotonic() < self._due.get(root.id, 0.0):
            return
        seconds = settings.hours * 3600
        self._due[root.id] = self._monotonic() + seconds * (0.9 + self._chance() / 5)
        fetched = fetched_at(state, root.id)
        if fetched is not None and 0 <= now.timestamp() - fetched < seconds / 2:
            return  # another worker did, or the command
        try:
            done = refresh(
                root,
                folder=folder,
                state=state,
                getting=self._fetching(settings.ca, settings.seconds),
                now=now,
            )
        except BusyError:
            return  # another worker does
        except HOUSE_ERRORS as error:
            failures = self._service.root_watch.failures
            failures[root.id] = failures.get(root.id, 0) + 1
            self._due[root.id] = self._monotonic() + min(seconds, _MOST_PAUSE) * (0.9 + self._chance() / 5)
            _log.warning(
                "the root %s was not refreshed; what was fetched before goes on",
                root.id,
                extra=_told(error.code, str(error)),
            )
        else:
            _log.info("refreshed the root %s, vouched for until %s", root.id, done.after.until.isoformat())

    def _tell(self, latest: Mapping[str, LoadedRoot], now: datetime) -> None:
        self._service.root_watch.ages = {
            id_: (now - root.as_of).total_seconds() for id_, root in latest.items() if root.as_of is not None
        }

    def _changes(
        self,
        roots: tuple[LoadedRoot, ...],
        latest: Mapping[str, LoadedRoot],
        settings: Fetching,
        now: datetime,
    ) -> list[str]:
        """Why a reload is due, in words; empty when none is."""
        if self._states is None or self._states[0] is not roots:
            # They were loaded after the last look, so no later change than that can have been seen by them.
            then = self._looked
            self._states = (
                roots,
                {root.id: stale(root, then, settings.warn, settings.error) for root in roots},
            )
        before, found = self._states[1], []
        for root in roots:
            newer = latest[root.id]
            age = stale(root, now, settings.warn, settings.error)
            soon = [stale(each, now + _SOON, settings.warn, settings.error) for each in (root, newer)]
            if age != before[root.id]:
                found.append(f"{root.id} is stale ({age})" if age != "fresh" else f"{root.id} is fresh")
            elif newer.digest != root.digest or (newer.problem is None) != (root.problem is None):
                found.append(f"{root.id} is another one")
            elif soon[0] != soon[1]:
                found.append(f"{root.id} was renewed")
        return found

    def _reload(self, why: str) -> None:
        try:
            self._service.reload(why)
        except HOUSE_ERRORS as error:
            self._quiet_until = self._monotonic() + self._pause
            self._pause = min(2 * self._pause, _MOST_PAUSE)
            _log.warning(
                "the reload was refused; what ruled before goes on", extra=_told(error.code, str(error))
            )
        else:
            self._pause = LOOK_SECONDS
            _log.info("reloaded: %s", why)


def _latest(root: LoadedRoot, folder: Path, state: Path, now: datetime, settings: Fetching) -> LoadedRoot:
    """The root as it would be loaded now: what was fetched changes by itself, and every root grows old."""
    if root.source is not None and tuf_of(root, folder) is not None:
        root = load_root(root.id, root.source, folder=folder, state=state)
    return unless_stale(root, now, settings.error)


def _told(code: str, detail: str) -> dict[str, object]:
    return {"placet": {"code": code, "detail": detail}}
