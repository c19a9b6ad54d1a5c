"""The adapter to OPA's REST API: the only file that imports opa_client and aiohttp.

It subclasses opa-python-client's asynchronous client for the session and the health call, over a unix socket
as well as over HTTPS, and sends Placet's one question through that session: bytes in, bytes out, one try. The
hook that it overrides is private to that package; a contract test holds it.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import aiohttp
from opa_client.opa_async import AsyncOpaClient

from placet_engine.errors import PolicyError
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.port import Answer, Refused, Result, Undefined, Unreachable, WrongBundle
from placet_engine.policy.wire import WireError, read_body, refusal_text

ENTRYPOINT: Final = "placet/main/decision"
QUERY: Final = "provenance=true&strict-builtin-errors=true"

_NOTHING: Final = "placet/none?provenance=true"  # no document stands there: only the provenance is wanted

_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADERS: Final = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class SocketPlace:
    """An OPA that listens on a unix socket."""

    path: Path


@dataclass(frozen=True, slots=True)
class WebPlace:
    """An OPA behind TCP; `tls` is None for plain HTTP. An IPv6 host stands in brackets."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What must have answered: the revision, and the name of the bundle in OPA (None: its only bundle)."""

    revision: str
    bundle: str | None = None


class NotConnectedError(Exception):
    """No connection was made, so nothing was sent: asking again is not asking twice."""


class OpaClient(AsyncOpaClient):  # type: ignore[misc]  # the package ships no types
    """One session with one OPA. Made, used and closed inside one event loop; `async with` opens it."""

    def __init__(
        self,
        place: SocketPlace | WebPlace,
        expected: Expected,
        *,
        entrypoint: str = ENTRYPOINT,
        limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
    ) -> None:
        """Raises PolicyError opa.entrypoint when `entrypoint` is no path of plain names."""
        web = place if isinstance(place, WebPlace) else WebPlace("localhost", 8181, None)
        super().__init__(
            host=web.host, port=web.port, ssl=web.tls is not None, token=web.token, retries=0, timeout=0.0
        )
        self._place = place
        self._expected = expected
        self._limits = limits
        self._url = f"{self.root_url}/data/{checked_path(entrypoint)}?{QUERY}"
        self._probe = f"{self.root_url}/data/{_NOTHING}"

    async def _init_session(self) -> None:
        """The package's hook, overridden: it knows neither unix sockets nor an own certificate authority.

        No timeout is set here, every call is made under a deadline; no cookies, no proxy from the
        environment.
        """
        self._connector = _connector(self._place)
        self._session = aiohttp.ClientSession(
            headers=self.headers,
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )

    async def healthy(self) -> bool:
        """Whether OPA listens and has its bundles; False when it takes longer than a probe may."""
        try:
            async with asyncio.timeout(self._limits.probe_timeout):
                return bool(await self.check_health({"bundles": True}))
        except TimeoutError:
            return False

    async def holds(self) -> str | None:
        """The revision by which it would answer now ("" without one); None when it does not say in time."""
        try:
            async with (
                asyncio.timeout(self._limits.probe_timeout),
                self._session.get(self._probe, headers=_HEADERS, allow_redirects=False) as response,
            ):
                body = await self._read(response)
            return (
                None if response.status != 200 or body is None else self._evaluated(read_body(body).revisions)
            )
        except (aiohttp.ClientError, OSError, WireError):  # a TimeoutError is an OSError
            return None

    async def decide(self, question: bytes) -> Answer:
        """Ask once. Cancelling it closes the connection, on which OPA stops the evaluation.

        Raises NotConnectedError when nothing was sent.
        """
        body = b'{"input":' + question + b"}"
        if len(body) > self._limits.max_input_bytes:
            return Refused(413, f"the question has more than {self._limits.max_input_bytes:,} bytes")
        if not _is_object(question):
            return Refused(400, "the question is not one JSON object")
        try:
            async with self._session.post(
                self._url, data=body, headers=_HEADERS, allow_redirects=False
            ) as response:
                return self._translate(response.status, await self._read(response))
        except aiohttp.ClientConnectorError as error:
            raise NotConnectedError(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            return Unreachable(str(error) or type(error).__name__)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body, or None when it is larger than an answer may be."""
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > self._limits.max_answer_bytes:
                response.close()
                return None
        return b"".join(parts)

    def _translate(self, status: int, body: bytes | None) -> Answer:
        if body is None:
            return Refused(status, f"the answer has more than {self._limits.max_answer_bytes:,} bytes")
        if status != 200:
            return Refused(status, refusal_text(body, self._limits.max_refusal_text))
        try:
            answer = read_body(body)
        except WireError as error:
            return Refused(status, str(error))
        got = self._evaluated(answer.revisions)
        if got != self._expected.revision:
            return WrongBundle(got)
        return Undefined() if answer.result is None else Result(answer.result, got)

    def _evaluated(self, revisions: Mapping[str, str]) -> str:
        """The revision that answered. With several bundles and none named, all of them: none is the expected
        one.
        """
        if self._expected.bundle is not None:
            return revisions.get(self._expected.bundle, "")
        return ", ".join(sorted(revisions.values()))


def _connector(place: SocketPlace | WebPlace) -> aiohttp.BaseConnector:
    if isinstance(place, SocketPlace):
        return aiohttp.UnixConnector(str(place.path))
    return aiohttp.TCPConnector(ssl=True if place.tls is None else place.tls)


def _refuse_to_write(*_: object, **__: object) -> NoReturn:
    raise PolicyError(
        "opa.read_only",
        "Placet never writes policies or data to a running OPA",
        hint="change the policy set; OPA loads it as a bundle",
    )


# The package's upload methods rewrite policies that OPA refuses. OPA's policies are what its bundle says,
# nothing else.
for _name in (
    "update_policy_from_string",
    "update_policy_from_file",
    "update_policy_from_url",
    "update_or_create_data",
    "patch_data",
    "delete_policy",
    "delete_data",
):
    setattr(OpaClient, _name, _refuse_to_write)


def checked_path(entrypoint: str) -> str:
    """`entrypoint` if it is plain names joined by slashes. Raises PolicyError opa.entrypoint."""
    if all(_SEGMENT.fullmatch(part) for part in entrypoint.split("/")):
        return entrypoint
    raise PolicyError(
        "opa.entrypoint", f"{entrypoint!r} is not the path of a rule", hint=f"the entrypoint is {ENTRYPOINT}"
    )


def _is_object(question: bytes) -> bool:
    """Whether the bytes are one JSON object, so that nothing beside `input` gets into the body."""
    try:
        return isinstance(json.loads(question), dict)
    except (ValueError, RecursionError):
        return False
