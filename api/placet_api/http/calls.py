"""Every call of the API in one table: who may make it, what it takes, what it answers.

The routes, the OpenAPI document and the test that walks all routes and roles read this and nothing else. A call that
names no role is made by anybody; there is no other way to be public.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from placet_api.http import deciding, evidence, ruling
from placet_api.http.asked import JSON, Asked, Reply
from placet_api.http.callers import AUDITORS, READERS
from placet_api.http.pages import catalogue, decision, decisions
from placet_api.http.pages.rendering import HTML
from placet_api.wiring import House
from placet_attestations.bundle import MEDIA_TYPE


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `query` are the parameters it knows, `answers` the media type of each success.

    `basic` says that a browser's HTTP Basic counts, too: for pages and for what they link to, and never for a call that
    changes something.
    """

    method: str
    path: str
    roles: frozenset[str]
    answer: Callable[[House, Asked], Reply]
    words: str
    query: Mapping[str, str] = field(default_factory=dict)
    takes: str | None = None
    answers: Mapping[int, str] = field(default_factory=lambda: {200: JSON})
    refuses: tuple[int, ...] = (404,)
    basic: bool = False

    def __post_init__(self) -> None:
        if self.basic and self.method != "GET":
            raise AssertionError("a browser's credentials must change nothing")

    @property
    def page(self) -> bool:
        """Whether it answers with a page; its refusals are pages then, too."""
        return HTML in self.answers.values()


_DIGEST = "sha256: and 64 hexadecimal digits"
_FILTERS = {
    "gate": "a gate",
    "subject": _DIGEST,
    "verdict": " or ".join(deciding.VERDICTS),
    "rule": "a code that denied",
    "actor": "the principal who asked",
    "kind": f"one of {', '.join(deciding.KINDS)}",
    "since": "a time, RFC 3339",
    "until": "a time, RFC 3339",
    "limit": "1 to 1000",
    "cursor": "what the page before called next",
}


def _page(
    path: str,
    answer: Callable[[House, Asked], Reply],
    words: str,
    *,
    query: Mapping[str, str] | None = None,
    status: int = 200,
    refuses: tuple[int, ...] = (),
) -> Call:
    """A page for auditors, whose browser may sign in by Basic."""
    return Call(
        "GET",
        path,
        AUDITORS,
        answer,
        words,
        query=query or {},
        answers={status: HTML},
        refuses=refuses,
        basic=True,
    )


CALLS: tuple[Call, ...] = (
    Call(
        "POST",
        "/v1/attestations",
        frozenset({"submitter"}),
        evidence.take_in,
        "Take in one signed thing or several: JSON lines, an answer of npm or GitHub, a provenance object of PyPI.",
        takes="application/octet-stream",
        answers={200: JSON, 201: JSON},
        refuses=(413, 422),
    ),
    Call(
        "GET",
        "/v1/attestations",
        READERS,
        evidence.held,
        "What is held about a subject, which must be said; the others narrow it.",
        query={"subject": _DIGEST, "predicateType": "a predicate type", "signer": "a signer's id"},
        refuses=(),
    ),
    Call(
        "GET",
        "/v1/attestations/{digest}",
        READERS,
        evidence.bundle,
        "The exact bytes of one bundle.",
        answers={200: MEDIA_TYPE},
        refuses=(404,),
        basic=True,
    ),
    Call(
        "GET",
        "/v1/artifacts",
        READERS,
        evidence.known,
        "Digests with a name, or that begin so.",
        query={"name": "a name or alias", "prefix": "sha256: and at least 12 digits"},
        refuses=(),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}",
        READERS,
        evidence.artifact,
        "One page on an artifact; its decisions for auditors only.",
        refuses=(404,),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}/statements",
        READERS,
        evidence.statements,
        "Every statement about it, and whether it counts.",
        refuses=(404,),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}/lineage",
        READERS,
        evidence.lineage,
        "What it was made from.",
        query={"format": "json, text, dot or svg"},
        answers={200: JSON},
        refuses=(404,),
    ),
    Call(
        "GET",
        "/v1/artifacts/{digest}/decisions",
        AUDITORS,
        deciding.about,
        "Decisions about it, newest first.",
        query={"limit": "1 to 1000", "cursor": "what the page before called next"},
        refuses=(),
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
        query=_FILTERS,
        refuses=(),
    ),
    Call("GET", "/v1/decisions/{id}", AUDITORS, deciding.show, "One decision."),
    Call(
        "GET",
        "/v1/decisions/{id}/proof",
        AUDITORS,
        deciding.prove,
        "The receipt that proves it offline.",
        answers={200: deciding.RECEIPT},
        basic=True,
    ),
    Call(
        "GET",
        "/v1/decisions/{id}/input",
        AUDITORS,
        deciding.facts,
        "Exactly what OPA was asked.",
        basic=True,
    ),
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
    _page("/", decisions.home, "From the bare address to the decisions.", status=302),
    _page(
        "/decisions",
        decisions.listed,
        "Decisions, newest first, with a form of filters. Fields left empty are as if they were not there.",
        query=_FILTERS | {"since": "a day or a time, UTC", "until": "a day or a time, UTC"},
        refuses=(),
    ),
    _page("/decisions/{id}", decision.one, "One decision with its lineage.", refuses=(404,)),
    _page("/catalogue", catalogue.rules, "The rules with their words, and the controls they serve."),
)
