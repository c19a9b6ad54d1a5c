"""Probers of the admission webhook: they knock before it is up, and from then on ask about a bad and a good Pod."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.campaigns.reviews import PATH, pod_review

_KNOCK_SECONDS: Final = 0.005  # between two attempts to connect
_ANSWER_SECONDS: Final = 60.0
_ROUND_SECONDS: Final = 0.02  # between two rounds of a prober: the machine has other work, too


@dataclass(frozen=True, slots=True)
class Pod:
    """What is asked about: images, and whether it may run."""

    name: str
    images: tuple[str, ...]
    initial: tuple[str, ...] = ()
    good: bool = False


@dataclass(slots=True)
class Sight:
    """What all probers saw. `wrong` must stay empty; times are of `time.monotonic`."""

    bad: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    first: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    entries: set[str] = field(default_factory=set)
    connected: float | None = None
    admitted: dict[int, float] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def again(self) -> None:
        """The webhook starts anew: nobody was let in yet."""
        with self.changed:
            self.connected = None
            self.admitted.clear()

    def opened(self) -> None:
        """A connection was accepted."""
        with self.changed:
            self.connected = self.connected or time.monotonic()

    def failed(self, error: Exception) -> None:
        """No connection, or no answer."""
        with self.changed:
            self.errors[type(error).__name__] += 1

    def answered(self, prober: int, pod: Pod, uid: str, status: int, body: bytes, *, first: bool) -> None:
        """One answer; `first` when it is the first one on a connection."""
        with self.changed:
            try:
                code, allowed, entry = _read(status, body, uid)
            except (ValueError, KeyError, TypeError) as error:
                self.wrong.append(f"{pod.name}: no answer to a review ({error}): {status} {body[:200]!r}")
                return
            if allowed and not pod.good:
                self.wrong.append(f"{pod.name} was allowed: {body.decode()}")
            if allowed and entry is None:
                self.wrong.append(f"{pod.name} was allowed without an entry in the log")
            elif entry is not None:
                self.entries.add(entry)
            told = "allowed" if allowed else f"denied {code}"
            (self.good if pod.good else self.bad)[told] += 1
            if first:
                self.first[told] += 1
            if allowed and pod.good:
                self.admitted.setdefault(prober, time.monotonic())
                self.changed.notify_all()


def _read(status: int, body: bytes, uid: str) -> tuple[str, bool, str | None]:
    """Code, verdict, entry of an answer. Raises ValueError, KeyError, TypeError when it is not one to this review."""
    if status != 200:
        raise ValueError("its status is not 200")
    told: Mapping[str, Any] = json.loads(body)
    response = told["response"]
    if told["kind"] != "AdmissionReview" or response["uid"] != uid or type(response["allowed"]) is not bool:
        raise ValueError("its shape is another one")
    audit = response.get("auditAnnotations", {})
    return str(audit.get("code")), response["allowed"], audit.get("entry")


class Prober:
    """One thread with one connection at a time, which it keeps until the webhook is gone."""

    def __init__(
        self, number: int, port: int, context: ssl.SSLContext, pods: Sequence[Pod], sight: Sight
    ) -> None:
        self._number, self._port, self._context = number, port, context
        self._pods, self._sight = pods, sight
        self._asked = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._probe, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """No more rounds."""
        self._over.set()
        self._thread.join()

    def _probe(self) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, context=self._context, timeout=_ANSWER_SECONDS
            )
            try:
                connection.connect()
                self._sight.opened()
                self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self._sight.failed(error)
                self._over.wait(_KNOCK_SECONDS)
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPSConnection) -> None:
        first = True
        while not self._over.wait(0 if first else _ROUND_SECONDS):
            for pod in self._pods:
                self._asked += 1
                uid = f"{self._number}-{self._asked}"
                body = pod_review(uid, pod.images, pod.initial)
                connection.request("POST", PATH, body, {"content-type": "application/json"})
                answer = connection.getresponse()
                self._sight.answered(self._number, pod, uid, answer.status, answer.read(), first=first)
                first = False
