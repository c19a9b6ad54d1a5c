"""Numbers for Prometheus: the only file that imports prometheus_client."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from placet_api.http.service import Service


class Metrics:
    """Counters of one worker."""

    media = CONTENT_TYPE_LATEST

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "placet_requests", "Calls by path and status", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "placet_request_seconds", "Time of a call", ["path"], registry=self._registry
        )
        working = Gauge("placet_pool_taken", "Requests at work or waiting", registry=self._registry)
        working.set_function(lambda: service.pool.taken)
        generation = Gauge("placet_generation", "Reloads since the start", registry=self._registry)
        generation.set_function(lambda: service.ruling.number)

    def count(self, path: str, status: int, seconds: float) -> None:
        """One call, by the path of the table: never by what a caller wrote."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
