"""One service over HTTPS: an answer, or the one error that says why there is none.

Nothing is followed, nothing is tried twice: a redirect would carry the token to somebody else, and a second question
would be a second decision.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from placet_api.client.problems import answer_error, error_of
from placet_api.errors import AccessError, ConfigurationError, ServiceError
from placet_engine.loopback import is_loopback

MAX_BODY: Final = 32 * 1024 * 1024
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer: its status, its headers with lower-case names, its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        return media_type(self.headers)


class Connection:
    """Calls of one service, each over a connection of its own.

    `url` is scheme, host, port and perhaps a path before the API's own; `ca` a PEM file of the authority to trust
    instead of the system's; `timeout` the seconds a whole call may take. Raises `ConfigurationError` client.url,
    client.ca; `AccessError` access.token.
    """

    def __init__(
        self, url: str, token: str | None, ca: Path | None, timeout: float, *, max_body: int = MAX_BODY
    ) -> None:
        self.url: Final = url
        parts = _parse(url)
        self._host: Final = parts.hostname or ""
        self._port: Final = parts.port
        self._prefix: Final = parts.path.rstrip("/")
        self._tls: Final = _context(ca) if parts.scheme == "https" else None
        if token is not None and _TOKEN.fullmatch(token) is None:
            raise AccessError("access.token", "the token for the service holds what no token holds")
        self._token: Final = token
        self.timeout: Final = timeout
        self._max_body: Final = max_body

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """Ask for something. Raises what `problems.error_of` says; `ServiceError` service.*."""
        return self._call("GET", path, query, None, None)

    def ask(self, path: str) -> Reply:
        """Ask a server that is no Placet service: its answer, whatever the status. Raises `ServiceError` service.*."""
        return self._exchange("GET", self._target(path), None, None)

    def post(
        self, path: str, body: bytes, content_type: str, query: Mapping[str, str] | None = None
    ) -> Reply:
        """Send something. Raises as `get` does."""
        return self._call("POST", path, query, body, content_type)

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: bytes | None,
        content_type: str | None,
    ) -> Reply:
        target = self._target(path) + (f"?{urlencode(query)}" if query else "")
        reply = self._exchange(method, target, body, content_type)
        if reply.status not in (200, 201):
            error = error_of(
                reply.status, reply.kind, reply.body, after=_after(reply.headers), where=self.url
            )
            if error.code == "http.no_route" and self._prefix:
                error.hint = f"the path is asked for below the URL: leave {self._prefix} out of it"
            raise error
        return reply

    def _target(self, path: str) -> str:
        return self._prefix + quote(path, safe="/:%")

    def _exchange(self, method: str, target: str, body: bytes | None, content_type: str | None) -> Reply:
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if content_type is not None:
            headers["Content-Type"] = content_type
        with self._translated() as wire:
            wire.request(method, target, body=body, headers=headers)
            with wire.getresponse() as response:  # it holds the line open, whoever else lets go of it
                return self._read(response)

    def _read(self, response: http.client.HTTPResponse) -> Reply:
        headers = {name.lower(): value for name, value in response.getheaders()}
        # Without a length, an answer that was cut off looks whole.
        if response.length is None and not response.chunked:
            raise answer_error("the answer says nothing of its length", where=self.url)
        body = response.read(self._max_body + 1)
        if len(body) > self._max_body:
            raise answer_error(f"the answer is longer than {self._max_body:,} bytes", where=self.url)
        if response.length:
            raise answer_error("the answer ended too early", where=self.url)
        return Reply(response.status, headers, body)

    @contextmanager
    def _translated(self) -> Iterator[http.client.HTTPConnection]:
        """A connection for one call, cut when time is over; every way to fail is one `ServiceError`."""
        over = threading.Event()
        try:
            with self._open(over) as wire:
                yield wire
            if over.is_set():
                raise TimeoutError
        except (OSError, UnicodeError, http.client.HTTPException, ServiceError) as error:
            raise self._service_error(error, late=over.is_set()) from error

    @contextmanager
    def _open(self, over: threading.Event) -> Iterator[http.client.HTTPConnection]:
        kind = http.client.HTTPConnection if self._tls is None else http.client.HTTPSConnection
        wire = kind(self._host, self._port, timeout=self.timeout)
        with socket.create_connection((wire.host, wire.port), self.timeout) as plain, plain.dup() as guard:
            # The socket's own patience begins anew with every byte; that of a caller does not. A second handle cuts
            # the line, because the first belongs to TLS.
            timer = threading.Timer(self.timeout, _cut, (guard, over))
            timer.daemon = True
            timer.start()
            try:
                wire.sock = (
                    plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._host)
                )
                yield wire
            finally:
                timer.cancel()
                timer.join()  # it must not cut a handle that is closed, or somebody else's by then
                wire.close()

    def _service_error(self, error: Exception, *, late: bool) -> ServiceError:
        if late or isinstance(error, TimeoutError):
            return ServiceError(
                "service.timeout",
                f"the service did not answer within {self.timeout:g} s",
                where=self.url,
                hint="set PLACET_CLIENT_TIMEOUT if it needs longer",
            )
        if isinstance(error, ServiceError):
            return error
        if isinstance(error, ssl.SSLError):
            return ServiceError(
                "service.tls",
                f"no trusted connection to the service: {getattr(error, 'verify_message', '') or error.reason}",
                where=self.url,
                hint="name the authority of its certificate:  --ca FILE",
            )
        if isinstance(error, http.client.HTTPException):
            return answer_error(f"the answer is no HTTP ({type(error).__name__})", where=self.url)
        return ServiceError(
            "service.unreachable",
            f"the service cannot be reached: {getattr(error, 'strerror', None) or error}",
            where=self.url,
            hint="is it running, and is the URL right?",
        )


def media_type(headers: Mapping[str, str]) -> str:
    """The media type of a message, in lower case and without parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _cut(guard: socket.socket, over: threading.Event) -> None:
    over.set()
    try:
        guard.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side was faster
        return


def _after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def _parse(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if (
        not host
        or port == 0
        or parts.scheme not in ("http", "https")
        or not url.isascii()
        or not url.isprintable()
    ):
        raise _bad_url(url, "it is not https://HOST[:PORT]")
    if parts.username is not None or parts.query or parts.fragment or " " in url:
        raise _bad_url(f"{parts.scheme}://{host}", "it holds more than scheme, host, port and path")
    if parts.scheme == "http" and not is_loopback(host):
        raise _bad_url(url, "plain http is spoken on this machine only: a token would be read on the way")
    return parts


def _bad_url(url: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        "client.url", f"{url!r} is no URL of a service: {why}", hint="write https://HOST[:PORT]"
    )


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "client.ca",
            f"no certificate authority can be read: {error.strerror or error}",
            where=str(ca),
            hint="give a PEM file",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
