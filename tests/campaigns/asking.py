"""Callers of a service that may die at any moment: many threads, each with one connection that it keeps."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaigns.cases import GATE
from tests.campaigns.reckoning import Reckoning
from tests.campaigns.tally import REQUEST

_ANSWER_SECONDS = 60.0
_AGAIN_SECONDS = 0.05  # before a question is asked again


@dataclass(slots=True)
class Place:
    """Where the service is, and which generation of trust is known to rule there. Written by whoever kills."""

    port: int = 0
    ruling: int = 0


@dataclass(slots=True)
class Callers:
    """Asks every question until it has an answer, or `over` is set. `tokens` by the name of a case's actor."""

    reckoning: Reckoning
    place: Place
    tokens: Mapping[str, str]
    over: threading.Event = field(default_factory=threading.Event)
    progress: threading.Condition = field(default_factory=threading.Condition)
    done: int = 0
    _next: int = 0
    _failures: list[BaseException] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int) -> None:
        """So many callers begin."""
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def wait_until(self, done: int, patience: float) -> bool:
        """Whether so many questions were answered, before there was no progress for `patience` seconds."""
        with self.progress:
            while self.done < done and not self._failures:
                before = self.done
                self.progress.wait_for(lambda: self.done > before or bool(self._failures), patience)  # noqa: B023
                if self.done == before:
                    break
            return self.done >= done

    def end(self) -> None:
        """Wait for all of them. Raises what one of them raised."""
        self.over.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _call(self) -> None:
        line = _Line(self.place)
        try:
            while (number := self._take()) is not None:
                self._until_answered(line, number)
        except BaseException as error:  # noqa: BLE001 - a caller that fails must not look like one that is done
            with self.progress:
                self._failures.append(error)
                self.progress.notify_all()
        finally:
            line.close()

    def _take(self) -> int | None:
        with self.progress:
            number = self._next
            if number >= len(self.reckoning.questions) or self.over.is_set():
                return None
            self._next += 1
            return number

    def _until_answered(self, line: _Line, number: int) -> None:
        question = self.reckoning.questions[number]
        asked = {
            "gate": GATE,
            "subject": {"digest": question.subject},
            "context": {**question.case.context, REQUEST: str(number)},
        }
        assert question.case.actor is not None
        token, body = self.tokens[question.case.actor], json.dumps(asked).encode()
        while not self.over.is_set():
            least = self.place.ruling
            try:
                status, told = line.ask(body, token)
            except (OSError, http.client.HTTPException) as error:
                self.reckoning.unheard(type(error).__name__)
                line.close()
            else:
                if self.reckoning.answered(number, status, told, least):
                    break
            time.sleep(_AGAIN_SECONDS)
        with self.progress:
            self.done += 1
            self.progress.notify_all()


class _Line:
    """One kept connection to wherever the service is now."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, body: bytes, token: str) -> tuple[int, Mapping[str, Any]]:
        """Status and body. Raises OSError, HTTPException."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._place.port, timeout=_ANSWER_SECONDS
            )
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._connection.request("POST", "/v1/decisions", body, headers)
        answer = self._connection.getresponse()
        told: Mapping[str, Any] = json.loads(answer.read())
        return answer.status, told

    def close(self) -> None:
        """The next question goes over a new connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
