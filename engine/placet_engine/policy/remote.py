"""OPA as a sidecar or a service that somebody else runs (setting `opa.url`), trusted by its TLS identity."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from placet_engine.errors import ConfigurationError
from placet_engine.loopback import is_loopback
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.opa import Expected, NotConnectedError, OpaClient, WebPlace
from placet_engine.policy.port import Answer, TimedOut, Unreachable
from placet_engine.policy.worker import Worker, not_ready

_POLL: Final = 0.1  # seconds between looks at whether it is ready


class RemoteOpa:
    """A `PolicyEngine` behind HTTPS; plain HTTP is accepted to this machine only."""

    def __init__(
        self,
        url: str,
        *,
        revision: str,
        bundle: str | None = None,
        ca: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
        token: str | None = None,
        limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
    ) -> None:
        """`url`: scheme, host and port. `revision`: of the policy set that must answer; `bundle`: its name in
        that OPA, needed when it holds several. `ca`: PEM file of the authority to trust instead of the
        system's. `certificate`: PEM files of a client certificate and its key.

        Raises ConfigurationError opa.url, opa.tls.
        """
        place = parse_url(url, ca=ca, certificate=certificate, token=token)
        self._revision: Final = revision
        expected = Expected(revision, bundle)
        self._worker = Worker(
            lambda: _Remote(lambda: OpaClient(place, expected, limits=limits), expected),
            name="placet-opa-remote",
        )

    @property
    def revision(self) -> str:
        """The revision that must answer."""
        return self._revision

    def ask(self, input: bytes, *, timeout: float) -> Answer:
        """As `PolicyEngine.ask`."""
        return self._worker.ask(input, timeout)

    def wait_ready(self, timeout: float) -> None:
        """Return once it answers by the expected policy set. Raises PolicyError opa.not_ready."""
        self._worker.wait_ready(timeout)

    def close(self) -> None:
        """Close the connections."""
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Remote:
    """The backend in the worker's loop."""

    def __init__(self, connect: Callable[[], OpaClient], expected: Expected) -> None:
        self._client = connect()
        self._expected = expected

    async def open(self) -> None:
        await self._client.__aenter__()

    async def ask(self, question: bytes, deadline: float) -> Answer:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await self._client.decide(question)
        except TimeoutError:
            return TimedOut()
        except NotConnectedError as error:
            return Unreachable(str(error))

    async def wait_ready(self, deadline: float) -> None:
        patience, words = deadline - time.monotonic(), ""
        try:
            async with asyncio.timeout(patience):
                while True:
                    got = await self._client.holds()
                    if got == self._expected.revision and await self._client.healthy():
                        return
                    words = "" if got is None else f"it answers by the policy set {got or 'of nobody'}"
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise not_ready(patience, words) from error

    async def close(self) -> None:
        await self._client.close_connection()


def parse_url(
    url: str,
    *,
    ca: Path | None = None,
    certificate: tuple[Path, Path] | None = None,
    token: str | None = None,
) -> WebPlace:
    """Where `url` leads. Raises ConfigurationError opa.url (not scheme, host and port), opa.tls."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_url(url, "it is not https://HOST:PORT")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise _bad_url(url, "it holds more than scheme, host and port")
    named = f"[{host}]" if ":" in host else host
    if parts.scheme == "https":
        return WebPlace(named, 443 if port is None else port, _tls(ca, certificate), token)
    if not is_loopback(host):
        raise _bad_url(url, "plain http leads off this machine")
    return WebPlace(named, 80 if port is None else port, None, token)


def _tls(ca: Path | None, certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(*certificate)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            "opa.tls",
            f"the certificates for opa.url cannot be used: {error}",
            hint="name PEM files: the authority's certificate, the client's certificate and its key",
        ) from error
    return context


def _bad_url(url: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        "opa.url", f"{url!r} cannot be used: {why}", hint="write https://HOST:PORT, or http://127.0.0.1:PORT"
    )
