"""One running service: the house it speaks for, what it may be told to reload, and who asks it.

What a reload exchanges (trust, policies, settings, issuers) hangs together in one `Ruling`, so that no request is
judged by half of one and half of another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from placet_api.errors import ConfigurationError
from placet_api.http.authentication import Authenticator
from placet_api.http.oidc import Issuers, parse_issuers
from placet_api.http.pool import Pool
from placet_api.http.rates import Rates
from placet_api.http.tokens import TokenStore
from placet_api.project import Project
from placet_api.settings import TABLE
from placet_api.wiring import House
from placet_engine.errors import PolicyError
from placet_engine.log.entry import event_draft

_READY_SECONDS = 30.0
_AT_START = tuple(
    setting.key
    for setting in TABLE
    if setting.key in ("store", "log.key", "log.head")
    or (setting.key.startswith(("http.", "kubernetes.")) and setting.key != "http.issuers")
)


@dataclass(slots=True)
class Ruling:
    """One generation of everything that judges. Ends when it was replaced and nobody uses it any more."""

    number: int
    house: House
    authenticator: Authenticator
    _users: int = 0
    _retired: bool = False
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> bool:
        """Hold it for one request, until `leave`; False when another one rules already."""
        with self._lock:
            if self._retired:
                return False
            self._users += 1
            return True

    def leave(self) -> None:
        """The request is over."""
        with self._lock:
            self._users -= 1
        self._end_if_unused()

    def retire(self) -> None:
        """Another one rules now."""
        with self._lock:
            self._retired = True
        self._end_if_unused()

    def _end_if_unused(self) -> None:
        with self._lock:
            over = self._retired and self._users == 0 and not self._closed
            self._closed = self._closed or over
        if over:
            self.house.close()


class Service:
    """What the routes work with. Opened before anything listens, so that the first answer is as good as any."""

    def __init__(self, project: Project, reread: Callable[[], Project], house: House) -> None:
        """`reread` reads the project's files again, for `reload`. Raises what opening a house raises."""
        settings = project.settings
        self._reread = reread
        self.house = house
        self.tokens = TokenStore(project.database())
        self.pool = Pool(int(settings.number("http.threads")), int(settings.number("http.queue")))
        rate = settings.number("http.rate")
        self.rates = Rates(rate, burst=2 * rate)
        self._reloading = threading.Lock()
        try:
            self.ruling = self._begin(0, house.renewed(project))
        except BaseException:
            self.pool.close()
            self.tokens.close()
            raise

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time on the wall."""
        return self.house.clock

    def reload(self, why: str) -> Ruling:
        """Read trust, policies and settings again: compile and check, note it in the log, then let it rule.

        Raises what a room raises; the one that ruled before goes on then. `ConfigurationError` http.restart for what
        cannot change under a running service.
        """
        with self._reloading:
            project = self._reread()
            self._require_same_start(project)
            following = self._begin(self.ruling.number + 1, self.house.renewed(project))
            try:
                self._note(why, following)
            except BaseException:
                following.retire()
                raise
            # A crash before this line leaves a note of a reload that a restart makes true.
            before, self.ruling = self.ruling, following
            before.retire()
            return following

    @contextmanager
    def use(self) -> Iterator[House]:
        """The house that rules, held until the block ends. To be used in the thread that works with it."""
        while not (ruling := self.ruling).enter():
            pass  # it was replaced between the two words; the next one is there already
        try:
            yield ruling.house
        finally:
            ruling.leave()

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

    def close(self) -> None:
        """Wait for what is under way, then close every room."""
        self.pool.close()
        self.ruling.retire()
        self.tokens.close()
        self.house.close()

    def _begin(self, number: int, house: House) -> Ruling:
        """A ruling that can decide; the house is closed when it cannot."""
        try:
            issuers = parse_issuers(house.project.settings.items("http.issuers"), "http.issuers")
            _usable(house)
            house.engine.wait_ready(_READY_SECONDS)
            return Ruling(number, house, Authenticator(self.tokens, Issuers(issuers)))
        except BaseException:
            house.close()
            raise

    def _require_same_start(self, project: Project) -> None:
        """What only a start reads must not look as if it had been taken over."""
        now, before = project.settings.values, self.house.project.settings.values
        for key in _AT_START:
            if now[key] != before[key]:
                raise ConfigurationError(
                    "http.restart",
                    f"{key} is read at a start only, and it has changed",
                    where=key,
                    hint="end the service and start it again",
                )

    def _note(self, why: str, following: Ruling) -> None:
        old, new = self.ruling.house.anchors, following.house.anchors
        fields = {"before": str(old.digest), "after": str(new.digest), "policy": new.policy, "why": why}
        self.house.log.append(event_draft("reload", self.clock(), fields))


def _usable(house: House) -> None:
    failure = house.evaluator.unusable
    if failure is not None:
        raise PolicyError(failure.code, failure.message, hint=failure.hint)
