"""The port to a policy engine: ask with bytes, get a typed answer, never an exception.

An answer says what happened to the question, not what the policy says; only `Result` holds bytes that
`placet_engine.policy.answer` may turn into a verdict. Everything else is a reason to deny (design.md section
1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Result:
    """The engine evaluated the expected policy set. `raw` is the exact bytes of the result, nothing
    re-encoded.
    """

    raw: bytes
    revision: str


@dataclass(frozen=True, slots=True)
class Undefined:
    """The expected policy set has no result for this input: a fault of the policy set, never an allow."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The engine answered, but not with a result: an HTTP status and its own words (shortened).

    A 200 is refused as well when its body is not what OPA's API promises. Asking again gives the same answer.
    """

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A running engine did not answer in time; the evaluation was cancelled."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There was no engine to ask, or it died while it was asked. A later question may succeed."""

    text: str


@dataclass(frozen=True, slots=True)
class WrongBundle:
    """The engine evaluated another policy set than expected; `got` names it ("" when it named none)."""

    got: str


Answer: TypeAlias = Result | Undefined | Refused | TimedOut | Unreachable | WrongBundle


class NoEngine:
    """The engine of a house that has none: it answers nothing, so nothing is ever allowed by it."""

    revision = ""

    def ask(self, input: bytes, *, timeout: float) -> Answer:  # noqa: ARG002 - the port's shape
        """Always `Unreachable`."""
        return Unreachable("there is no OPA")

    def close(self) -> None:
        """Nothing to end."""


NO_ENGINE = NoEngine()


class PolicyEngine(Protocol):
    """Evaluates one policy set, the one that `revision` names (64 hex digits)."""

    @property
    def revision(self) -> str:
        """The directory identity of the policy set that every `Result` was computed with."""

    def ask(self, input: bytes, *, timeout: float) -> Answer:
        """Evaluate `data.placet.main.decision` for one encoded JSON object, within `timeout` seconds.

        Never raises for what an engine or a network does; never sends a question twice. May be called from
        many threads at once. When it returns `TimedOut`, the evaluation was told to stop.
        """

    def close(self) -> None:
        """End it and give back what it holds; may be called twice. Questions after this are `Unreachable`."""
