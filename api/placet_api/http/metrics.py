"""Numbers for Prometheus: the only file that imports prometheus_client.

Several workers count in files of one folder, each in its own; whoever is asked adds them up. The files are named by
the worker's number, not by its process id: the one that takes a dead worker's place counts on where that one stopped,
so that no counter goes back and no file is left over.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)

from placet_api.http.service import Service

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # how prometheus_client is told; there is no other way
_MADE: WeakSet[Metrics] = WeakSet()


class Metrics:
    """Counters of one worker; `text` tells those of all that share a folder with it."""

    media = CONTENT_TYPE_LATEST
    shared: ClassVar[Path | None] = None

    def __init__(self, service: Service) -> None:
        self._service = service
        _MADE.add(self)
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "placet_requests", "Calls by path and status", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "placet_request_seconds", "Time of a call", ["path"], registry=self._registry
        )
        self._working = Gauge(
            "placet_pool_taken",
            "Requests at work or waiting",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._generation = Gauge(
            "placet_generation",
            "Reloads since the start",
            registry=self._registry,
            multiprocess_mode="liveall",
        )

        self._root_age = Gauge(
            "placet_root_age_seconds",
            "Seconds since a trusted root was vouched for; below 0 while it is",
            ["root"],
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._root_failures = Counter(
            "placet_root_refresh_failures",
            "Refreshes of a root that failed",
            ["root"],
            registry=self._registry,
        )
        self._told_failures: dict[str, int] = {}

    def count(self, path: str, status: int, seconds: float) -> None:
        """One call, by the path of the table: never by what a caller wrote."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """The exposition format. The gauges of other workers are those of their last `look`."""
        self.look()
        if self.shared is None:
            return generate_latest(self._registry)
        everything = CollectorRegistry()
        multiprocess.MultiProcessCollector(everything, path=str(self.shared))  # type: ignore[no-untyped-call]
        return generate_latest(everything)

    def look(self) -> None:
        """Set the gauges to what is."""
        self._working.set(self._service.pool.taken)
        self._generation.set(self._service.ruling.number)
        watch = self._service.root_watch
        for root, age in watch.ages.items():
            self._root_age.labels(root).set(age)
        for root, count in tuple(watch.failures.items()):
            self._root_failures.labels(root).inc(count - self._told_failures.get(root, 0))
            self._told_failures[root] = count


def look() -> None:
    """Set every gauge of this process to what is: to be called every now and then where numbers are shared."""
    for made in _MADE:
        made.look()


def share(folder: Path, worker: int) -> None:
    """From now on this process counts in `folder`, as this worker. To be called before any `Metrics` is made."""
    os.environ[_FOLDER] = str(folder)
    Metrics.shared = folder
    values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]


def forget(folder: Path, worker: int) -> None:
    """The worker is dead: what only a living one has (its gauges) is gone, what it counted stays."""
    multiprocess.mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]
