"""One worker of several: a service that tells its parent by which rules it judges, and the process around it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from placet_api.errors import ALLOW, CLOSED, HOUSE_ERRORS, BusyError, ConfigurationError, exit_code
from placet_api.http.line import WorkerEnd
from placet_api.http.service import AT_START, Ruling, Service
from placet_api.http.shared_rates import SharedRates
from placet_api.http.signals import as_worker
from placet_api.project import FILE, Project
from placet_api.settings import Settings
from placet_api.wiring import House
from placet_engine.policy.shim import tie_to

SIGHUP = "SIGHUP"
"""Why a reload is made that the parent asks for."""

_log = logging.getLogger("placet.serve")


class WorkerService(Service):
    """A service whose reloads are told to the parent, and whose callers are counted with the other workers'."""

    def __init__(
        self,
        project: Project,
        reread: Callable[[], Project],
        house: House,
        line: WorkerEnd,
        number: int,
        rates: SharedRates,
    ) -> None:
        """Raises as `Service`."""
        super().__init__(project, reread, house)
        self.rates = rates
        self._line, self._number = line, number
        self._changes = 0
        self._telling = threading.Lock()

    def reload(self, why: str) -> Ruling:
        """As `Service.reload`; the note in the log names the worker, and the parent hears how it went.

        The parent hears at the beginning, too, of what it did not ask for itself: an OPA service that has to change its
        policy set polls any of the workers.
        """
        if why != SIGHUP:
            self._line.reloading()
        self._changed(+1)  # before the files are read
        try:
            ruling = super().reload(f"{why}, worker {self._number}")
        except BusyError:
            raise  # nothing was read: the reload before it says how it went, or this worker ends
        except BaseException:
            self._line.kept()
            raise
        else:
            self.tell()
            return ruling
        finally:
            self._changed(-1)

    def tell(self) -> None:
        """Tell the parent by which rules this worker judges."""
        with self._telling:
            self._line.rules(self._judges())

    def behind(self) -> tuple[int, ...]:
        """The workers that do not judge by what this one does, as the board says."""
        return self._line.behind()

    def readiness(self) -> dict[str, str]:
        """As `Service.readiness`, and `reload` while two workers judge by different rules."""
        missing = super().readiness()
        if self._line.apart():
            missing["reload"] = "not every worker judges by the same trust"
        return missing

    def _changed(self, by: int) -> None:
        with self._telling:
            self._changes += by
            self._judges()

    def _judges(self) -> str:
        """Write it on the board."""
        found = mark(self.ruling.house)
        self._line.judges(found, changing=self._changes > 0)
        return found


def mark(house: House) -> str:
    """Equal for two workers that judge by the same files and settings."""
    told = json.dumps(dict(house.project.settings.values), sort_keys=True, default=str)
    return hashlib.sha256(f"{house.anchors.digest}\n{house.trust.memory}\n{told}".encode()).hexdigest()


def as_started(first: Project, now: Project) -> Project:
    """The project as its files say now, but with what only a start reads as it was when the service started.

    Raises `ConfigurationError` settings.vanished: without its file a project would be judged by the defaults.
    """
    if FILE in first.settings.sources.values() and FILE not in now.settings.sources.values():
        raise ConfigurationError(
            "settings.vanished",
            "the configuration that this service was started with is gone",
            where=str(first.root / FILE),
            hint="put it back",
        )
    kept, sources = first.settings, dict(now.settings.sources)
    sources.update((key, kept.sources[key]) for key in AT_START)
    values = {**now.settings.values, **{key: kept.values[key] for key in AT_START}}
    return replace(now, settings=Settings(values, sources))


def become(line: WorkerEnd, parent: int, work: Callable[[], None]) -> NoReturn:
    """Be this worker until its end; called in a process that was just forked.

    It ends with `os._exit`, because the stack below this call is the parent's and its ends are the parent's to make.
    A session of its own: what the terminal sends is for the parent, who passes on what is meant for workers.
    """
    code = CLOSED
    try:
        tie_to(parent)
        os.setsid()
        as_worker()
        work()
        code = ALLOW
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else CLOSED
        if isinstance(ended.code, str):
            _log.error(ended.code)
    except HOUSE_ERRORS as error:
        line.failed(error)
        code = exit_code(error)
    except BaseException:  # noqa: BLE001 - whatever it is, it must not go on in the parent's stack
        _log.exception("a worker failed inside Placet")
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
