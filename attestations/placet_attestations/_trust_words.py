"""The words that recur in trust.yaml: roles, times, patterns of names, each with its line in errors."""

from __future__ import annotations

import re
from datetime import datetime

from placet_attestations.errors import MalformedError
from placet_attestations.strictyaml import Node
from placet_attestations.times import parse_date, parse_time

_ROLE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def roles(node: Node) -> frozenset[str]:
    """At least one role."""
    items = node.items("roles", least=1)
    return frozenset(word(item, "a role", _ROLE, "lower-case letters, digits and hyphens") for item in items)


def texts(node: Node, what: str) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(item.text(what) for item in node.items(what))


def word(node: Node, what: str, pattern: re.Pattern[str], rule: str) -> str:
    """A text that the pattern takes as a whole; `rule` says the pattern in words."""
    text = node.text(what)
    if not pattern.fullmatch(text):
        raise node.error("value", f"{text[:60]!a} is not {what}: use {rule}")
    return text


def time(node: Node, what: str) -> datetime:
    """An instant, or a date, which is its first instant in UTC."""
    text = node.text(what)
    try:
        return parse_date(text) if len(text) == len("2026-01-01") else parse_time(text)
    except MalformedError as error:
        raise at(node, error) from error


def at(node: Node, error: MalformedError) -> MalformedError:
    """The error, with the line it is about."""
    return MalformedError(error.code, error.message, where=node.where, hint=error.hint)
