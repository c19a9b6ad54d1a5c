"""The only place that names concrete adapters: a project becomes a house, whose rooms open when they are first used.

Verbs that need no OPA start none; a gate starts it first, so that it comes up while Python imports the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from placet_api.artifacts import Resolved, resolve
from placet_api.errors import ConfigurationError
from placet_api.project import Project

if TYPE_CHECKING:
    from placet_api.policy_bundles import ServedBundle
    from placet_attestations.digests import Digest
    from placet_attestations.keys import Signer
    from placet_attestations.limits import Limits
    from placet_attestations.sqlite_store import SqliteEvidenceStore
    from placet_attestations.statement import Statement
    from placet_attestations.trust import TrustPolicy
    from placet_attestations.verifier import Verifier
    from placet_engine.decision import Anchors
    from placet_engine.errors import PolicyError
    from placet_engine.evaluate import Evaluator
    from placet_engine.intake import Intake, TakenIn
    from placet_engine.lineage.model import Lineage
    from placet_engine.lineage.reader import EvidenceReader
    from placet_engine.log.log import DecisionLog
    from placet_engine.policy.binary import Binary
    from placet_engine.policy.bundle import PolicySet
    from placet_engine.policy.child import ChildOpa
    from placet_engine.policy.port import PolicyEngine
    from placet_engine.policy.remote import RemoteOpa


T = TypeVar("T")
_CALLERS = ("http.issuers", "kubernetes.environments", "kubernetes.paths")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=False)
class House:
    """Everything a command or a service works with, built from a project's settings."""

    project: Project
    clock: Callable[[], datetime] = _now
    _closers: list[Callable[[], None]] = field(default_factory=list)
    # What OPA services are given here: in a service its policy set, or the one that comes next.
    published: ServedBundle | None = None

    @cached_property
    def trust(self) -> TrustPolicy:
        """The trust policy, without the roots that are too old by the settings."""
        from placet_api.root_refresh import Fetching
        from placet_attestations.trust import load_trust

        trust = load_trust(self.project.path("trust"), state=self.project.fetched_roots)
        return trust.at(self.clock(), Fetching.of(self.project).error) if trust.roots else trust

    @cached_property
    def store(self) -> SqliteEvidenceStore:
        """The evidence."""
        from placet_attestations.sqlite_store import SqliteEvidenceStore

        store = SqliteEvidenceStore.open(self._database())
        self._closers.append(store.close)
        return store

    @cached_property
    def verifier(self) -> Verifier:
        """Verification with this process's memory."""
        from placet_attestations.verifier import Verifier

        return Verifier(self.limits)

    @cached_property
    def log(self) -> DecisionLog:
        """The decision log, open for appending."""
        from placet_engine.log.log import DecisionLog

        log = DecisionLog.open(
            self._database(), key=self.project.path("log.key"), head=self.project.kept_head()
        )
        self._closers.append(log.close)
        return log

    @cached_property
    def reading_log(self) -> DecisionLog:
        """The decision log for reading, under the public key: needs no private key."""
        from placet_api.log_key import log_verifier
        from placet_engine.log.log import DecisionLog

        log = DecisionLog.read(self._database(), verifier=log_verifier(self.project))
        self._closers.append(log.close)
        return log

    @cached_property
    def policy_set(self) -> PolicySet:
        """The policy set with the project's settings laid over it; not yet accepted."""
        from placet_api.policies import load

        return load(self.project)

    @cached_property
    def binary(self) -> Binary | None:
        """The OPA binary; None when OPA is a service."""
        from placet_engine.policy.binary import locate

        if self.project.settings.optional("opa.url") is not None:
            return None
        return locate(self.project.optional_path("opa.path"))

    @cached_property
    def _no_opa(self) -> PolicyError | None:
        """Why there is no OPA to ask; decisions are then denials that say so."""
        from placet_engine.errors import PolicyError

        try:
            _ = self.binary
        except PolicyError as error:
            return error
        return None

    @property
    def _compiler(self) -> Binary:
        """The OPA that compiles policy sets: also where a service evaluates them, the one that came with Placet."""
        from placet_engine.policy.binary import locate

        return self.binary or locate()

    @cached_property
    def engine(self) -> ChildOpa | RemoteOpa:
        """OPA with the policy set: a child, or a service."""
        url = self.project.settings.optional("opa.url")
        engine: ChildOpa | RemoteOpa
        if url is not None:
            from placet_engine.policy.remote import RemoteOpa

            engine = RemoteOpa(
                url, revision=self.policy_set.revision, ca=self.project.optional_path("opa.ca")
            )
        else:
            from placet_engine.policy.child import ChildOpa

            assert self.binary is not None
            engine = ChildOpa(self.policy_set, self.binary)
        self._closers.append(engine.close)
        return engine

    @cached_property
    def anchors(self) -> Anchors:
        """What decisions here rest on (interface.md section 1)."""
        from placet_engine.decision import Anchors
        from placet_engine.log.keyfile import load_log_key

        settings, policy = self.project.settings, self.policy_set
        if self._no_opa is not None:
            opa = self._no_opa.code
        else:
            opa = self._service() if self.binary is None else self.binary.sha256
        return Anchors(
            trust=self.trust.digest,
            policy=policy.revision,
            settings=str(policy.settings_sha256 or "none"),
            roots=self.trust.roots_pin,
            opa=opa,
            store=f"{settings.text('store')} {settings.optional('log.head')}",
            log_key=load_log_key(self.project.path("log.key")).verifier.vkey,
            caller=self._callers(),
        )

    def _callers(self) -> str:
        """Who is which caller, and where: what the judged must not choose either."""
        from placet_attestations.digests import Digest
        from placet_attestations.strictjson import dumps

        settings = self.project.settings
        local = f"{settings.text('signing.keys')} {settings.optional('signing.default')}"
        doors = {key: settings.values[key] for key in _CALLERS if settings.items(key)}
        if not doors:
            return local
        return f"{local} {Digest.of(dumps({**doors, 'cluster': settings.text('kubernetes.cluster')}))}"

    def _service(self) -> str:
        """An OPA service as an anchor: its URL, and the authority by which it is recognised."""
        authority = self.project.optional_path("opa.ca")
        url = self.project.settings.text("opa.url")
        if authority is None:
            return url
        from placet_attestations.digests import hash_file

        return f"{url} {hash_file(authority)[0]}"

    @cached_property
    def limits(self) -> Limits:
        """The bounds on evidence, with what the settings change."""
        from dataclasses import replace

        from placet_attestations.limits import DEFAULT_LIMITS

        return replace(
            DEFAULT_LIMITS, max_lineage_artifacts=int(self.project.settings.number("limits.artifacts"))
        )

    @cached_property
    def reader(self) -> EvidenceReader:
        """Evidence, verified and dated."""
        from placet_engine.lineage.reader import EvidenceReader

        return EvidenceReader(self.store, self.verifier, self.log, self.trust)

    @cached_property
    def intake(self) -> Intake:
        """The way in for evidence."""
        from placet_engine.intake import Intake

        return Intake(self.trust, self.verifier, self.store, self.log, self.clock)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The judge. Accepts the policy set first: one that was not compiled under the capabilities judges nothing."""
        from placet_api.policies import accepted, gates_of
        from placet_api.version import VERSION
        from placet_engine.decision import Failure, Judge
        from placet_engine.errors import PolicyError
        from placet_engine.evaluate import Evaluator
        from placet_engine.policy.port import NO_ENGINE

        policy = self.policy_set
        unusable = None
        engine: PolicyEngine = NO_ENGINE
        try:
            opa_version = accepted(policy, self._compiler).opa_version
            engine = self.engine
        except PolicyError as error:
            opa_version, unusable = "unknown", Failure(error.code, str(error), error.hint)
        settings = self.project.settings
        judge = Judge(self.anchors, policy.revision, policy.archive_sha256, opa_version, VERSION)
        return Evaluator(
            trust=self.trust,
            reader=self.reader,
            engine=engine,
            log=self.log,
            judge=judge,
            gates=gates_of(policy),
            clock=self.clock,
            max_facts=int(settings.number("limits.facts")),
            timeout=settings.number("opa.timeout"),
            limits=self.limits,
            unusable=unusable,
        )

    def renewed(self, project: Project) -> House:
        """A house of what the project says now, over the evidence and the log that are open in this one.

        Closing it closes what it opened itself: its OPA.
        """
        house = House(project, self.clock)
        house.__dict__.update(store=self.store, verifier=self.verifier, log=self.log)
        return house

    def start(self) -> None:
        """Begin what takes longest: OPA, and the digest of its binary."""
        if self._no_opa is None:
            _ = self.engine

    def lineage(self, subject: Digest) -> Lineage:
        """The lineage of one artifact."""
        from placet_engine.lineage.graph import trace

        return trace(subject, self.reader, self.trust, self.limits)

    def resolve(self, text: str, *, reading: bool, expect: str | None = None) -> Resolved:
        """An ARTIFACT of the command line; names count only when admitted statements give them."""
        from placet_api.lookup import AdmittedNames, cached_identify

        cached = cached_identify(self.project) if reading else None
        return resolve(
            text,
            lambda: AdmittedNames(self.store, self.lineage),
            reading=reading,
            expect=expect,
            cached=cached,
        )

    def sign_and_take_in(self, statement: Statement, signer: Signer) -> TakenIn:
        """Sign a statement and take it in by the same door as everybody's."""
        from placet_attestations.signing import sign_statement

        return self.intake.take_in(sign_statement(statement, signer))

    def require_gate(self, gate: str) -> None:
        """Raises `ConfigurationError` `gate.unknown`."""
        from placet_api.policies import gates_of

        known = gates_of(self.policy_set)
        if gate not in known:
            raise ConfigurationError(
                "gate.unknown",
                f"the policy set knows no gate {gate}",
                hint=f"one of {', '.join(sorted(known))}",
            )

    def enter(self, held: AbstractContextManager[T]) -> T:
        """Hold something for as long as this house is open."""
        stack = ExitStack()
        self._closers.append(stack.close)
        return stack.enter_context(held)

    def close(self) -> None:
        """Close what was opened, the last first."""
        while self._closers:
            self._closers.pop()()

    def _database(self) -> Path:
        path = self.project.database()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigurationError(
                "store.unwritable", f"no folder for the store: {error.strerror}", where=str(path)
            ) from error
        return path


@contextmanager
def open_house(project: Project, *, clock: Callable[[], datetime] = _now) -> Iterator[House]:
    """A house for the time of one command."""
    house = House(project, clock)
    try:
        yield house
    finally:
        house.close()
