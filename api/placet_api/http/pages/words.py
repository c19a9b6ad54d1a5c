"""How single values read on a page. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC

from placet_attestations.errors import MalformedError
from placet_attestations.times import parse_time

_WEB = re.compile(r"https?://[^\s/?#\\\"'<>]+(?:[/?#][^\s\\\"'<>]*)?")
_LONGEST_LINK = 2000
# How the rules' own words hold a command: `sign one:  placet approve … (or …)`.
_COMMAND = re.compile(r"(.*?:) +(placet .*?)(?: +(\(.*\)))?", re.DOTALL)


def is_web_address(text: object) -> bool:
    """Whether a stranger's text may become a link: http or https, whole, of a length that people check."""
    if not isinstance(text, str) or len(text) > _LONGEST_LINK or not text.isprintable():
        return False
    return _WEB.fullmatch(text) is not None


def moment(text: str) -> str:
    """A time of the log for reading, to the second, in UTC. What is no time stays as it is."""
    try:
        return parse_time(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except MalformedError:
        return text


def day(text: str) -> str:
    """As `moment`, without seconds and zone: for a column whose head names the zone."""
    return moment(text).removesuffix(" UTC")


@dataclass(frozen=True, slots=True)
class Hint:
    """What to do, in words; the command to type where there is one, and what the words add to it."""

    words: str
    command: str | None = None
    rest: str | None = None


def hint(text: str) -> Hint:
    """A rule's solution, its command apart from its words."""
    found = _COMMAND.fullmatch(text)
    return Hint(text) if found is None else Hint(found[1], found[2], found[3])
