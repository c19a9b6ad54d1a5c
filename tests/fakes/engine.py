"""A policy engine in memory: answers what it was told to, in every way an engine can."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from placet_engine.policy.port import Answer, PolicyEngine, Result, Unreachable

REVISION = "0" * 64


class FakeEngine:
    """A `PolicyEngine`. `answers`: one for all questions, a function of the question, or one after the other.

    `questions` holds the bytes of every question and its time limit. When a sequence is used up, the engine is
    `Unreachable`, as a real one that is gone.
    """

    def __init__(
        self,
        answers: Answer | Callable[[Mapping[str, Any]], Answer] | Iterable[Answer],
        *,
        revision: str = REVISION,
    ) -> None:
        self.revision = revision
        self.questions: list[tuple[bytes, float]] = []
        self.closed = False
        self._lock = threading.Lock()
        self._sequence: Iterator[Answer] | None = iter(answers) if isinstance(answers, Iterable) else None
        self._answers = answers

    def ask(self, input: bytes, *, timeout: float) -> Answer:
        with self._lock:
            self.questions.append((input, timeout))
            if self.closed:
                return Unreachable("OPA was closed")
            if self._sequence is not None:
                return next(self._sequence, Unreachable("no more answers"))
        if callable(self._answers):
            return self._answers(json.loads(input))
        assert not isinstance(self._answers, Iterable)
        return self._answers

    def close(self) -> None:
        self.closed = True


def result(document: object, *, revision: str = REVISION) -> Result:
    """A result whose bytes are `document` as JSON."""
    return Result(json.dumps(document, separators=(",", ":")).encode(), revision)


_: type[PolicyEngine] = FakeEngine
