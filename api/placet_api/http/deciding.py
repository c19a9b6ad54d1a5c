"""Routes on decisions: asking for one, finding one, proving one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from placet_api.errors import UsageError
from placet_api.http.asked import JSON, Asked, Reply, as_json
from placet_api.logbook import find_entry, rows
from placet_api.wiring import House
from placet_attestations.digests import Digest
from placet_attestations.requests import Actor
from placet_attestations.strictjson import JsonValue
from placet_attestations.times import parse_time
from placet_engine.evaluate import GateRequest
from placet_engine.log.tiles import entry_bundle, parse_tile_path
from placet_engine.log.tiles import tile as read_tile

RECEIPT = "application/vnd.placet.proof+json"
OCTETS = "application/octet-stream"
_MEMBERS = frozenset({"gate", "subject", "context", "dry_run", "at"})
_MAX_BODY = 256 * 1024


def decide(house: House, asked: Asked) -> Reply:
    """Judge, log, answer. A denial is an answer like any other; a log that cannot be written leaves none."""
    decided = house.evaluator.decide(_request(asked))
    decision = decided.decision
    told = {"decision": decision.body, "entry": decided.index, "receipt": decided.receipt.decode()}
    return as_json(told, decision=decision.id, verdict=decision.verdict)


def _request(asked: Asked) -> GateRequest:
    body = asked.document(_MAX_BODY)
    if unknown := sorted(body.keys() - _MEMBERS):
        raise UsageError("http.body", f"the body has an unknown member {unknown[0]!r}")
    gate, at, dry_run = body.get("gate"), body.get("at"), body.get("dry_run", False)
    if not isinstance(gate, str) or not gate:
        raise UsageError("http.body", "gate must be the name of a gate")
    if not isinstance(dry_run, bool):
        raise UsageError("http.body", "dry_run must be true or false")
    if at is not None and not isinstance(at, str):
        raise UsageError("http.body", "at must be a time, RFC 3339")
    caller = asked.caller
    return GateRequest(
        gate=gate,
        subject=_subject(body.get("subject")),
        context=_context(body.get("context", {})),
        at=None if at is None else parse_time(at),
        dry_run=dry_run,
        actor=Actor(caller.id, caller.principal, tuple(sorted(caller.roles))),
        by=asked.by,
    )


def _subject(value: JsonValue) -> Digest:
    if not isinstance(value, dict) or value.keys() != {"digest"} or not isinstance(value["digest"], str):
        raise UsageError("http.body", 'subject must be {"digest": "sha256:…"}')
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
    query = asked.query
    limit, before = asked.whole("limit", 20, 1000) or 1, query.get("cursor")
    subject = query.get("subject")
    found = rows(
        house.log,
        kind=query.get("kind"),
        gate=query.get("gate"),
        subject=None if subject is None else Digest.parse(subject),
        verdict=query.get("verdict"),
        since=_time(query.get("since")),
        until=_time(query.get("until")),
        limit=limit,
        before=None if before is None else asked.whole("cursor", 0, 10**15),
        rule=query.get("rule"),
        actor=query.get("actor"),
    )
    last = found[-1]["entry"] if len(found) == limit else None
    return as_json({"items": found, "next": None if not last else str(last)})


def _time(text: str | None) -> Any:
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
