"""Instants as text: RFC 3339 in, UTC and `Z` out.

One reader for trust.yaml, predicates and requests, so that no two of them disagree about the same text. A
text without a zone is refused: it would mean another instant on another machine.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from placet_attestations.errors import MalformedError

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_time(text: str) -> datetime:
    """An RFC 3339 date-time as an aware UTC datetime, to the microsecond; raises MalformedError time.syntax.

    Leap seconds (`:60`) are refused: Python and Rego cannot compare them.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise _malformed(text)
    day, clock, fraction, zone = match.groups()
    micro = (fraction or ".0")[:7].ljust(7, "0")
    try:
        return datetime.fromisoformat(f"{day}T{clock}{micro}{zone.upper()}").astimezone(UTC)
    except (ValueError, OverflowError) as error:  # 30 February; year 1 in a zone east of Greenwich
        raise _malformed(text) from error


def parse_date(text: str) -> datetime:
    """A date `YYYY-MM-DD` as its first instant in UTC; raises MalformedError time.syntax."""
    if not _DATE.fullmatch(text):
        raise _malformed(text)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _malformed(text) from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def format_time(instant: datetime) -> str:
    """RFC 3339 in UTC with `Z`; a fraction only when there is one. `parse_time` gives the same instant back.

    The datetime must be aware: a naive one has no instant, and taking it for local time would be a guess.
    """
    if instant.tzinfo is None:
        raise _malformed(instant.isoformat())
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _malformed(text: str) -> MalformedError:
    shown = ascii(text if len(text) <= 60 else text[:57] + "...")
    return MalformedError(
        "time.syntax",
        f"{shown} is not a time",
        hint="write RFC 3339 with a zone, such as 2026-11-23T21:30:00Z",
    )
