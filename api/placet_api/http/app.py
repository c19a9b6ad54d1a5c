"""The HTTP application: each call of the table behind the same steps, in the same order.

1. Count and bound: the body's size, the caller's patience.
2. Who asks: the token; then how often; then whether this role may.
3. The call itself, off the event loop, with one ruling from beginning to end.
4. Whatever went wrong becomes a problem body. No step answers a bare 500.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from placet_api.errors import HOUSE_ERRORS, AccessError, HouseError, UsageError
from placet_api.http.asked import Asked, Reply
from placet_api.http.callers import Caller
from placet_api.http.calls import CALLS, Call
from placet_api.http.metrics import Metrics
from placet_api.http.openapi import document
from placet_api.http.pages.failures import failure
from placet_api.http.pages.rendering import HTML, STYLE, style
from placet_api.http.problems import PROBLEM, body, problem, status_of
from placet_api.http.service import Service

_log = logging.getLogger("placet.http")
_TIMEOUT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)s?")
_LONGEST = 300.0
_AGREE_SECONDS = 10.0  # for all workers to judge by what one of them read, if its caller says nothing else
_LOOK_SECONDS = 0.02
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
        app.router.routes.append(_route(call, _guarded(service, metrics, call)))
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
    app.add_api_route(STYLE, _style)
    app.add_api_route("/metrics", _shielded(lambda request: _metrics(service, metrics, request)))
    app.add_api_route("/v1/reload", _shielded(lambda request: _reload(service, request)), methods=["POST"])
    app.add_exception_handler(HTTPException, _no_route)
    return app


def _route(call: Call, answer: Answer) -> Route:
    """A route without FastAPI's own reading of parameters, which the table does."""
    route = Route(call.path, answer, methods=[call.method])
    route.methods = {call.method}  # without the HEAD that Starlette adds to every GET
    return route


async def _style() -> Response:
    # Its address changes with its content: a browser need not ask again.
    headers = {"x-content-type-options": "nosniff", "cache-control": "public, max-age=31536000, immutable"}
    return Response(style()[0], headers=headers, media_type="text/css")


async def _metrics(service: Service, metrics: Metrics, request: Request) -> Response:
    await _caller(service, request, frozenset({"auditor", "admin"}))
    return Response(metrics.text(), media_type=metrics.media)


async def _reload(service: Service, request: Request) -> Response:
    """200 only when every worker judges by it: a revocation that is told to be in force is in force."""
    caller = await _caller(service, request, frozenset({"admin"}))
    patience = _seconds(request.query_params.get("timeout"))
    _log.info("asked for a reload over HTTP", extra={"placet": {"caller": caller.id}})
    # Not in the pool: it may wait for OPA, which fetches its policy set by way of the pool. And no name in the reason,
    # which is a leaf of the log for ever.
    ruling = await asyncio.to_thread(service.reload, "asked over HTTP")
    told = {"generation": ruling.number, "policy": ruling.house.policy_set.revision}
    behind = await _behind(service, _AGREE_SECONDS if patience is None else patience)
    if not behind:
        return JSONResponse(told)
    names = ", ".join(map(str, behind))
    hint = "the parent asks them again, then replaces them: ask for a reload again until the answer is 200"
    words = f"the new rules are not in force everywhere; still missing: worker {names}"
    return Response(
        body(503, "http.reload_pending", words, hint=hint, workers=list(behind), **told), 503, None, PROBLEM
    )


async def _behind(service: Service, seconds: float) -> tuple[int, ...]:
    """The workers that do not judge by what this one does, after so long at the most."""
    by = time.monotonic() + seconds
    # Not in a thread, because a worker's own reload may need the last one.
    while (behind := service.behind()) and not service.ending and time.monotonic() < by:  # noqa: ASYNC110 - shared memory
        await asyncio.sleep(_LOOK_SECONDS)
    return behind


