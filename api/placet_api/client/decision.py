"""A decision document that came from elsewhere: whether it is one, before anybody is told what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from placet_api.client.problems import answer_error

_TEXTS: Final = ("id", "gate", "verdict", "would", "mode", "cause", "time")
_STATUSES: Final = ("pass", "warn", "fail", "skipped", "waived", "not_applicable")


def decision_of(value: object, where: str) -> Mapping[str, Any]:
    """`value` as a decision document. Raises `ServiceError` service.answer for anything else.

    What reports read is looked at; what a receipt proves is not judged here: `placet log check` does that.
    """
    if not isinstance(value, Mapping) or not _is_decision(value):
        raise answer_error("the answer is no decision", where=where)
    return value


def _is_decision(body: Mapping[str, Any]) -> bool:
    texts = all(isinstance(body.get(key), str) for key in _TEXTS)
    verdicts = all(body.get(key) in ("allow", "deny") for key in ("verdict", "would"))
    judged = body.get("cause") == "policy" or (
        body.get("cause") == "error"
        and body.get("verdict") == "deny"
        and _has(body.get("error"), "code", "message")
    )
    return (
        texts
        and verdicts
        and judged
        and str(body["id"]).replace("-", "").isalnum()  # it becomes the name of a file
        and isinstance(body.get("dry_run"), bool)
        and _has(body.get("subject"), "digest")
        and _has(body.get("policy"), "revision")
        and _has(body.get("versions"), "opa", "placet")
        and _each(body.get("checks"), _is_check)
        and _each(body.get("obligations"), lambda item: _has(item, "code", "message"))
    )


def _is_check(check: object) -> bool:
    return (
        _has(check, "code", "title", "status")
        and isinstance(check, Mapping)
        and check["status"] in _STATUSES
        and _each(check.get("results"), lambda result: _has(result, "status"))
    )


def _has(value: object, *keys: str) -> bool:
    return isinstance(value, Mapping) and all(isinstance(value.get(key), str) for key in keys)


def _each(values: object, holds: Any) -> bool:
    return isinstance(values, list) and all(holds(value) for value in values)
