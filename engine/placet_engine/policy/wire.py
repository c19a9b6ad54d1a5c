"""The body of OPA's data API, taken apart without re-encoding what will be kept.

The answer of a decision is hashed, logged and replayed, so its bytes are cut out of the body as OPA wrote
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import loads

_USUAL: Final = re.compile(rb'\{"provenance":(\{.*?\}),"result":(\{.*\})\}\n?', re.DOTALL)
_LATER: Final = b',"warning":'
_SPACE: Final = " \t\n\r"
_PROVENANCE_BYTES: Final = 1 << 20


class WireError(Exception):
    """The body is not what OPA's API promises; `str` says how."""


@dataclass(frozen=True, slots=True)
class Body:
    """`result`: its exact bytes, None when undefined. `revisions`: bundle name -> revision ("" when it has
    none).
    """

    result: bytes | None
    revisions: Mapping[str, str]


def read_body(body: bytes) -> Body:
    """Take apart a body of status 200. Raises WireError."""
    members = _usual(body) or _members(body)
    provenance = members.get("provenance")
    return Body(members.get("result"), {} if provenance is None else _revisions(provenance))


def _usual(body: bytes) -> dict[str, bytes] | None:
    """The members of a body as OPA writes it: provenance, then result, and no more; None for any other.

    The result, the largest part, is not looked into here: whoever parses it refuses what is not one value. OPA writes
    its members in the order of their names, and after the result knows a warning only.
    """
    found = None if _LATER in body else _USUAL.fullmatch(body)
    if found is None:
        return None
    provenance, result = found.groups()
    try:
        return (
            {"provenance": provenance, "result": result} if isinstance(json.loads(provenance), dict) else None
        )
    except (ValueError, RecursionError):
        return None  # the first `,"result":` was inside it


def refusal_text(body: bytes, limit: int) -> str:
    """OPA's words in a body of another status: its message and its errors, at most `limit` characters."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
        lines = [str(document["message"]), *(_error_line(error) for error in document.get("errors", []))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        lines = [text or "no reason given"]
    return "; ".join(lines)[:limit]


def _error_line(error: Mapping[str, Any]) -> str:
    where = error.get("location", {})
    place = f"{where['file']}:{where['row']}: " if where.get("file") else ""
    return f"{place}{error['code']}: {error['message']}"


def _no_constant(name: str) -> NoReturn:
    raise WireError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


def _members(body: bytes) -> dict[str, bytes]:
    """The members of the one object in `body`, each as the bytes of its value."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("the body is not UTF-8") from error
    try:
        return _scan_object(text)
    except json.JSONDecodeError as error:
        raise WireError(f"the body is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise WireError("the body is nested too deeply") from error


def _scan_object(text: str) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    at = _expect(text, _skip(text, 0), "{")
    closing = _skip(text, at)
    more = text[closing : closing + 1] != "}"
    while more:
        start = _skip(text, at)
        key, at = _DECODER.raw_decode(text, start)
        if not isinstance(key, str):
            raise WireError(f"the body is not the agreed JSON: a key expected at character {start}")
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        _, end = _DECODER.raw_decode(text, at)
        if key in members:
            raise WireError(f"{key!r} stands twice in the body")
        members[key] = text[at:end].encode("utf-8")
        closing = _skip(text, end)
        more = text[closing : closing + 1] == ","
        at = closing + 1
    end = _expect(text, closing, "}")
    if _skip(text, end) != len(text):
        raise WireError("something follows the object in the body")
    return members


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _expect(text: str, at: int, what: str) -> int:
    if text[at : at + 1] != what:
        raise WireError(f"the body is not the agreed JSON: {what!r} expected at character {at}")
    return at + 1


def _revisions(provenance: bytes) -> dict[str, str]:
    try:
        document = loads(provenance, max_bytes=_PROVENANCE_BYTES, where="provenance")
    except MalformedError as error:
        raise WireError(f"the provenance is not understood: {error}") from error
    bundles = document.get("bundles", {}) if isinstance(document, Mapping) else None
    if not isinstance(bundles, Mapping):
        raise WireError("the provenance is not understood: it lists no bundles")
    return {name: _revision(bundle) for name, bundle in bundles.items()}


def _revision(bundle: object) -> str:
    revision = bundle.get("revision") if isinstance(bundle, Mapping) else None
    return revision if isinstance(revision, str) else ""
