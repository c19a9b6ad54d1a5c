"""Every call of the API in one table: who may make it, what it takes, what it answers.

The routes, the OpenAPI document and the test that walks all routes and roles read this and nothing else. A call that
names no role is made by anybody; there is no other way to be public.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from placet_api.http import deciding, evidence, ruling
from placet_api.http.asked import JSON, Asked, Reply
from placet_api.wiring import House
from placet_attestations.bundle import MEDIA_TYPE

READERS = frozenset({"submitter", "gate", "auditor", "admin"})
AUDITORS = frozenset({"auditor", "admin"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `query` are the parameters it knows, `answers` the media type of each success."""

    method: str
    path: str
    roles: frozenset[str]
    answer: Callable[[House, Asked], Reply]
    words: str
    query: Mapping[str, str] = field(default_factory=dict)
    takes: str | None = None
    answers: Mapping[int, str] = field(default_factory=lambda: {200: JSON})
    refuses: tuple[int, ...] = (404,)


_DIGEST = "sha256: and 64 hexadecimal digits"

CALLS: tuple[Call, ...] = (
    Call(
        "POST",
        "/v1/attestations",
        frozenset({"submitter"}),
        evidence.take_in,
        "Take in one bundle, or JSON lines with a bundle a line.",
        takes="application/octet-stream",
        answers={200: JSON, 201: JSON},
        refuses=(413, 422),
    ),
    Call(
        "GET",
        "/v1/attestations",
        READERS,
        evidence.held,
        "What is held about a subject.",
        query={"subject": _DIGEST, "predicateType": "a predicate type", "signer": "a signer's id"},
        refuses=(422,),
    ),
    Call(
        "GET",
        "/v1/attestations/{digest}",
        READERS,
        evidence.bundle,
        "The exact bytes of one bundle.",
        answers={200: MEDIA_TYPE},
        refuses=(404, 422),
    ),
    Call(
        "GET",
        "/v1/artifacts",
        READERS,
        evidence.known,
        "Digests with a name, or that begin so.",
        query={"name": "a name or alias", "prefix": "sha256: and at least 12 digits"},
        refuses=(422,),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}",
        READERS,
        evidence.artifact,
        "One page on an artifact.",
        refuses=(404, 422),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}/statements",
        READERS,
        evidence.statements,
        "Every statement about it, and whether it counts.",
        refuses=(404, 422),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}/lineage",
        READERS,
        evidence.lineage,
        "What it was made from.",
        query={"format": "json, text, dot or svg"},
        answers={200: JSON},
        refuses=(404, 422),
    ),
    Call(
        "POST",
        "/v1/decisions",
        frozenset({"gate"}),
        deciding.decide,
        "Ask a gate about an artifact. Whatever the verdict, it is logged before it is answered.",
        query={"timeout": "how long the caller waits, such as 2s"},
        takes=JSON,
        refuses=(413, 422),
    ),
    Call(
        "GET",
        "/v1/decisions",
        AUDITORS,
        deciding.find,
        "Decisions, newest first.",
        query={
            "gate": "a gate",
            "subject": _DIGEST,
            "verdict": "allow or deny",
            "rule": "a code that denied",
            "actor": "the principal who asked",
            "kind": "decision, evidence or reload",
            "since": "a time, RFC 3339",
            "until": "a time, RFC 3339",
            "limit": "1 to 1000",
            "cursor": "what the page before called next",
        },
        refuses=(422,),
    ),
    Call("GET", "/v1/decisions/{id}", AUDITORS, deciding.show, "One decision."),
    Call(
        "GET",
        "/v1/decisions/{id}/proof",
        AUDITORS,
        deciding.prove,
        "The receipt that proves it offline.",
        answers={200: deciding.RECEIPT},
    ),
    Call("GET", "/v1/decisions/{id}/input", AUDITORS, deciding.facts, "Exactly what OPA was asked."),
    Call(
        "GET",
        "/checkpoint",
        AUDITORS,
        deciding.checkpoint,
        "The newest signed checkpoint of the log.",
        answers={200: "text/plain"},
    ),
    Call(
        "GET",
        "/tile/{place:path}",
        AUDITORS,
        deciding.tile,
        "The log as tlog-tiles: tile/LEVEL/INDEX, tile/entries/INDEX.",
        answers={200: deciding.OCTETS},
    ),
    Call("GET", "/v1/policies", READERS, ruling.policies, "Which policy set judges."),
    Call("GET", "/v1/policies/catalogue", READERS, ruling.rules, "The rules with their words."),
    Call(
        "GET",
        "/bundles/placet.tar.gz",
        frozenset({"gate", "auditor", "admin"}),
        ruling.bundle,
        "The policy bundle, for OPA.",
        answers={200: ruling.GZIP, 304: ruling.GZIP},
    ),
)
