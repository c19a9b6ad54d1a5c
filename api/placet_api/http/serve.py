"""The serving process: open the house, make sure that it can decide, and only then listen.

Between a start and the first accepted connection lies everything that a decision needs: so there is no moment in which
a fresh process answers by less than all of its rules. With several workers, each is such a process (`workers`).
"""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import resource
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeVar

import uvicorn

from placet_api.admission import environments, paths
from placet_api.admission.webhook import Webhook
from placet_api.errors import HOUSE_ERRORS, ConfigurationError
from placet_api.http import metrics
from placet_api.http.admitting import HouseJudge
from placet_api.http.app import make_app
from placet_api.http.jsonlog import write_json_lines
from placet_api.http.line import WorkerEnd
from placet_api.http.listening import BACKLOG, Door, Doors, open_doors
from placet_api.http.protocol import Bounds, bounded
from placet_api.http.rates import Rates
from placet_api.http.service import Service
from placet_api.http.shared_rates import SharedRates
from placet_api.http.worker import SIGHUP, WorkerService, as_started, become
from placet_api.http.workers import Patience, Workers
from placet_api.project import Project
from placet_api.root_keeper import RootKeeper
from placet_api.settings import Settings
from placet_api.wiring import open_house

_log = logging.getLogger("placet.serve")
_MOST_WORKERS = 64
_CLOSING_SECONDS = 10.0  # what closing a house takes at most, beyond what its requests may take
_FAREWELL_SECONDS = 2.0
_COLLECT_EVERY = 10_000  # objects
_R = TypeVar("_R", bound=Rates)


def _nothing() -> None:
    return


def serve(project: Project, reread: Callable[[], Project], started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. `started` hears each address once connections are accepted.

    Raises whatever opening a house raises, what `Workers.run` raises, and `ConfigurationError` http.listen, http.tls,
    http.workers, kubernetes.*.
    """
    count = int(project.settings.number("http.workers"))
    if count > _MOST_WORKERS:
        raise ConfigurationError(
            "http.workers", f"{count} workers are more than {_MOST_WORKERS}", where="http.workers"
        )
    _take_descriptors()
    with open_doors(project) as doors:
        if count == 1:
            _serve_alone(project, reread, doors, started)
        else:
            _serve_together(count, project, reread, doors, started)


def _take_descriptors() -> None:
    """As many open connections as this process may ask for: the soft bound is for programs that use `select`."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _serve_alone(
    project: Project, reread: Callable[[], Project], doors: Doors, started: Callable[[str], None]
) -> None:
    with open_house(project) as house, closing(Service(project, reread, house)) as service:
        servers = _servers(service, doors, _cluster_rates(project.settings, Rates), started)
        doors.listen()
        with RootKeeper(service, service.clock):
            _until_ended(_run(service, servers), servers)


def _serve_together(
    count: int, project: Project, reread: Callable[[], Project], doors: Doors, started: Callable[[str], None]
) -> None:
    settings = project.settings
    rate = settings.number("http.rate")
    drain = settings.number("http.drain_seconds") + settings.number("opa.timeout") + _CLOSING_SECONDS
    with ExitStack() as kept:
        # What a worker that is killed leaves behind (its OPA's folder) goes with it, and all of it with the parent.
        folder = Path(kept.enter_context(TemporaryDirectory(prefix="placet-workers-")))
        callers = kept.enter_context(closing(SharedRates(rate, burst=2 * rate)))
        cluster = kept.enter_context(closing(_cluster_rates(settings, SharedRates)))
        common = _Common(project, reread, doors, folder, callers, cluster)

        def opened() -> None:
            doors.listen()
            doors.tell(started)

        Workers(count, common.body, common.gone, Patience(drain)).run(opened)


@dataclass(frozen=True, slots=True)
class _Common:
    """What the workers of one service have in common: made before any of them is forked."""

    project: Project
    reread: Callable[[], Project]
    doors: Doors
    folder: Path
    callers: SharedRates
    cluster: SharedRates

    def body(self, line: WorkerEnd, number: int, parent: int, again: bool) -> NoReturn:
        """As `place.Body`."""
        become(line, parent, lambda: self._work(line, number, again=again))

    def gone(self, number: int) -> None:
        """A worker died."""
        metrics.forget(self.folder, number)
        shutil.rmtree(self.folder / str(number), ignore_errors=True)

    def _work(self, line: WorkerEnd, number: int, *, again: bool) -> None:
        write_json_lines(number)
        metrics.share(self.folder, number)
        own = self.folder / str(number)
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.tempdir = str(own)
        project = as_started(self.project, self.reread()) if again else self.project
        with (
            open_house(project) as house,
            closing(WorkerService(project, self.reread, house, line, number, self.callers)) as service,
        ):
            servers = _servers(service, self.doors, self.cluster, lambda _: None)
            line.ready()
            line.wait_for_go()
            with RootKeeper(service, service.clock):
                _until_ended(_run(service, servers, service.tell), servers)


