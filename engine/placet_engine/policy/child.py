"""OPA as a child of this process: the policy engine that `placet` uses unless a setting names another.

Starting one returns as soon as a thread exists; OPA starts while Python imports the client for it. The first
question waits for both. Whoever needs to know that OPA took the policy set calls `wait_ready`.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits
from placet_engine.policy.port import Answer
from placet_engine.policy.process import VARIABLES, Recipe, socket_folder
from placet_engine.policy.worker import Backend, Worker

if TYPE_CHECKING:
    from placet_engine.policy.opa import OpaClient
    from placet_engine.policy.process import OpaProcess


class ChildOpa:
    """A `PolicyEngine` on one OPA child: restarted when it dies, gone when this process is, however it ends.

    Start it in the process that asks: a forked process has no OPA of its own, its questions are
    `Unreachable`.
    """

    def __init__(
        self,
        policy_set: PolicySet,
        opa: Binary,
        *,
        runtime_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limits: PolicyLimits = DEFAULT_POLICY_LIMITS,
    ) -> None:
        """Start OPA with `policy_set`, which must be accepted before any answer is believed.

        `runtime_dir`: where the private folder of bundle and socket is made, default the system's temporary
        folder. `environment`: all variables that OPA sees, default `process.VARIABLES`. Raises PolicyError
        opa.socket_path.
        """
        self._revision: Final = policy_set.revision
        self._limits = limits
        self._process: OpaProcess | None = None
        self._recipe = Recipe(
            opa=opa.path,
            archive=policy_set.archive,
            runtime_dir=socket_folder(runtime_dir),
            environment=VARIABLES if environment is None else dict(environment),
            limits=limits,
        )
        self._worker = Worker(self._make, name="placet-opa")
        atexit.register(self.close)

    @property
    def revision(self) -> str:
        """The policy set's revision."""
        return self._revision

    @property
    def pid(self) -> int | None:
        """The process id of the present OPA, for `placet doctor`; None while there is none."""
        return self._process.pid if self._process is not None and self._process.alive() else None

    def ask(self, input: bytes, *, timeout: float) -> Answer:
        """As `PolicyEngine.ask`. A question that finds OPA starting waits for it within its time."""
        return self._worker.ask(input, timeout)

    def wait_ready(self, timeout: float) -> None:
        """Return once OPA answers. Raises PolicyError policy.compile with OPA's words, opa.start,
        opa.not_ready.
        """
        self._worker.wait_ready(timeout)

    def close(self) -> None:
        """End OPA and remove its folder."""
        self._worker.close()
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self) -> Backend:
        """Runs in the worker's thread: OPA first, the imports while it starts."""
        first = self._start()
        from placet_engine.policy.opa import Expected, OpaClient, SocketPlace
        from placet_engine.policy.supervisor import Supervisor

        def connect(process: OpaProcess) -> OpaClient:
            return OpaClient(SocketPlace(process.socket), Expected(self._revision), limits=self._limits)

        return Supervisor(first, self._start, connect, self._limits)

    def _start(self) -> OpaProcess:
        self._process = self._recipe.start()
        return self._process
