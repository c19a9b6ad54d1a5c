"""Who judges, and who comes next: one ruling is exchanged for another, where need be when OPA says so.

What a reload exchanges (trust, policies, settings, issuers) hangs together in one `Ruling`, so that no request is
judged by half of one and half of another. Where OPA is a service, it is OPA that changes the policy set, at a moment of
its own: the next ruling is published, and takes over with the first answer that names its revision.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from placet_api.http.authentication import Authenticator
from placet_api.policy_bundles import ServedBundle
from placet_api.wiring import House
from placet_engine.evaluate import Evaluator


@dataclass(slots=True)
class Ruling:
    """One generation of everything that judges. Ends when it was replaced and nobody uses it any more."""

    number: int
    house: House
    authenticator: Authenticator
    bundle: ServedBundle
    why: str
    _users: int = 0
    _retired: bool = False
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def revision(self) -> str:
        """Of its policy set."""
        return self.house.policy_set.revision

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


class Succession:
    """The ruling, and at most one that waits for OPA to have its policy set."""

    def __init__(self, note: Callable[[Ruling, Ruling], None]) -> None:
        """`note` writes into the log that the second will replace the first; what it raises stops the exchange."""
        self.ruling: Ruling
        self.pending: Ruling | None = None
        self._note = note
        self._exchange = threading.Lock()

    def begin(self, first: Ruling) -> None:
        """The ruling of a start."""
        first.house.published = first.bundle
        self.ruling = first

    def publish(self, following: Ruling) -> None:
        """From now on OPA is given its bundle; what rules goes on ruling."""
        with self._exchange:
            self.pending = following
            self.ruling.house.published = following.bundle

    def withdraw(self, following: Ruling) -> bool:
        """Take a published ruling back. False when it rules already: then nothing can be taken back."""
        with self._exchange:
            if self.ruling is following:
                return False
            self.pending = None
            self.ruling.house.published = self.ruling.bundle
            return True

    def activate(self, following: Ruling) -> None:
        """Note it in the log, then let it rule. Raises what the log raises: then nothing was exchanged."""
        with self._exchange:
            if self.ruling is following:
                return
            self._note(self.ruling, following)
            # A crash before this line leaves a note of a reload that a restart makes true.
            following.house.published = following.bundle
            before, self.ruling, self.pending = self.ruling, following, None
            # Verdicts under what ruled before, which its last requests may still ask for: they verify again.
            following.house.verifier.forget()
        before.retire()

    @contextmanager
    def use(self) -> Iterator[House]:
        """The house that rules, held until the block ends. To be used in the thread that works with it."""
        while not (ruling := self.ruling).enter():
            pass  # it was replaced between the two words; the next one is there already
        try:
            yield ruling.house
        finally:
            ruling.leave()

    @contextmanager
    def judging_by(self, revision: str) -> Iterator[Evaluator | None]:
        """Whoever judges by this revision, held until the block ends; None when nobody does.

        OPA answered by it, so it is there: a ruling that waited for that rules from here on.
        """
        pending = self.pending
        if pending is not None and pending.revision == revision:
            self.activate(pending)
        ruling = self.ruling
        if ruling.revision != revision or not ruling.enter():
            yield None
            return
        try:
            yield ruling.house.evaluator
        finally:
            ruling.leave()