def _guarded(service: Service, metrics: Metrics, call: Call) -> Answer:
    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        caller: Caller | None = None
        try:
            caller = await _caller(service, request, call.roles, basic=call.basic)
            reply = await _made(service, call, caller, request)
        except HOUSE_ERRORS as error:
            reply = _refusal(call, error)
        except ClientDisconnect:
            # Nobody reads it. Raised, whoever leaves in the middle of a request would fill the log with traces.
            reply = Reply(body(408, "http.left", "the caller left before its request was here"), PROBLEM, 408)
        except Exception:  # noqa: BLE001 - a bug is refused, too, and logged as what it is
            _log.exception("a call failed inside Placet")
            words = ("internal.error", "this failed inside Placet; its log says more")
            reply = failure(503, *words) if call.page else Reply(body(503, *words), PROBLEM, 503)
        seconds = time.perf_counter() - began
        metrics.count(call.path, reply.status, seconds)
        _tell(call, request, caller, reply, seconds)
        response = Response(reply.body, reply.status, {**_SAFE, **reply.headers}, reply.media)
        if reply.status == 401 and call.basic:
            # On a line of its own: browsers read one challenge a line (RFC 9110 section 11.6.1 warns of more).
            response.headers.append("www-authenticate", 'Basic realm="placet"')
        return response

    return answer


def _refusal(call: Call, error: HouseError) -> Reply:
    """An error as this call tells it: a problem body, on pages a page."""
    if call.page:
        told = failure(status_of(error), error.code, error.message, error.hint, error.where)
        return replace(told, headers={**told.headers, **_hints(error)})
    status, document = problem(error)
    return Reply(document, PROBLEM, status, _hints(error))


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


async def _caller(
    service: Service, request: Request, roles: frozenset[str], *, basic: bool = False
) -> Caller:
    """Who asks, when it may. Raises `AccessError`."""
    header = request.headers.get("authorization")
    authenticator = service.ruling.authenticator
    peer = "" if request.client is None else request.client.host
    try:
        if authenticator.at_once(header):
            # Not behind the decisions that the pool is at: who asks is to be known in microseconds.
            caller = authenticator.caller(header, service.clock(), basic=basic)
        else:
            # An issuer's keys may have to be fetched: not on the event loop.
            caller = await service.pool.run(
                lambda: authenticator.caller(header, service.clock(), basic=basic)
            )
    except AccessError:
        service.rates.take(f"refused {peer}")
        raise
    service.rates.take(caller.id)
    if not caller.roles & roles:
        held = sorted(caller.roles)
        raise AccessError(
            "access.forbidden",
            f"{caller.principal} has {_counted(held)}; this call needs {_counted(sorted(roles), ' or ')}",
            status=403,
        )
    return caller


def _counted(roles: list[str], between: str = ", ") -> str:
    if not roles:
        return "no role"
    return f"the role{'' if len(roles) == 1 or between == ' or ' else 's'} {between.join(roles)}"


async def _made(service: Service, call: Call, caller: Caller, request: Request) -> Reply:
    given = list(request.query_params.multi_items())
    query = dict(given)
    if unknown := sorted(query.keys() - call.query.keys()):
        raise UsageError("http.query", f"{call.path} knows no {unknown[0][:80]!r} in its query")
    if len(query) != len(given):
        raise UsageError("http.query", "a query parameter is given twice")
    data = await _body(request, int(service.house.project.settings.number("http.body")))
    patience = _seconds(query.get("timeout"))
    by = None if patience is None else time.monotonic() + patience
    asked = Asked(request.path_params, query, data, caller, request.headers, by)

    def work() -> Reply:
        with service.use() as house:
            return call.answer(house, asked)

    return await service.pool.run(work)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = _TIMEOUT.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= _LONGEST:
        raise UsageError("http.query", f"timeout must be seconds up to {_LONGEST:.0f}, such as 2s")
    return float(found[1])


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
    allowed = ", ".join(sorted(_methods(request)))
    headers = {"allow": allowed} if status == 405 else {}
    words, hint = "nothing is served there", "GET /openapi.json lists what is"
    if status == 405:
        words = f"this method is not served here; allowed: {allowed}"
    elif request.url.path.startswith("/v1/v1"):
        hint = "/v1 stands twice in the URL: leave it out of the server's"
    if HTML in request.headers.get("accept", ""):
        told = failure(status, "http.no_route", words, hint)  # whoever typed an address into a browser
        return Response(told.body, status, {**told.headers, **headers}, told.media)
    return Response(body(status, "http.no_route", words, hint=hint), status, headers, PROBLEM)


def _methods(request: Request) -> set[str]:
    """What may be asked of this path, by every route that serves it (RFC 9110 section 10.2.1)."""
    app: FastAPI = request.app
    serving = (route for route in app.routes if isinstance(route, Route))
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
