"""The webhook's door: a small ASGI application that says no in every case but one.

Every POST is answered with HTTP 200 and a review that bears the uid of the question: anything else is a failed call to
the API server, and under `failurePolicy: Ignore` a failed call admits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from placet_api.admission.deciding import Decider, Outcome, denied
from placet_api.admission.environments import Environments
from placet_api.admission.paths import Paths
from placet_api.admission.port import AdmissionJudge, Rates
from placet_api.admission.review import (
    MAX_BYTES,
    MalformedReviewError,
    Review,
    ReviewError,
    TooLargeError,
    decode,
    find_uid,
)
from placet_api.admission.review import answer as review_answer
from placet_api.errors import HOUSE_ERRORS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Ready = Callable[[], Awaitable[Mapping[str, str]]]

PATH: Final = "/v1/admission/validate"
MUTATE: Final = "/v1/admission/mutate"
DEFAULT_SECONDS: Final = 5.0
MAX_SECONDS: Final = 30.0
_MARGIN_SECONDS: Final = 0.2
_MARGIN_PART: Final = 0.1
_TIMEOUT = re.compile(rb"(?:^|&)timeout=([0-9]{1,4})s(?:&|$)")

_LATE: Final = denied("admission.deadline", "Placet could not judge this in time", "try again")

_log = logging.getLogger(__name__)


class _GoneError(Exception):
    """The caller went away before its request was read; there is nobody to answer."""


@dataclass(slots=True)
class _Call:
    """What is known of one POST so far. `uid` is set as soon as it was read; `close` when its body was not."""

    by: float
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    uid: str = ""
    close: bool = True


def seconds(query: bytes) -> float:
    """Seconds that the API server waits (`timeout=5s`), less a margin of 0.2 s or a tenth for the way back."""
    found = _TIMEOUT.search(query)
    given = min(max(float(found.group(1)), 1.0), MAX_SECONDS) if found else DEFAULT_SECONDS
    return given - max(_MARGIN_SECONDS, given * _MARGIN_PART)


async def _always_ready() -> Mapping[str, str]:
    return {}


class Webhook:
    """The ASGI application of the admission listener.

    `cluster` is the cluster's configured name, `actor` who asks as far as the listener proved it (one listener, one
    actor: `kubernetes:unauthenticated` without client certificates). `rates` may be None; `ready` gives what is not
    ready, and why. `clock` counts seconds, and `Question.by` is on it.
    """

    def __init__(  # noqa: PLR0913 - everything it works with is passed in
        self,
        judge: AdmissionJudge,
        environments: Environments,
        paths: Paths,
        *,
        cluster: str,
        actor: str,
        rates: Rates | None = None,
        ready: Ready = _always_ready,
        clock: Callable[[], float] = time.monotonic,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._decider = Decider(judge, environments, paths, cluster, actor)
        self._actor = actor
        self._rates = rates
        self._ready = ready
        self._clock = clock
        self._max_bytes = max_bytes
        self._late: set[asyncio.Task[Outcome]] = set()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One connection of ASGI 3: a request, the listener's life, or a WebSocket (closed)."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._get(scope, send)

    async def _get(self, scope: Mapping[str, Any], send: Send) -> None:
        if scope["path"] in (PATH, MUTATE):
            await _respond(send, 405, b'{"error":"POST an AdmissionReview"}')
        elif scope["method"] not in {"GET", "HEAD"} or scope["path"] not in {"/healthz", "/readyz"}:
            await _respond(send, 404, b'{"error":"there is nothing here"}')
        elif scope["path"] == "/healthz":
            await _respond(send, 200, b'{"live":true}')
        else:
            missing = await self._missing()
            body = json.dumps({"ready": not missing, "missing": dict(missing)}).encode()
            await _respond(send, 503 if missing else 200, body)

    async def _missing(self) -> Mapping[str, str]:
        try:
            return await self._ready()
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            _log.exception("readiness could not be found out")
            return {"readiness": "it could not be found out"}

    async def _post(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        call = _Call(self._clock() + seconds(scope.get("query_string", b"")))
        try:
            outcome = await self._outcome(call, scope, receive)
        except _GoneError:
            return
        except ReviewError as error:
            call.uid = call.uid or error.uid or ""
            outcome = denied(error.code, error.message, error.hint)
        except HOUSE_ERRORS as error:
            outcome = denied(error.code, error.message, error.hint)
        except Exception:  # noqa: BLE001 - no error of any kind may leave without a denial
            _log.exception("an admission review could not be judged")
            outcome = denied("admission.failed", "Placet could not judge this; its own log says why")
        uid = call.uid or find_uid(b"".join(call.parts))
        body = review_answer(
            uid,
            outcome.allowed,
            outcome.message,
            outcome.code,
            outcome.warnings,
            outcome.audit,
            outcome.patch,
        )
        await _respond(send, 200, body, close=call.close)

    async def _outcome(self, call: _Call, scope: Mapping[str, Any], receive: Receive) -> Outcome:
        """Read, and answer from what is known; what has to be judged gets a task that the deadline ends."""
        try:
            async with asyncio.timeout(max(0.0, call.by - self._clock())):
                await self._read(call, receive)
            review = self._review(call, scope)
            if scope["path"] == MUTATE:
                return await self._in_time(call, self._decider.pin(review))
            case = self._decider.read(review, call.by)
            if case.outcome is not None:
                return await self._decider.decide(case, call.by)
            return await self._in_time(call, self._decider.decide(case, call.by))
        except TimeoutError:
            return _LATE

    async def _in_time(self, call: _Call, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """The outcome, or a denial at the deadline, also when what is late does not let itself be stopped."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=max(0.0, call.by - self._clock()))
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done and task.cancelled():
            # Cancelled from within, as a pool does that ends; raised here it would leave the caller without an answer.
            return denied("admission.failed", "what judges was stopped", "try again")
        if done:
            return task.result()
        self._late.add(task)
        task.add_done_callback(self._forget)
        task.cancel()
        return _LATE

    def _forget(self, task: asyncio.Task[Outcome]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("an admission review failed after its deadline", exc_info=task.exception())

    def _review(self, call: _Call, scope: Mapping[str, Any]) -> Review:
        if scope["path"] not in (PATH, MUTATE):
            raise MalformedReviewError(
                "admission.path", f"admission reviews are taken at {PATH} and {MUTATE}"
            )
        if not _is_json(scope):
            raise MalformedReviewError("admission.media_type", "a review is application/json")
        review = decode(b"".join(call.parts), max_bytes=self._max_bytes)
        call.uid = review.uid
        if self._rates is not None:
            # After the uid is known: a denial without it would be a failed call.
            self._rates.take(self._actor)
        return review

    async def _read(self, call: _Call, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise _GoneError
            # Pieces, not one buffer that grows: growing copies it again and again, and leaves holes in the memory.
            call.parts.append(message.get("body", b""))
            call.size += len(call.parts[-1])
            if call.size > self._max_bytes:
                raise TooLargeError(
                    "admission.too_large", f"the review is larger than {self._max_bytes} bytes"
                )
            if not message.get("more_body", False):
                call.close = False
                return


def _is_json(scope: Mapping[str, Any]) -> bool:
    types = [value for name, value in scope.get("headers", ()) if name.lower() == b"content-type"]
    return len(types) == 1 and types[0].split(b";")[0].strip().lower() == b"application/json"


async def _respond(send: Send, status: int, body: bytes, *, close: bool = False) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
