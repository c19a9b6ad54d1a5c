"""One call of the webhook without a network: messages in, messages out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from placet_api.admission.webhook import PATH, Webhook

JSON = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `status` is 0 when nothing did."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def response(self) -> dict[str, Any]:
        """The AdmissionReview's response."""
        assert self.status == 200
        tree = json.loads(self.body)
        assert (tree["apiVersion"], tree["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response = tree["response"]
        assert isinstance(response, dict)
        return response

    @property
    def code(self) -> str:
        """The denial's code; an allowed review fails the test."""
        assert self.response["allowed"] is False
        return str(self.response["auditAnnotations"]["code"])


async def exchange(webhook: Webhook, scope: dict[str, Any], messages: Iterable[dict[str, Any]]) -> list[Any]:
    """Hand in the messages, one by one, and collect what is sent; after the last one nothing more comes."""
    waiting = iter(messages)
    sent: list[Any] = []

    async def receive() -> MutableMapping[str, Any]:
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await webhook(scope, receive, send)
    return sent


def ask(
    webhook: Webhook,
    *chunks: bytes,
    method: str = "POST",
    path: str = PATH,
    query: bytes = b"timeout=5s",
    headers: Iterable[tuple[bytes, bytes]] = JSON,
    after: dict[str, Any] | None = None,
) -> Reply:
    """One request with its body in chunks; with `after` the last chunk is none, and this message follows."""
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request"} if after is None else after)
    sent = asyncio.run(exchange(webhook, scope, messages))
    if not sent:
        return Reply(0, {}, b"")
    start, body = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(found["content-length"]) == len(body["body"])
    return Reply(start["status"], found, body["body"])
