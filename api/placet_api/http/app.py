"""The HTTP application: each call of the table behind the same steps, in the same order.

1. Count and bound: the body's size, the caller's patience.
2. Who asks: the token; then how often; then whether this role may.
3. The call itself, off the event loop, with one ruling from beginning to end.
4. Whatever went wrong becomes a problem body. No step answers a bare 500.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from placet_api.errors import HOUSE_ERRORS, AccessError, HouseError, UsageError
from placet_api.http.asked import Asked, Reply
from placet_api.http.callers import Caller
from placet_api.http.calls import CALLS, Call
from placet_api.http.metrics import Metrics
from placet_api.http.openapi import document
from placet_api.http.problems import PROBLEM, body, problem
from placet_api.http.service import Service

_log = logging.getLogger("placet.http")
_TIMEOUT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)s?")
_LONGEST = 300.0
# What comes from evidence may be an SVG or look like a page: a browser is to draw it and run nothing.
_SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
    "cache-control": "no-store",
}
Answer = Callable[[Request], Awaitable[Response]]


def make_app(service: Service) -> FastAPI:
    """The application over an open service."""
    app = FastAPI(title="Placet", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    metrics = Metrics(service)
    for call in CALLS:
        app.add_api_route(call.path, _guarded(service, metrics, call), methods=[call.method])
    described = document()

    async def live() -> Response:
        return JSONResponse({"live": True})

    async def ready() -> Response:
        missing = await service.pool.run(service.readiness)
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def openapi() -> Response:
        return JSONResponse(described)

    app.add_api_route("/healthz", live)
    app.add_api_route("/readyz", _shielded(lambda _: ready()))
    app.add_api_route("/openapi.json", openapi)
    app.add_api_route("/metrics", _shielded(lambda request: _metrics(service, metrics, request)))
    app.add_api_route("/v1/reload", _shielded(lambda request: _reload(service, request)), methods=["POST"])
    app.add_exception_handler(HTTPException, _no_route)
    return app


async def _metrics(service: Service, metrics: Metrics, request: Request) -> Response:
    await _caller(service, request, frozenset({"auditor", "admin"}))
    return Response(metrics.text(), media_type=metrics.media)


async def _reload(service: Service, request: Request) -> Response:
    caller = await _caller(service, request, frozenset({"admin"}))
    ruling = await service.pool.run(lambda: service.reload(f"asked by {caller.id}"))
    return JSONResponse({"generation": ruling.number, "policy": ruling.house.policy_set.revision})


def _guarded(service: Service, metrics: Metrics, call: Call) -> Answer:
    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        caller: Caller | None = None
        try:
            caller = await _caller(service, request, call.roles)
            reply = await _made(service, call, caller, request)
        except HOUSE_ERRORS as error:
            status, told = problem(error)
            reply = Reply(told, PROBLEM, status, _hints(error))
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 - a bug is refused, too, and logged as what it is
            _log.exception("a call failed inside Placet")
            reply = Reply(
                body(503, "internal.error", "this failed inside Placet; its log says more"), PROBLEM, 503
            )
        seconds = time.perf_counter() - began
        metrics.count(call.path, reply.status, seconds)
        _tell(call, request, caller, reply, seconds)
        return Response(reply.body, reply.status, {**_SAFE, **reply.headers}, reply.media)

    return answer


def _shielded(answer: Callable[[Request], Awaitable[Response]]) -> Answer:
    async def shielded(request: Request) -> Response:
        try:
            return await answer(request)
        except HOUSE_ERRORS as error:
            status, told = problem(error)
            return Response(told, status, _hints(error), PROBLEM)

    return shielded


def _hints(error: HouseError) -> dict[str, str]:
    """The headers that go with a refusal (RFC 9110 sections 10.2.3 and 11.6.1)."""
    if not isinstance(error, AccessError):
        return {}
    found = {} if error.after is None else {"retry-after": str(max(1, round(error.after)))}
    return found | ({"www-authenticate": 'Bearer realm="placet"'} if error.status == 401 else {})


async def _caller(service: Service, request: Request, roles: frozenset[str]) -> Caller:
    """Who asks, when it may. Raises `AccessError`."""
    header = request.headers.get("authorization")
    authenticator = service.ruling.authenticator
    peer = "" if request.client is None else request.client.host
    try:
        # A token may have to be looked up, an issuer's keys fetched: not on the event loop.
        caller = await service.pool.run(lambda: authenticator.caller(header, service.clock()))
    except AccessError:
        service.rates.take(f"refused {peer}")
        raise
    service.rates.take(caller.id)
    if not caller.roles & roles:
        raise AccessError(
            "access.forbidden",
            f"{caller.principal} has the roles {', '.join(sorted(caller.roles)) or 'none'}; "
            f"this call wants {' or '.join(sorted(roles))}",
            status=403,
        )
    return caller


async def _made(service: Service, call: Call, caller: Caller, request: Request) -> Reply:
    given = list(request.query_params.multi_items())
    query = dict(given)
    if unknown := sorted(query.keys() - call.query.keys()):
        raise UsageError("http.query", f"{call.path} knows no {unknown[0][:80]!r} in its query")
    if len(query) != len(given):
        raise UsageError("http.query", "a query parameter is given twice")
    data = await _body(request, int(service.house.project.settings.number("http.body")))
    asked = Asked(request.path_params, query, data, caller, request.headers, _by(query.get("timeout")))

    def work() -> Reply:
        with service.use() as house:
            return call.answer(house, asked)

    return await service.pool.run(work)


def _by(text: str | None) -> float | None:
    if text is None:
        return None
    found = _TIMEOUT.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= _LONGEST:
        raise UsageError("http.query", f"timeout must be seconds up to {_LONGEST:.0f}, such as 2s")
    return time.monotonic() + float(found[1])


async def _body(request: Request, most: int) -> bytes:
    """The body, read no further than it may be long."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise UsageError("http.too_large", f"the body has more than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = {"allow": ", ".join(sorted(_methods(request)))} if status == 405 else {}
    return Response(body(status, "http.no_route", "nothing is served there"), status, headers, PROBLEM)


def _methods(request: Request) -> set[str]:
    """What may be asked of this path, by every route that serves it (RFC 9110 section 10.2.1)."""
    app: FastAPI = request.app
    serving = (route for route in app.routes if isinstance(route, APIRoute))
    return {
        method
        for route in serving
        if route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }


def _tell(call: Call, request: Request, caller: Caller | None, reply: Reply, seconds: float) -> None:
    """One line for the operator: no token, no body."""
    told = {
        "call": f"{call.method} {call.path}",
        "status": reply.status,
        "caller": None if caller is None else caller.id,
        "peer": None if request.client is None else request.client.host,
        "ms": round(1000 * seconds, 2),
        **reply.notes,
    }
    _log.info("served", extra={"placet": told})