def _servers(service: Service, doors: Doors, cluster: Rates, started: Callable[[str], None]) -> list[_Server]:
    """What answers at each door. `cluster` counts the API server's requests."""
    servers = [_Server(service, make_app(service), doors.main, started)]
    if doors.admission is not None:
        webhook = _admission(service, doors.actor, cluster)
        servers.append(_Server(service, webhook, doors.admission, started))
    return servers


def _admission(service: Service, actor: str, rates: Rates) -> Webhook:
    settings = service.house.project.settings
    cluster, key = settings.text("kubernetes.cluster"), "kubernetes.environments"
    return Webhook(
        HouseJudge(service, actor),
        environments.parse(settings.items(key), cluster, key),
        paths.parse(settings.items("kubernetes.paths"), "kubernetes.paths"),
        cluster=cluster,
        actor=actor,
        rates=rates,
        ready=lambda: service.pool.run(service.readiness),
    )


def _cluster_rates(settings: Settings, make: type[_R]) -> _R:
    rate = settings.number("kubernetes.rate")
    return make(rate, burst=2 * rate)


def _until_ended(serving: Coroutine[Any, Any, None], servers: list[_Server]) -> None:
    """In the loop that uvicorn's settings name: `serve`, unlike uvicorn's own `run`, takes the one it is in.

    What is there by now stays: the collector need not walk it again and again. A command ends before cyclic garbage
    matters (`cli.main`), a service does not.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)
    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        runner.run(serving)


async def _run(service: Service, servers: list[_Server], listening: Callable[[], None] = _nothing) -> None:
    """Serve until a signal says to end. `listening` hears when signals are taken as they are meant."""
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(service))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    def end() -> None:
        service.end_soon()
        for server in servers:
            server.should_exit = True

    loop.add_signal_handler(signal.SIGHUP, reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    listening()
    await asyncio.gather(*(server.serve(sockets=[server.door.socket]) for server in servers))


async def _reload(service: Service) -> None:
    try:
        ruling = await asyncio.to_thread(service.reload, SIGHUP)
    except HOUSE_ERRORS as error:
        told: dict[str, object] = {"code": error.code, "detail": str(error)}
        _log.warning("the reload was refused; what ruled before goes on", extra={"placet": told})
    except Exception:  # noqa: BLE001 - a bug in a reload must not end the service
        _log.exception("the reload failed; what ruled before goes on")
    else:
        told = {"generation": ruling.number, "policy": ruling.house.policy_set.revision}
        _log.info("reloaded", extra={"placet": told})


async def _look() -> None:
    metrics.look()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: ours tell it to end, and to reload."""

    def __init__(self, service: Service, app: Any, door: Door, started: Callable[[str], None]) -> None:
        super().__init__(_config(service.house.project.settings, app, door))
        self.door = door
        self._started = started
        self._greeting_seconds = service.house.project.settings.number("http.request_seconds")

    def capture_signals(self) -> Any:
        """None are captured."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - ours
        """Accept connections, then say so.

        uvicorn's own lets uvloop wait a minute for a TLS greeting and half a one for a farewell, each with a
        descriptor in its hand.
        """
        config = self.config
        protocol: Any = config.http_protocol_class
        make = functools.partial(
            protocol,
            config=config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        greeting, farewell = self._tls_patience()
        loop = asyncio.get_running_loop()
        made = loop.create_server(
            make,
            sock=self.door.socket,
            ssl=config.ssl,
            backlog=config.backlog,
            ssl_handshake_timeout=greeting,
            ssl_shutdown_timeout=farewell,
        )
        self.servers = [await made]
        self.started = True
        self._started(self.door.told)

    def _tls_patience(self) -> tuple[float | None, float | None]:
        """Seconds for a TLS greeting and a farewell; none for a door in clear."""
        if self.config.ssl is None:
            return None, None
        return self._greeting_seconds, min(_FAREWELL_SECONDS, self._greeting_seconds)


def _config(settings: Settings, app: Any, door: Door) -> uvicorn.Config:
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
        backlog=BACKLOG,
        timeout_keep_alive=int(settings.number("http.idle_seconds")),
        timeout_graceful_shutdown=int(settings.number("http.drain_seconds")),
        callback_notify=_look,
        timeout_notify=1,
    )
    config.load()
    config.ssl = door.tls
    return config
