"""One running service: the house it speaks for, what it may be told to reload, and who asks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from placet_api.errors import BusyError, ConfigurationError
from placet_api.http.authentication import Authenticator
from placet_api.http.oidc import Issuers, parse_issuers
from placet_api.http.pool import Pool
from placet_api.http.rates import Rates
from placet_api.http.succession import Ruling, Succession
from placet_api.http.tokens import TokenStore
from placet_api.policy_bundles import served
from placet_api.project import FILE, Project
from placet_api.root_keeper import RootWatch
from placet_api.settings import TABLE
from placet_api.wiring import House
from placet_attestations.roots.loading import LoadedRoot
from placet_engine.errors import PolicyError
from placet_engine.log.entry import event_draft

__all__ = ["SWITCH_SECONDS", "Ruling", "Service"]

SWITCH_SECONDS: Final = 150.0
"""How long an OPA service has to fetch a new policy set; its own default is to look at least every 120 s."""

_READY_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_PAUSE_SECONDS = 0.05
AT_START = tuple(
    setting.key
    for setting in TABLE
    if setting.key in ("store", "log.key", "log.head")
    or (setting.key.startswith(("http.", "kubernetes.")) and setting.key != "http.issuers")
)


class Service:
    """What the routes work with. Opened before anything listens, so that the first answer is as good as any.

    Only an OPA that is a service may come later: it fetches its policy set here, and till then decisions are denials.
    """

    def __init__(
        self,
        project: Project,
        reread: Callable[[], Project],
        house: House,
        *,
        switch_seconds: float = SWITCH_SECONDS,
    ) -> None:
        """`reread` reads the project's files again, for `reload`. Raises what opening a house raises."""
        settings = project.settings
        self.opened = house.clock()
        self.root_watch = RootWatch()
        self._reread = reread
        self._configured = (project.root / FILE).is_file()
        self._switch_seconds = switch_seconds
        self.house = house
        self.tokens = TokenStore(project.database())
        self.pool = Pool(int(settings.number("http.threads")), int(settings.number("http.queue")))
        rate = settings.number("http.rate")
        self.rates = Rates(rate, burst=2 * rate)
        self._reloading = threading.Lock()
        self._waiting = threading.Lock()
        self._ending = threading.Event()
        self._succession = Succession(self._note)
        try:
            self._succession.begin(self._ready(0, house.renewed(project), "a start"))
        except BaseException:
            self.pool.close()
            self.tokens.close()
            raise

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time on the wall."""
        return self.house.clock

    @property
    def ruling(self) -> Ruling:
        """What judges now."""
        return self._succession.ruling

    def use(self) -> AbstractContextManager[House]:
        """The house that rules, held until the block ends. To be used in the thread that works with it."""
        return self._succession.use()

    def in_use(self) -> tuple[Project, tuple[LoadedRoot, ...]]:
        """The project and the roots that judge now, for their keeper."""
        with self.use() as house:
            return house.project, house.trust.roots

    def reload(self, why: str) -> Ruling:
        """Read trust, policies and settings again: compile and check, note it in the log, then let it rule.

        A new policy set for an OPA service is published first, and rules once OPA answers by it; that is waited for.
        One further reload may wait meanwhile, and reads what is there when its turn comes.

        Raises what a room raises; the one that ruled before goes on then. `ConfigurationError` http.restart for what
        cannot change under a running service, settings.vanished; PolicyError opa.not_switched; `BusyError`
        http.reloading, http.closing.
        """
        with self._turn():
            project = self._read_again()
            following = self._ready(self.ruling.number + 1, self.house.renewed(project), why)
            try:
                if _by_service(following.house) and _other_policy(self.ruling.house, following.house):
                    self._await_switch(following)
                self._succession.activate(following)
            except BaseException:
                if self._succession.withdraw(following):
                    following.retire()
                    raise
                # It rules: OPA answered somebody by it in the last moment.
            return following

    def behind(self) -> tuple[int, ...]:
        """The numbers of the workers that do not judge by what this one does (yet)."""
        return ()

    @property
    def ending(self) -> bool:
        """Whether it was told to end."""
        return self._ending.is_set()

    def readiness(self) -> dict[str, str]:
        """What is not ready, and why; empty when all is."""
        missing: dict[str, str] = {}
        with self.use() as house:
            checks: dict[str, Callable[[], object]] = {
                "log": house.log.head,
                "store": lambda: house.store.by_prefix("sha256:000000000000"),
                "policy": lambda: _usable(house),
                "opa": lambda: house.engine.wait_ready(0.5),
            }
            for name, check in checks.items():
                try:
                    check()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
                    missing[name] = str(error)
        return missing

    def end_soon(self) -> None:
        """Wait for no OPA any more: a reload that does is over now, and refused."""
        self._ending.set()

    def close(self) -> None:
        """Wait for what is under way, then close every room."""
        self.end_soon()
        self.pool.close()
        with self._reloading:
            self.ruling.retire()
        self.tokens.close()
        self.house.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One reload after the other."""
        # While OPA is waited for, what comes third would read no newer files than the second will.
        patient = self._succession.pending is None
        if not self._waiting.acquire(blocking=patient):
            raise BusyError(
                "http.reloading",
                "a reload waits for OPA, and another one for it",
                hint="that one reads the same",
            )
        try:
            self._reloading.acquire()
        finally:
            self._waiting.release()
        try:
            if self._ending.is_set():
                raise _closing()
            yield
        finally:
            self._reloading.release()

    def _ready(self, number: int, house: House, why: str) -> Ruling:
        """A ruling that can decide; the house is closed when it cannot. Whether an OPA service can shows later."""
        try:
            project = house.project
            issuers = parse_issuers(project.settings.items("http.issuers"), "http.issuers", project.root)
            _usable(house)
            bundle = served(project, house.policy_set)
            if _by_service(house):
                judge = replace(house.evaluator, successor=self._succession.judging_by)
                house.__dict__.update(evaluator=judge)
            else:
                house.engine.wait_ready(_READY_SECONDS)
            return Ruling(number, house, Authenticator(self.tokens, Issuers(issuers)), bundle, why)
        except BaseException:
            house.close()
            raise

    def _await_switch(self, following: Ruling) -> None:
        """Publish it; return once OPA answers by it. Raises PolicyError opa.not_switched, `BusyError` http.closing."""
        self._succession.publish(following)
        end = time.monotonic() + self._switch_seconds
        told = ""
        while self.ruling is not following:  # an answer of OPA's may have told it to somebody else
            try:
                following.house.engine.wait_ready(_LOOK_SECONDS)
            except PolicyError as error:
                told = error.message
            else:
                return
            if time.monotonic() >= end:
                raise PolicyError(
                    "opa.not_switched",
                    f"OPA did not take the new policy set within {self._switch_seconds:g} s: {told}",
                    hint="see that it polls /bundles/placet.tar.gz, and why it refuses what it finds there",
                )
            if self._ending.wait(_PAUSE_SECONDS):
                raise _closing()

    def _read_again(self) -> Project:
        """The project's files as they are now. Raises `ConfigurationError` settings.vanished, http.restart."""
        project = self._reread()
        before = self.house.project
        if self._configured and (project.root != before.root or not (project.root / FILE).is_file()):
            raise ConfigurationError(
                "settings.vanished",
                "the configuration that this service was started with is gone",
                where=str(before.root / FILE),
                hint="put it back; an empty file says that every setting is at its default",
            )
        # What only a start reads must not look as if it had been taken over.
        for key in AT_START:
            if project.settings.values[key] != before.settings.values[key]:
                raise ConfigurationError(
                    "http.restart",
                    f"{key} is read at a start only, and it has changed",
                    where=key,
                    hint="end the service and start it again",
                )
        return project

    def _note(self, before: Ruling, following: Ruling) -> None:
        old, new = before.house.anchors, following.house.anchors
        fields = {
            "before": str(old.digest),
            "after": str(new.digest),
            "policy": new.policy,
            "why": following.why,
        }
        self.house.log.append(event_draft("reload", self.clock(), fields))


def _usable(house: House) -> None:
    failure = house.evaluator.unusable
    if failure is not None:
        raise PolicyError(failure.code, failure.message, hint=failure.hint)


def _by_service(house: House) -> bool:
    """Whether OPA is somebody else's process, which fetches its policy set."""
    return house.project.settings.optional("opa.url") is not None


def _other_policy(before: House, following: House) -> bool:
    """Whether OPA has something to change. If not (trust alone changed, say), nobody waits for an OPA that is away."""
    return (before.anchors.policy, before.anchors.opa) != (following.anchors.policy, following.anchors.opa)


def _closing() -> BusyError:
    return BusyError("http.closing", "the service is ending", hint="ask another one, or again soon")
