"""What a service says went wrong (RFC 9457), as the error that the same trouble raises here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from placet_api.errors import AccessError, BusyError, HouseError, ServiceError, UsageError
from placet_attestations.errors import MalformedError, StoreError, VerificationError
from placet_attestations.strictjson import loads
from placet_engine.errors import LogError

PROBLEM: Final = "application/problem+json"
_MAX_BYTES: Final = 8 * 1024 * 1024
_NOT_BELIEVED: Final = ("signature.", "trust.", "dsse.signature", "dsse.threshold")


def answer_error(message: str, *, where: str | None = None) -> ServiceError:
    """`ServiceError` `service.answer`: what came is no answer of a Placet service."""
    return ServiceError(
        "service.answer",
        message,
        where=where,
        hint="is this the URL of a Placet service, and of this version?",
    )


def error_of(status: int, kind: str, body: bytes, *, after: float | None, where: str) -> HouseError:
    """The error of an answer that is none of success. One that is no problem+json is `service.answer`."""
    said = _problem(body) if kind == PROBLEM else None
    if said is None:
        return answer_error(f"the service answered HTTP {status}, without words of Placet", where=where)
    code, message = str(said["code"]), str(said.get("detail") or said.get("title") or said["code"])
    about, hint = _text(said, "where"), _text(said, "hint")
    match status:
        case 401 | 403 | 429:
            return AccessError(code, message, status=status, hint=hint, after=after)
        case 422:
            return refusal(said)
        case 400 | 404 | 413:
            return UsageError(code, message, where=about, hint=hint)
        case 503 if code == "log.unwritable":
            return LogError(code, message, where=about, hint=hint)
        case 503:
            return BusyError(code, message, where=about, hint=hint)
    return ServiceError(code, message, where=about or where, hint=hint)


def refusal(said: Mapping[str, Any]) -> HouseError:
    """Why the service did not take a bundle in, as the error that taking it in here would have raised.

    When several were refused, it is that of the first.
    """
    first = next((row for row in _list(said, "refused") if isinstance(row, Mapping) and "code" in row), said)
    code = str(first["code"])
    message = str(first.get("detail") or first.get("title") or code)
    about, hint = _text(first, "where"), _text(first, "hint")
    if code.startswith(_NOT_BELIEVED):
        return VerificationError(code, message, where=about, hint=hint)
    if code.startswith("store."):
        return StoreError(code, message, where=about, hint=hint)
    if code.startswith(("log.", "clock.")):
        return LogError(code, message, where=about, hint=hint)
    return MalformedError(code, message, where=about, hint=hint)


def _problem(body: bytes) -> Mapping[str, Any] | None:
    try:
        said = loads(body, max_bytes=_MAX_BYTES)
    except MalformedError:
        return None
    return said if isinstance(said, Mapping) and isinstance(said.get("code"), str) else None


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    return value if isinstance(value, str) and value else None


def _list(said: Mapping[str, Any], key: str) -> list[Any]:
    value = said.get(key)
    return value if isinstance(value, list) else []
