"""The page of one decision: what was asked, what was found, on what it rests, and how anybody proves it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placet_api.errors import HOUSE_ERRORS
from placet_api.http.asked import Asked, Reply
from placet_api.http.pages import judged, words
from placet_api.http.pages.rendering import page
from placet_api.logbook import find_entry, shown
from placet_api.report.shown import ASK_AGAIN, FAILING, MARKS, Shown, shortest_way
from placet_api.wiring import House
from placet_attestations.digests import Digest
from placet_attestations.times import format_time
from placet_engine.errors import LogError
from placet_engine.lineage.svg import render_svg
from placet_engine.log.entry import parse_leaf

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
_APPROVE = "placet approve "


@dataclass(frozen=True, slots=True)
class Drawn:
    """The lineage as a picture and in words. When not `as_judged`, it is what is known now, for the reason `why`."""

    as_judged: bool
    at: str
    svg: str | None = None
    known: judged.Known | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A decision as its page shows it: the document, where and when it was logged, the checkpoint that covers it."""

    told: Shown
    entry: int
    logged: str
    size: int
    origin: str
    drawn: Drawn
    same_policy: bool


def one(house: House, asked: Asked) -> Reply:
    """One decision, proved under the log's key before it is shown."""
    log = house.log
    index = find_entry(log, asked.path["id"])
    told = shown(log, index)
    seen = Seen(
        told,
        index,
        str(parse_leaf(log.prove(index).leaf)["time"]),
        log.head().size,
        log.origin,
        _drawn(house, index, told.subject),
        told.body["policy"]["revision"] == house.policy_set.revision,
    )
    return draw(seen, asked.caller.principal)


def draw(seen: Seen, caller: str) -> Reply:
    """The page. Reads nothing but what it is given."""
    told, checks = seen.told, seen.told.body["checks"]
    return page(
        "decision.html",
        caller=caller,
        here="decision",
        seen=seen,
        told=told,
        body=told.body,
        drawn=seen.drawn,
        checks=_in_order(checks),
        counts=_counts(checks),
        resting=_resting(checks),
        hint=words.hint,
        approve=_approve(told),
        way=shortest_way(told) if told.unknown else (),
        ask_again=ASK_AGAIN,
    )


def _in_order(checks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What failed first, what passed last."""
    order = list(MARKS)
    return sorted(checks, key=lambda check: (order.index(check["status"]), check["code"]))


def _counts(checks: list[Mapping[str, Any]]) -> dict[str, int]:
    found = {status: sum(check["status"] == status for check in checks) for status in MARKS}
    return {status: count for status, count in found.items() if count}


def _resting(checks: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Which checks rest on which statement."""
    found: dict[str, set[str]] = {}
    for check in checks:
        for result in check["results"]:
            for digest in result["evidence"]:
                found.setdefault(digest, set()).add(check["code"])
    return {digest: sorted(codes) for digest, codes in found.items()}


def _approve(told: Shown) -> str | None:
    """The command that signs what is missing, where an approval is; for a person to type, with a key of their own."""
    if told.unknown or not any(_APPROVE in check.get("solution", "") for check in told.checks(*FAILING)):
        return None
    ticket = told.body["context"].get("ticket", "")
    # A ticket is a stranger's text: one that a shell would read as more than a word is left for people to fill in.
    given = ticket if _PLAIN.fullmatch(ticket) else "ID"
    return f"{_APPROVE}{shlex.quote(told.body['gate'])} {told.subject} --ticket {given} --as NAME"


def _drawn(house: House, index: int, subject: str) -> Drawn:
    """The lineage from the facts that the log keeps. Without them, today's, which the page says."""
    now = format_time(house.clock())
    try:
        known = judged.of_facts(house.log.payload(index, "input").data)
    except LogError as error:
        if error.code != "log.not_found":
            raise
        why = "the log keeps no facts of it: they were never gathered, or they were erased"
    except ValueError:
        why = "its facts have another shape than this version of Placet reads"
    else:
        return Drawn(True, now, render_svg(known.lineage), known)
    try:
        known = judged.of_lineage(house.lineage(Digest.parse(subject)))
    except HOUSE_ERRORS as error:
        return Drawn(False, now, why=f"{why}; and today's cannot be walked: {error} ({error.code})")
    return Drawn(False, now, render_svg(known.lineage), known, why)
