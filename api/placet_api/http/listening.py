"""Where the service listens: addresses, TLS, and sockets that are bound before anything is opened.

A socket that is bound and does not listen refuses connections as one that does not exist. So the addresses are taken
first, and only `Doors.listen` opens them: when whoever answers there is ready to.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from placet_api.errors import ConfigurationError
from placet_api.project import Project
from placet_engine.loopback import is_loopback

BACKLOG = 1024
"""Connections that the kernel keeps for whoever accepts them."""


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
class Door:
    """One bound address and its TLS (None: in clear). `words` are said with its URL once it is open."""

    words: str
    socket: socket.socket
    tls: ssl.SSLContext | None

    @property
    def told(self) -> str:
        """Such as `serves https://127.0.0.1:8443`."""
        host, port = self.socket.getsockname()[:2]
        scheme = "http" if self.tls is None else "https"
        return f"{self.words} {scheme}://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True, slots=True)
class Doors:
    """Every address of one service. `actor` is who asks at the admission webhook, as its listener proves it."""

    main: Door
    admission: Door | None = None
    actor: str = ""

    def listen(self) -> None:
        """From now on the kernel takes connections. Raises `ConfigurationError` http.listen."""
        for door in (self.main, self.admission):
            if door is not None:
                host, port = door.socket.getsockname()[:2]
                with _refusing(Address(host, port)):
                    door.socket.listen(BACKLOG)

    def tell(self, started: Callable[[str], None]) -> None:
        """Say where they are."""
        for door in (self.main, self.admission):
            if door is not None:
                started(door.told)


@contextmanager
def open_doors(project: Project) -> Iterator[Doors]:
    """Check every setting of every listener, then bind; closed at the end of the block.

    Raises `ConfigurationError` http.listen, http.tls.
    """
    address = Address.parse(project.settings.text("http.listen"), "http.listen")
    context, hook = _tls(project, address), _webhook(project)
    with ExitStack() as bound:
        main = Door("serves", bound.enter_context(_bind(address)), context)
        if hook is None:
            yield Doors(main)
            return
        where, tls, actor = hook
        yield Doors(main, Door("admits at", bound.enter_context(_bind(where)), tls), actor)


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


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # The protocol by name: asyncio turns Nagle's algorithm off for nothing else, and an answer would wait 40 ms for it.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        with _refusing(address):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((address.host, address.port))
    except BaseException:
        bound.close()
        raise
    return bound


@contextmanager
def _refusing(address: Address) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            "http.listen",
            f"cannot listen at {address.host}:{address.port}: {error.strerror}",
            where="http.listen",
        ) from error
