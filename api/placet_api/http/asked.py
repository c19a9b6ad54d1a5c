"""One request as a route sees it, and what a route gives back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from placet_api.errors import UsageError
from placet_api.http.callers import Caller
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import JsonObject, loads

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Asked:
    """Path, query and body, after who asks was found out. `by` is when the caller stops waiting (time.monotonic)."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    caller: Caller
    headers: Mapping[str, str]
    by: float | None = None

    def digest(self) -> Digest:
        """The digest in the path. Raises `UsageError` digest.*."""
        with reading():
            return Digest.parse(self.path["digest"])

    def document(self, max_bytes: int) -> JsonObject:
        """The body as one JSON object. Raises `UsageError` json.*, http.body."""
        with reading():
            value = loads(self.body, max_bytes=max_bytes, where="body")
        if not isinstance(value, dict):
            raise UsageError("http.body", "the body must be one JSON object")
        return value

    def whole(self, name: str, default: int, most: int) -> int:
        """A whole number from 0 in the query. Raises `UsageError` http.query."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or len(text) > 15 or not 0 <= int(text) <= most:
            raise UsageError("http.query", f"{name} must be a whole number up to {most}, not {text!r}")
        return int(text)

    def word(self, name: str, words: tuple[str, ...]) -> str | None:
        """One of the words that a filter knows, from the query. Raises `UsageError` http.query."""
        text = self.query.get(name)
        if text is not None and text not in words:
            raise UsageError("http.query", f"{name} must be one of {', '.join(words)}, not {text[:80]!r}")
        return text


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: a status, bytes, what they are, further headers. `notes` are for the operator's log."""

    body: bytes = field(repr=False)
    media: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def reading() -> Iterator[None]:
    """What cannot be read in a request is the caller's mistake (400), and no evidence that does not verify (422)."""
    try:
        yield
    except MalformedError as error:
        raise UsageError(error.code, error.message, where=error.where, hint=error.hint) from error


def as_json(value: Any, status: int = 200, **notes: str) -> Reply:
    """A JSON document."""
    return Reply(json.dumps(value, ensure_ascii=False, sort_keys=True).encode(), status=status, notes=notes)
