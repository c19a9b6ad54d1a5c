"""Routes on decisions: asking for one, finding one, proving one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from placet_api.errors import UsageError
from placet_api.gate_key import gate_signer, sign_summary
from placet_api.http.asked import JSON, Asked, Reply, as_json, reading
from placet_api.logbook import find_entry, page
from placet_api.summary import require_real
from placet_api.wiring import House
from placet_attestations.digests import Digest
from placet_attestations.requests import Actor
from placet_attestations.strictjson import JsonValue, dumps
from placet_attestations.times import parse_time
from placet_engine.evaluate import GateRequest
from placet_engine.log.tiles import entry_bundle, parse_tile_path
from placet_engine.log.tiles import tile as read_tile

RECEIPT = "application/vnd.placet.proof+json"
OCTETS = "application/octet-stream"
KINDS = ("decision", "evidence", "admission", "reload")
VERDICTS = ("allow", "deny")
_MEMBERS = frozenset({"gate", "subject", "context", "dry_run", "at", "summary"})
_MAX_BODY = 256 * 1024
_MOST_READ = 2000
"""Entries that one question about a rule or a caller reads; the next page goes on from there."""


def decide(house: House, asked: Asked) -> Reply:
    """Judge, log, answer. A denial is an answer like any other; a log that cannot be written leaves none."""
    request, summary = _request(asked)
    signer = None
    if summary:
        # Whether there will be a summary is known before anything is decided.
        require_real(dry_run=request.dry_run, at=request.at)
        signer = gate_signer(house)
    decided = house.evaluator.decide(request)
    decision = decided.decision
    told: dict[str, JsonValue] = {"entry": decided.index, "receipt": decided.receipt.decode()}
    if signer is not None:
        told["summary"] = sign_summary(house, decided, signer).decode()
    # The document goes as the log keeps it: to write it once more would cost as much as to read the whole answer.
    body = b'{"decision":' + decision.document + b"," + dumps(told)[1:]
    return Reply(body, notes={"decision": decision.id, "verdict": decision.verdict})


def _request(asked: Asked) -> tuple[GateRequest, bool]:
    """What is asked, and whether a signed verification summary is wanted with it."""
    body = asked.document(_MAX_BODY)
    if unknown := sorted(body.keys() - _MEMBERS):
        raise UsageError("http.body", f"the body has an unknown member {unknown[0]!r}")
    gate, at = body.get("gate"), body.get("at")
    dry_run, summary = _flag(body, "dry_run"), _flag(body, "summary")
    if not isinstance(gate, str) or not gate:
        raise UsageError("http.body", "gate must be the name of a gate")
    if at is not None and not isinstance(at, str):
        raise UsageError("http.body", "at must be a time, RFC 3339")
    caller = asked.caller
    request = GateRequest(
        gate=gate,
        subject=_subject(body.get("subject")),
        context=_context(body.get("context", {})),
        at=_time(at),
        dry_run=dry_run,
        actor=Actor(caller.id, caller.principal, tuple(sorted(caller.roles))),
        by=asked.by,
    )
    return request, summary


def _flag(body: Mapping[str, JsonValue], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise UsageError("http.body", f"{name} must be true or false")
    return value


def _subject(value: JsonValue) -> Digest:
    if not isinstance(value, dict) or value.keys() != {"digest"} or not isinstance(value["digest"], str):
        raise UsageError("http.body", 'subject must be {"digest": "sha256:…"}')
    with reading():
        return Digest.parse(value["digest"])


def _context(value: JsonValue) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise UsageError("http.body", "context must be an object")
    found: dict[str, str] = {}
    for key, item in value.items():
        if not isinstance(item, str):
            raise UsageError("http.body", f"context.{key[:80]} must be text")
        found[key] = item
    return found


def find(house: House, asked: Asked) -> Reply:
    """Decisions, newest first, a page at a time."""
    found, following = search(house, asked)
    return as_json({"items": found, "next": following})


def about(house: House, asked: Asked) -> Reply:
    """Decisions about one artifact, newest first, a page at a time."""
    return find(house, replace(asked, query={**asked.query, "subject": str(asked.digest())}))


def search(house: House, asked: Asked, *, usual: int = 20) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of one page by the filters in the query, `usual` of them unless it says, and the next page's cursor."""
    query = asked.query
    limit, before = asked.whole("limit", usual, 1000) or 1, query.get("cursor")
    with reading():
        subject = Digest.parse(query["subject"]) if "subject" in query else None
    found, following = page(
        house.log,
        most=_MOST_READ,
        kind=asked.word("kind", KINDS),
        gate=query.get("gate"),
        subject=subject,
        verdict=asked.word("verdict", VERDICTS),
        since=_time(query.get("since")),
        until=_time(query.get("until")),
        limit=limit,
        before=None if before is None else asked.whole("cursor", 0, 10**15),
        rule=query.get("rule"),
        actor=query.get("actor"),
    )
    return found, None if following is None else str(following)


def _time(text: str | None) -> datetime | None:
    with reading():
        return None if text is None else parse_time(text)


def show(house: House, asked: Asked) -> Reply:
    """One decision, proved under the log's key before it is shown."""
    index = find_entry(house.log, asked.path["id"])
    document = house.log.payload(index, "decision").data
    return Reply(b'{"decision":' + document + b',"entry":' + str(index).encode() + b"}")


def prove(house: House, asked: Asked) -> Reply:
    """The receipt of one decision."""
    return Reply(house.log.receipt(find_entry(house.log, asked.path["id"])), RECEIPT)


def facts(house: House, asked: Asked) -> Reply:
    """Exactly what OPA was asked."""
    return Reply(house.log.payload(find_entry(house.log, asked.path["id"]), "input").data, JSON)


def checkpoint(house: House, asked: Asked) -> Reply:  # noqa: ARG001 - the shape of every route
    """The newest signed checkpoint, a C2SP note."""
    return Reply(house.log.head().checkpoint.encode(), "text/plain")


def tile(house: House, asked: Asked) -> Reply:
    """A tile of hashes, or a bundle of entries, as C2SP tlog-tiles; at or below the newest signed size."""
    path, log = parse_tile_path(f"tile/{asked.path['place']}"), house.log
    size = log.head().size
    if path.level == "entries":
        data = entry_bundle(log.store, size, path.index, path.width)
    else:
        data = read_tile(log.store, size, path.level, path.index, path.width)
    return Reply(data, OCTETS, headers={"cache-control": "private, max-age=604800, immutable"})
