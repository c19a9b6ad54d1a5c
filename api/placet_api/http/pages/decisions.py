"""The page of decisions, newest first, with the filters of `GET /v1/decisions` as a form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from placet_api.errors import HouseError, UsageError
from placet_api.http.asked import Asked, Reply
from placet_api.http.deciding import search
from placet_api.http.pages.rendering import HTML, page
from placet_api.http.problems import status_of
from placet_api.wiring import House
from placet_attestations.errors import MalformedError
from placet_attestations.times import format_time, parse_date
from placet_engine.errors import LogError

_USUAL = 50
_FIELDS = ("gate", "subject", "verdict", "rule", "actor", "kind", "since", "until")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?: ?UTC|Z)?", re.IGNORECASE
)
_OWN = frozenset({"entry", "type", "time"})


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the log. `told` are the members of an entry that is no decision."""

    entry: int
    type: str
    time: str
    told: Mapping[str, Any]
    decision: Mapping[str, Any] | None = None
    name: str | None = None
    actor: str | None = None
    erased: bool = False


def home(house: House, asked: Asked) -> Reply:  # noqa: ARG001 - the shape of every route
    """From the bare address to the decisions."""
    return Reply(b"", HTML, 302, {"location": "/decisions"})


def listed(house: House, asked: Asked) -> Reply:
    """One page of entries. A filter that cannot be read is told above the form, which keeps what was written."""
    form = {name: asked.query.get(name, "").strip() for name in _FIELDS}
    if "kind" not in asked.query:
        form["kind"] = "decision"
    rows: tuple[Row, ...] = ()
    following: str | None = None
    error: HouseError | None = None
    try:
        found, following = search(house, _question(asked, form), usual=_USUAL)
        rows = tuple(_row(house, item) for item in found)
    except (UsageError, MalformedError) as refused:
        error = refused
    gates = house.policy_set.settings().get("gates")
    return page(
        "decisions.html",
        200 if error is None else status_of(error),
        caller=asked.caller.principal,
        here="decisions",
        form=form,
        gates=sorted(gates) if isinstance(gates, Mapping) else (),
        rows=rows,
        error=error,
        filtered=any(value for name, value in form.items() if name != "kind") or form["kind"] != "decision",
        older=None if following is None else _address(asked, form, following),
        newest=None if "cursor" not in asked.query else _address(asked, form, None),
    )


def _question(asked: Asked, form: Mapping[str, str]) -> Asked:
    """What the form asks, as the JSON call would be asked: fields left empty are not there, times are whole."""
    query = {name: value for name, value in form.items() if value}
    for name in ("since", "until"):
        if name in query:
            query[name] = instant(query[name], end=name == "until")
    return replace(
        asked,
        query=query | {name: asked.query[name] for name in ("limit", "cursor") if asked.query.get(name)},
    )


def instant(text: str, *, end: bool) -> str:
    """A day or a minute, in UTC, as RFC 3339; `end` takes a day to its end. Anything else as it is, for its parser."""
    if _DAY.fullmatch(text):
        first = parse_date(text)
        return format_time(first + timedelta(days=1) if end else first)
    found = _MINUTE.fullmatch(text)
    return text if found is None else f"{found[1]}T{found[2]}{found[3] or ':00'}Z"


def _address(asked: Asked, form: Mapping[str, str], cursor: str | None) -> str:
    query = {name: value for name, value in form.items() if value or name == "kind"}
    if "limit" in asked.query:
        query["limit"] = asked.query["limit"]
    if cursor is not None:
        query["cursor"] = cursor
    return f"/decisions?{urlencode(query)}"


def _row(house: House, item: Mapping[str, Any]) -> Row:
    entry, kind, time = item["entry"], item["type"], item["time"]
    if kind != "decision":
        return Row(entry, kind, time, {key: value for key, value in item.items() if key not in _OWN})
    try:
        # Proved to be the document that was written here: it is read, not examined once more, for there are many.
        body = json.loads(house.log.payload(entry, "decision").data)
    except LogError as error:
        if error.code != "log.not_found":
            raise
        # Erased on purpose: the entry stands, and says what it says for ever.
        return Row(entry, kind, time, {}, item, erased=True)
    actor = body["actor"]
    name = body["subject"].get("name")
    return Row(entry, kind, time, {}, item, name, None if actor is None else actor["principal"])
