"""What the webhook needs from the house: somebody who judges digests, and a log that keeps what was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Question:
    """Whether these digests may run in this environment.

    `workload`: a workload is created, or its images change, so the gate is `deploy/ENV`. Else it is a Pod or an
    unchanged workload: `running/ENV` for a digest that was admitted there before, `deploy/ENV` for any other.
    `context` has `cluster` and `namespace`. `by` is when the answer must stand, on the webhook's monotonic clock.
    """

    environment: str
    digests: tuple[str, ...]
    workload: bool
    context: Mapping[str, str]
    dry_run: bool
    by: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One digest at one gate. `reasons` are codes with their messages; `repeated`: no new decision was made."""

    digest: str
    gate: str
    verdict: Literal["allow", "deny"]
    decision: str
    reasons: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was judged, and by which revision of the policies. A digest without a result is not allowed."""

    results: tuple[Judged, ...]
    revision: str


class AdmissionJudge(Protocol):
    """The house behind the webhook."""

    async def judge(self, question: Question) -> Ruling:
        """Judge all digests of one object. Raises any error of the house; `BusyError` when it is full."""
        ...

    def recall(self, question: Question) -> Ruling | None:
        """The answers to this question that may be given again, each `repeated`; None when one has to be judged."""
        ...

    async def called(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """By name: the digests that admitted statements call so, and of which kind they are; errors as `judge`."""
        ...

    async def note(self, record: Mapping[str, Any], by: float) -> str:
        """Write what is about to be answered into the log; the entry's id.

        Raises `LogError` when it cannot, `TimeoutError` when it could not before `by`.
        """
        ...


class Rates(Protocol):
    """Who may ask how often."""

    def take(self, key: str, /) -> None:
        """Count one request of this caller; raises `AccessError` (429) when it was one too many."""
        ...
