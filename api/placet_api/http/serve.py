"""The serving process: open the house, make sure that it can decide, and only then listen.

Between a start and the first accepted connection lies everything that a decision needs: so there is no moment in which
a fresh process answers by less than all of its rules.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from placet_api.admission import environments, paths
from placet_api.admission.webhook import Webhook
from placet_api.errors import HOUSE_ERRORS, ConfigurationError
from placet_api.http.admitting import HouseJudge
from placet_api.http.app import make_app
from placet_api.http.protocol import Bounds, bounded
from placet_api.http.rates import Rates
from placet_api.http.service import Service
from placet_api.project import Project
from placet_api.wiring import open_house
from placet_engine.loopback import is_loopback

_log = logging.getLogger("placet.serve")
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Address:
    """HOST:PORT; an IPv6 host stands in brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, key: str) -> Address:
        """Raises `ConfigurationError` http.listen."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
            raise ConfigurationError("http.listen", f"{key} must be HOST:PORT, not {text!r}", where=key)
        return cls(host.removeprefix("[").removesuffix("]"), int(port))


@dataclass(frozen=True, slots=True)
class _Listener:
    """One address with what answers there. `words` are said with its URL once it accepts connections."""

    config: uvicorn.Config
    socket: socket.socket
    words: str


def serve(project: Project, reread: Callable[[], Project], started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. `started` hears each address once connections are accepted.

    Raises whatever opening a house raises, and `ConfigurationError` http.listen, http.tls, kubernetes.*.
    """
    address = Address.parse(project.settings.text("http.listen"), "http.listen")
    context, hook = _tls(project, address), _webhook(project)
    with open_house(project) as house, ExitStack() as open_sockets:
        service = Service(project, reread, house)
        try:
            app = make_app(service)
            listeners = [
                _listener(project, app, context, open_sockets.enter_context(_listen(address)), "serves")
            ]
            if hook is not None:
                where, tls, actor = hook
                admission = _admission(service, actor)
                taken = open_sockets.enter_context(_listen(where))
                listeners.append(_listener(project, admission, tls, taken, "admits at"))
            asyncio.run(_run(service, listeners, started))
        finally:
            service.close()


def _webhook(project: Project) -> tuple[Address, ssl.SSLContext, str] | None:
    """Where the webhook listens, its TLS, and who asks there; None without kubernetes.listen."""
    text = project.settings.optional("kubernetes.listen")
    if text is None:
        return None
    address = Address.parse(text, "kubernetes.listen")
    certificate, key = (project.optional_path(f"kubernetes.{name}") for name in ("certificate", "key"))
    if certificate is None or key is None:
        raise ConfigurationError(
            "http.tls",
            "an API server speaks to TLS only",
            hint="set kubernetes.certificate and kubernetes.key",
        )
    context = server_context(certificate, key)
    authority = project.optional_path("kubernetes.client_ca")
    if authority is None:
        return address, context, "kubernetes:unauthenticated"
    try:
        context.load_verify_locations(authority)
    except OSError as error:
        raise ConfigurationError("http.tls", f"no authority: {error}", where=str(authority)) from error
    context.verify_mode = ssl.CERT_REQUIRED
    return address, context, f"kubernetes:{project.settings.text('kubernetes.cluster')}"


def _admission(service: Service, actor: str) -> Webhook:
    settings = service.house.project.settings
    cluster, rate = settings.text("kubernetes.cluster"), settings.number("kubernetes.rate")
    key = "kubernetes.environments"
    return Webhook(
        HouseJudge(service, actor),
        environments.parse(settings.items(key), cluster, key),
        paths.parse(settings.items("kubernetes.paths"), "kubernetes.paths"),
        cluster=cluster,
        actor=actor,
        rates=Rates(rate, burst=2 * rate),
        ready=lambda: service.pool.run(service.readiness),
    )


async def _run(service: Service, listeners: list[_Listener], started: Callable[[str], None]) -> None:
    servers = [_Server(listener, started) for listener in listeners]
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(service))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    def end() -> None:
        for server in servers:
            server.should_exit = True

    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await asyncio.gather(*(server.serve(sockets=[server.listener.socket]) for server in servers))


async def _reload(service: Service) -> None:
    try:
        ruling = await asyncio.to_thread(service.reload, "SIGHUP")
    except HOUSE_ERRORS as error:
        told: dict[str, object] = {"code": error.code, "detail": str(error)}
        _log.warning("the reload was refused; what ruled before goes on", extra={"placet": told})
    except Exception:  # noqa: BLE001 - a bug in a reload must not end the service
        _log.exception("the reload failed; what ruled before goes on")
    else:
        told = {"generation": ruling.number, "policy": ruling.house.policy_set.revision}
        _log.info("reloaded", extra={"placet": told})


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: ours tell it to end, and to reload."""

    def __init__(self, listener: _Listener, started: Callable[[str], None]) -> None:
        super().__init__(listener.config)
        self.listener = listener
        self._started = started

    def capture_signals(self) -> Any:
        """None are captured."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then say so."""
        await super().startup(sockets)
        host, port = self.listener.socket.getsockname()[:2]
        scheme = "http" if self.config.ssl is None else "https"
        self._started(f"{self.listener.words} {scheme}://{f'[{host}]' if ':' in host else host}:{port}")


def _listener(
    project: Project, app: Any, context: ssl.SSLContext | None, taken: socket.socket, words: str
) -> _Listener:
    settings = project.settings
    bounds = Bounds(int(settings.number("http.connections")), settings.number("http.request_seconds"))
    config = uvicorn.Config(
        app,
        http=bounded(bounds),
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(settings.number("http.idle_seconds")),
        timeout_graceful_shutdown=int(settings.number("http.drain_seconds")),
    )
    config.load()
    config.ssl = context
    return _Listener(config, taken, words)


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            "http.listen",
            f"cannot listen at {address.host}:{address.port}: {error.strerror}",
            where="http.listen",
        ) from error
    return listener


def _tls(project: Project, address: Address) -> ssl.SSLContext | None:
    certificate, key = project.optional_path("http.certificate"), project.optional_path("http.key")
    if (certificate is None) != (key is None):
        raise ConfigurationError("http.tls", "http.certificate and http.key go together")
    if certificate is None or key is None:
        if is_loopback(address.host):
            return None
        raise ConfigurationError(
            "http.tls",
            f"tokens would travel to {address.host} in clear",
            hint="set http.certificate and http.key, or listen on 127.0.0.1 behind something that does TLS",
        )
    return server_context(certificate, key)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer with this chain. Raises `ConfigurationError` http.tls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise ConfigurationError(
            "http.tls", f"the certificate cannot be used: {error}", where=str(certificate)
        ) from error
    return context
