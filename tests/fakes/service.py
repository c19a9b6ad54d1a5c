"""A whole small Placet service on loopback, over the house of a real project; and servers that answer as no service.

with serving(folder) as service:
    call("--server", service.url, "gate", GATE, "model.json")
with answering(b"HTTP/1.1 200 OK\\r\\n…") as url: ...
"""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from placet_api import logbook, showing, verifying
from placet_api.errors import HOUSE_ERRORS, DoorError, HouseError, UsageError
from placet_api.gate_key import gate_signer, sign_summary
from placet_api.lookup import AdmittedNames
from placet_api.project import open_project
from placet_api.wiring import House, open_house
from placet_attestations.digests import Digest
from placet_attestations.errors import VerificationError
from placet_attestations.requests import Actor
from placet_attestations.times import parse_time
from placet_engine.errors import LogError
from placet_engine.evaluate import GateRequest
from placet_engine.lineage.render import as_dot, as_json, as_text

TOKEN = "token-of-the-tests"
ACTOR = Actor("ci", "ci@example.org", ("gate",))


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a status, a media type, the body."""

    status: int
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Twist = Callable[[Request, Answer], Answer]


@dataclass(slots=True)
class Service:
    """The calls of the contract over one project. `twist` changes what it says; `seen` is what it was asked."""

    folder: Path
    url: str = ""
    twist: Twist = lambda _, answer: answer
    seen: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        self.seen.append(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "access.unknown", "nobody here has this token")
        try:
            with open_house(open_project(self.folder, {}, dict(os.environ))) as house:
                return self.twist(request, _route(house, request))
        except HOUSE_ERRORS as error:
            return self.twist(
                request, problem(_status(error), error.code, error.message, error.hint, error.where)
            )


def as_answer(value: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, "application/json", json.dumps(value).encode())


def problem(
    status: int, code: str, detail: str, hint: str | None = None, where: str | None = None, **more: object
) -> Answer:
    """A problem+json answer."""
    body = {"type": "about:blank", "title": "no", "status": status, "detail": detail, "code": code}
    told = json.dumps(body | {"hint": hint, "where": where} | more).encode()
    return Answer(status, "application/problem+json", told)


@contextmanager
def serving(folder: Path, context: ssl.SSLContext | None = None) -> Iterator[Service]:
    """A service over the project in `folder`, over TLS with a context."""
    service = Service(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query))
            answer = service.answer(Request(self.command, unquote(parts.path), query, headers, body))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            return

    with _listening(Handler, context) as port:
        service.url = f"{'http' if context is None else 'https'}://127.0.0.1:{port}"
        yield service


@contextmanager
def answering(raw: bytes, *, then: threading.Event | None = None) -> Iterator[str]:
    """The URL of a server that answers whatever comes with `raw`, and ends the line (once `then` is set)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.connection.recv(65536)
            self.wfile.write(raw)
            if then is not None:
                then.wait()
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(65536):  # closing on what was not read would cut the answer off
                pass

    with _listening(Handler, None) as port:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            if then is not None:
                then.set()


@contextmanager
def _listening(
    handler: type[http.server.BaseHTTPRequestHandler], context: ssl.SSLContext | None
) -> Iterator[int]:
    class Server(http.server.HTTPServer):
        def handle_error(self, *_: object) -> None:  # a client that hangs up is no news
            return

    with Server(("127.0.0.1", 0), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _status(error: HouseError) -> int:
    match error:
        case VerificationError():
            return 422
        case LogError(code="log.not_found" | "log.ambiguous"):
            return 404
        case LogError():
            return 503
        case DoorError():
            return 400
    return 400


def _route(house: House, request: Request) -> Answer:
    query = request.query
    match (request.method, *request.path.strip("/").split("/")):
        case ("POST", "v1", "decisions"):
            return _decide(house, json.loads(request.body))
        case ("POST", "v1", "attestations"):
            return _take_in(house, request.body)
        case ("GET", "v1", "artifacts"):
            names = AdmittedNames(house.store, house.lineage)
            found = names.by_prefix(query["prefix"]) if "prefix" in query else names.by_name(query["name"])
            return as_answer({"items": list(found)})
        case ("GET", "v1", "artifacts", digest):
            return as_answer(showing.page(house, digest))
        case ("GET", "v1", "artifacts", digest, "statements"):
            return as_answer({"items": [row.as_json() for row in verifying.verify_artifact(house, digest)]})
        case ("GET", "v1", "artifacts", digest, "lineage"):
            render = {"text": as_text, "json": as_json, "dot": as_dot}[query["format"]]
            return Answer(200, "text/plain", render(house.lineage(Digest.parse(digest))).encode())
        case ("GET", "v1", "decisions"):
            return _find(house, query)
        case ("GET", "v1", "decisions", text, *what):
            return _one(house, logbook.find_entry(house.reading_log, text), what)
        case ("GET", "checkpoint"):
            return Answer(200, "text/plain", logbook.checkpoint(house.project, keep=False).encode())
    raise UsageError("http.not_found", f"nothing is at {request.path}")


def _decide(house: House, asked: dict[str, Any]) -> Answer:
    at = asked.get("at")
    request = GateRequest(
        asked["gate"],
        Digest.parse(asked["subject"]["digest"]),
        asked["context"],
        at=None if at is None else parse_time(at),
        dry_run=asked.get("dry_run", False),
        actor=ACTOR,
    )
    signer = gate_signer(house) if asked.get("summary") else None
    made = house.evaluator.decide(request)
    told = {"decision": made.decision.body, "entry": made.index, "receipt": made.receipt.decode()}
    return as_answer(
        told if signer is None else told | {"summary": sign_summary(house, made, signer).decode()}
    )


def _take_in(house: House, raw: bytes) -> Answer:
    try:
        taken = house.intake.take_in(raw)
    except HOUSE_ERRORS as error:
        row = {"line": 1, "code": error.code, "title": "refused", "detail": error.message, "hint": error.hint}
        return problem(
            422, "attestations.refused", "no bundle was taken in", refused=[row | {"where": error.where}]
        )
    signer = taken.verified.signer
    item: dict[str, object] = {"statement": taken.digest, "type": taken.verified.type, "signer": signer.id}
    item |= {"principal": signer.principal, "entry": taken.entry, "new": taken.new}
    return as_answer({"items": [item], "refused": []}, 201 if taken.new else 200)


def _find(house: House, query: Mapping[str, str]) -> Answer:
    """Two rows a page: clients have to turn pages."""
    limit = min(int(query["limit"]), 2)
    found = logbook.rows(
        house.reading_log,
        kind=query.get("kind"),
        gate=query.get("gate"),
        subject=query.get("subject"),
        verdict=query.get("verdict"),
        rule=query.get("rule"),
        actor=query.get("actor"),
        before=int(query["cursor"]) if "cursor" in query else None,
        limit=limit,
    )
    return as_answer({"items": found, "next": str(found[-1]["entry"]) if len(found) == limit else None})


def _one(house: House, index: int, what: list[str]) -> Answer:
    if what == ["proof"]:
        return Answer(200, "application/json", house.reading_log.receipt(index))
    if what == ["input"]:
        return Answer(200, "application/json", house.reading_log.payload(index, "input").data)
    return as_answer({"decision": logbook.shown(house.reading_log, index).body, "entry": index})
