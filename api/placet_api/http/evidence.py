"""Routes on attestations and artifacts: what came in, and what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from placet_api.errors import HOUSE_ERRORS, HouseError, UsageError
from placet_api.http.asked import Asked, Reply, as_json, reading
from placet_api.http.callers import AUDITORS
from placet_api.http.problems import PROBLEM, problem, status_of
from placet_api.lookup import AdmittedNames
from placet_api.showing import page
from placet_api.verifying import verify_artifact
from placet_api.wiring import House
from placet_attestations.bundle import MEDIA_TYPE
from placet_attestations.containers import Piece, pieces
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.limits import Limits
from placet_attestations.times import format_time
from placet_engine.intake import TakenIn
from placet_engine.lineage.render import as_dot, as_text
from placet_engine.lineage.render import as_json as lineage_json
from placet_engine.lineage.svg import render_svg

_MAX_PIECES = 1000
_FORMS = {
    "json": (lineage_json, "application/json"),
    "text": (as_text, "text/plain"),
    "dot": (as_dot, "text/plain"),
    "svg": (render_svg, "image/svg+xml"),
}


def take_in(house: House, asked: Asked) -> Reply:
    """Take in one signed thing, or each of several (`containers.py`): each by itself."""
    items: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    new = False
    first: HouseError | None = None
    for piece in _pieces(asked.body, house.limits):
        try:
            taken = house.intake.take_in(piece.raw)
        except HOUSE_ERRORS as error:
            if status_of(error) == 503:
                # What cannot be kept or logged is nobody's fault but ours, and no word on the bundle.
                raise
            first = first or error
            refused.append({**_place(piece), "code": error.code, "detail": str(error), "hint": error.hint})
            continue
        items.append(_taken(taken) | _place(piece))
        new = new or taken.new
    if first is not None and not items:
        if isinstance(first, MalformedError) and first.where == "bundle" and first.code.startswith("json."):
            # Not evidence that does not hold, but a request that is no JSON.
            first = UsageError(first.code, first.message, where=first.where, hint=first.hint)
        status, body = problem(first, refused=refused)
        return Reply(body, PROBLEM, status)
    return as_json({"items": items, "refused": refused}, 201 if new else 200)


def _pieces(body: bytes, limits: Limits) -> tuple[Piece, ...]:
    try:
        return pieces(body, replace(limits, max_pieces=_MAX_PIECES))
    except MalformedError as error:
        if error.code != "container.too_many":
            raise
        raise UsageError(
            "http.too_large", f"more than {_MAX_PIECES} bundles in one request", hint="send fewer"
        ) from error


def _place(piece: Piece) -> dict[str, Any]:
    """Which one of the request it is: the line, and where a document held several the number in it."""
    place: dict[str, Any] = {"line": piece.line or 1}
    return place if piece.part is None else {**place, "part": piece.part}


def _taken(taken: TakenIn) -> dict[str, Any]:
    verified = taken.verified
    return {
        "digest": verified.digest,
        "statement": verified.digest,
        "type": verified.type,
        "predicateType": verified.statement.predicate_type,
        "subjects": [subject.digest for subject in verified.statement.subjects],
        "signer": verified.signer.id,
        "principal": verified.signer.principal,
        "entry": taken.entry,
        "new": taken.new,
    }


def bundle(house: House, asked: Asked) -> Reply:
    """The exact bytes of one bundle."""
    raw = house.store.get(asked.digest())
    if raw is None:
        raise UsageError("attestation.unknown", f"no attestation {asked.digest()} is held here")
    return Reply(raw, MEDIA_TYPE)


def held(house: House, asked: Asked) -> Reply:
    """What is held about one subject, verified again."""
    text = asked.query.get("subject")
    if text is None:
        raise UsageError(
            "http.query",
            "subject is needed: ?subject=sha256:…",
            hint="predicateType and signer only narrow what is held about a subject",
        )
    with reading():
        subject = Digest.parse(text)
    found = house.reader.about(subject).arrived
    rows = [
        {
            "digest": item.verified.digest,
            "statement": item.verified.digest,
            "type": item.verified.type,
            "predicateType": item.verified.statement.predicate_type,
            "signer": item.verified.signer.id,
            "principal": item.verified.signer.principal,
            "since": format_time(item.since),
        }
        for item in found
        if asked.query.get("predicateType") in (None, item.verified.statement.predicate_type)
        and asked.query.get("signer") in (None, item.verified.signer.id)
    ]
    return as_json({"items": rows})


def known(house: House, asked: Asked) -> Reply:
    """Digests that admitted statements tie to a name, or that begin so."""
    names = AdmittedNames(house.store, house.lineage)
    name, prefix = asked.query.get("name"), asked.query.get("prefix")
    if (name is None) == (prefix is None):
        raise UsageError("http.query", "say ?name=NAME or ?prefix=sha256:…, one of them")
    if name is not None:
        return as_json({"items": list(names.by_name(name) if name.isprintable() else ())})
    assert prefix is not None
    if not prefix.startswith("sha256:") or len(prefix) < 7 + 12:
        raise UsageError("http.query", "a prefix is sha256: and twelve or more digits")
    with reading():
        return as_json({"items": list(names.by_prefix(prefix))})


def artifact(house: House, asked: Asked) -> Reply:
    """One page on an artifact; without its decisions for whoever may not see decisions, and it says so."""
    return as_json(page(house, asked.digest(), decisions=bool(asked.caller.roles & AUDITORS)))


def statements(house: House, asked: Asked) -> Reply:
    """Every statement about it, and whether it counts."""
    return as_json({"items": [row.as_json() for row in verify_artifact(house, asked.digest())]})


def lineage(house: House, asked: Asked) -> Reply:
    """What it was made from."""
    form = asked.query.get("format", "json")
    if form not in _FORMS:
        raise UsageError("http.query", f"no format {form!r}", hint=f"one of {', '.join(_FORMS)}")
    render, media = _FORMS[form]
    return Reply(render(house.lineage(asked.digest())).encode(), media)
