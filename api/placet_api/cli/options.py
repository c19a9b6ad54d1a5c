"""Options that several commands share, and their parsing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from placet_api.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def signer_option(function: F) -> F:
    """`--as NAME`: whose key signs."""
    return click.option(
        "--as", "signer", metavar="NAME", help="The key that signs (a name, or a path to a private key)."
    )(function)


def json_option(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def expect_option(function: F) -> F:
    """`--expect sha256:…`, with which a name may stand for an artifact that is judged or signed about."""
    return click.option("--expect", metavar="DIGEST", help="What ARTIFACT must be; lets it be a name.")(
        function
    )


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping. Raises `UsageError` `usage.pair`, `usage.twice`."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError("usage.pair", f"{option} takes KEY=VALUE, not {text!r}")
        if key in found:
            raise UsageError("usage.twice", f"{option} {key} is given twice")
        found[key] = value
    return found


def typed(text: str) -> Any:
    """A value as JSON where it is JSON (numbers, true, lists), as text where it is not."""
    try:
        value = json.loads(text, parse_constant=lambda name: name)
    except (ValueError, RecursionError):
        return text
    return value


def integers(texts: Iterable[str], option: str) -> dict[str, int]:
    """`KEY=NUMBER` texts. Raises `UsageError` `usage.integer`."""
    found: dict[str, int] = {}
    for key, value in pairs(texts, option).items():
        try:
            found[key] = int(value)
        except ValueError:
            raise UsageError("usage.integer", f"{option} {key} takes a whole number, not {value!r}") from None
    return found
