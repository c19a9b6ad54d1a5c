"""The OpenAPI document, written from the table of calls."""

from __future__ import annotations

import re
from typing import Any

from placet_api.http.calls import CALLS, Call
from placet_api.http.pages.rendering import HTML
from placet_api.http.problems import PROBLEM
from placet_api.version import VERSION

# What any call may answer before it is made: who asks, too often, no room, not now.
_ALWAYS = (400, 401, 403, 413, 429, 500, 503)
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path.replace(":path}", "}"), {})[call.method.lower()] = _operation(call)
    for path, words in (("/healthz", "It lives."), ("/readyz", "It can decide.")):
        answers = {
            "200": _answer("yes", "application/json", {}),
            "503": _answer("no", "application/json", {}),
        }
        paths[path] = {"get": {"summary": words, "responses": answers, "security": []}}
    paths["/v1/reload"] = {"post": _reload()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Placet",
            "version": VERSION,
            "description": "The admission gate for ML artifacts.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _problem()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "browser": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "any user name, a token as the password",
                },
            },
        },
        "security": [{"token": []}],
    }


def _operation(call: Call) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)[:}]", call.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "description": words, "schema": {"type": "string"}}
        for name, words in call.query.items()
    ]
    responses = {str(status): _answer("done", media, {}) for status, media in call.answers.items()}
    for status in sorted({*_ALWAYS, *call.refuses}):
        responses[str(status)] = (
            _answer("refused", HTML, {"type": "string"})
            if call.page
            else _answer("refused", PROBLEM, _PROBLEM)
        )
    told: dict[str, Any] = {
        "summary": call.words,
        "description": f"Roles: {', '.join(sorted(call.roles))}.",
        "operationId": f"{call.method.lower()}{re.sub(r'[^a-z0-9]+', '_', call.path)}",
        "parameters": parameters,
        "responses": responses,
    }
    if call.basic:
        told["security"] = [{"token": []}, {"browser": []}]
    if call.takes is not None:
        schema = _DECISION if call.path == "/v1/decisions" else {}
        told["requestBody"] = {"required": True, "content": {call.takes: {"schema": schema}}}
    return told


def _reload() -> dict[str, Any]:
    words = "how long the other workers are waited for once this one has reloaded, such as 2s; 10s by default"
    timeout = {
        "name": "timeout",
        "in": "query",
        "required": False,
        "description": words,
        "schema": {"type": "string"},
    }
    return {
        "summary": "Read trust, policies and settings again.",
        "description": "Roles: admin. 200 says that every worker judges by what was read: a revocation is in force. "
        "503 http.reload_pending says that one does and that those in `workers` do not yet (they are asked again, then "
        "replaced): ask again. With any other refusal this worker judges as before.",
        "operationId": "post_v1_reload",
        "parameters": [timeout],
        "responses": {
            "200": _answer("in force in every worker", "application/json", {"type": "object"}),
            **{str(status): _answer("refused", PROBLEM, _PROBLEM) for status in (*_ALWAYS, 422)},
        },
    }


def _answer(words: str, media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {media: {"schema": schema}}}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "code": text,
        },
    }


_DECISION: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["gate", "subject"],
    "properties": {
        "gate": {"type": "string", "minLength": 1},
        "subject": {
            "type": "object",
            "additionalProperties": False,
            "required": ["digest"],
            "properties": {"digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}},
        },
        "context": {"type": "object", "additionalProperties": {"type": "string"}},
        "dry_run": {"type": "boolean"},
        "summary": {
            "type": "boolean",
            "description": "answer with a signed verification summary (SLSA VSA), too",
        },
        "at": {"type": "string", "format": "date-time"},
    },
}
