"""Errors as RFC 9457 problem bodies, and the one table from any room's error to an HTTP status."""

from __future__ import annotations

import json
from typing import Any

from placet_api.errors import AccessError, BusyError, ConfigurationError, HouseError, ServiceError
from placet_attestations.errors import IdentityError, MalformedError, StoreError, VerificationError
from placet_engine.errors import EngineError, LimitError, LogError, ProofError

PROBLEM = "application/problem+json"

_TITLES = {
    400: "The request is wrong",
    401: "Who asks is not known",
    403: "This caller may not do that",
    404: "There is no such thing",
    405: "That method is not served here",
    408: "The request came too slowly",
    413: "The request is too large",
    422: "It does not verify",
    429: "Asked too often",
    431: "The head of the request is too large",
    500: "The service is set up wrongly",
    503: "The service cannot do it now",
    505: "That version of HTTP is not spoken here",
}


def title_of(status: int) -> str:
    """What a status says, in words."""
    return _TITLES.get(status, "It did not work")


def status_of(error: HouseError) -> int:
    """The HTTP status of an error of any room. What could not be evaluated or logged is 503, never a success."""
    match error:
        case AccessError():
            return error.status
        case ConfigurationError():
            return 500
        case BusyError() | ServiceError() | StoreError():
            return 503
        case VerificationError() | ProofError():
            return 422
        case LogError():
            return 404 if error.code in ("log.not_found", "log.ambiguous", "log.tile_path") else 503
        case LimitError():
            return 413
        case MalformedError() | IdentityError():
            return 413 if error.code.endswith(".too_large") else 422
        case EngineError():
            return 503
        case _:
            return _usage(error.code)


def _usage(code: str) -> int:
    if code.endswith((".unknown", ".not_found")) or code in ("artifact.missing", "http.no_route"):
        return 404
    return 413 if code.endswith(".too_large") else 400


def problem(error: HouseError, **more: Any) -> tuple[int, bytes]:
    """Status and body. `more` are further members of the body."""
    status = status_of(error)
    return status, body(status, error.code, error.message, hint=error.hint, where=error.where, **more)


def body(status: int, code: str, detail: str, **more: Any) -> bytes:
    """A problem body. Members that are None are left out."""
    told = {
        "type": "about:blank",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return json.dumps(
        {key: value for key, value in told.items() if value is not None}, ensure_ascii=False
    ).encode()
