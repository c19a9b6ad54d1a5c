"""Whole small houses for the tests of the engine: a clock, evidence about one model, logs and stores, an evaluator.

house = memory_house(tmp_path)                 # or sqlite_house(tmp_path), on a real file
house.take(*story().values())                  # the model `MODEL` with everything in order
decided = house.ask(house.evaluator(engine))   # at the gate to production, asked by dev
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.requests import sign_request
from placet_attestations.sqlite_store import SqliteEvidenceStore
from placet_attestations.statement import Subject
from placet_attestations.store import EvidenceStore
from placet_attestations.trust import TrustPolicy
from placet_attestations.verifier import Verifier
from placet_attestations.verify import VerifiedStatement
from placet_engine.decision import Anchors, Decision, Judge
from placet_engine.errors import PolicyError
from placet_engine.evaluate import Decided, Evaluator, GateRequest
from placet_engine.intake import Intake, TakenIn
from placet_engine.lineage.model import Arrived, Finding
from placet_engine.lineage.reader import About, EvidenceReader
from placet_engine.log.log import DecisionLog
from placet_engine.log.note import NoteSigner
from placet_engine.log.store import LogStore
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import PolicySet, load_policy_set
from placet_engine.policy.port import Answer, PolicyEngine
from placet_engine.policy.shipped import shipped_policies
from tests.builders import (
    NOW,
    a_bundle,
    a_digest,
    a_key,
    a_predicate,
    a_provenance,
    a_statement,
    a_subject,
    a_trust_policy,
    a_verified,
)
from tests.fakes.engine import REVISION, result
from tests.fakes.evidence import InMemoryEvidenceStore
from tests.fakes.log import MemoryLogStore

GATE = "promote/production"
LOG_KEY = NoteSigner.of("example.org/placet", bytes(32))
ARRIVAL = NOW - timedelta(hours=1)
MODEL = a_digest("model")
IMAGE = a_digest("image")


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, now: datetime = ARRIVAL) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Forward, or back with negative numbers; as `timedelta` takes them."""
        self.now += timedelta(**by)


class Shelf:
    """The whole `graph.Reader` port in memory: verified statements with their arrivals, and findings."""

    def __init__(self) -> None:
        self.held: defaultdict[Digest, list[Arrived]] = defaultdict(list)
        self.findings: defaultdict[Digest, list[Finding]] = defaultdict(list)
        self.incomplete: set[Digest] = set()
        self.asked: list[Digest] = []

    def put(self, *statements: VerifiedStatement, since: datetime = ARRIVAL) -> Shelf:
        """Put statements under each of their subjects."""
        for verified in statements:
            for digest in {subject.digest for subject in verified.statement.subjects}:
                self.held[digest].append(Arrived(verified, since))
        return self

    def about(self, artifact: Digest) -> About:
        self.asked.append(artifact)
        held = sorted(self.held[artifact], key=lambda item: item.verified.digest)
        return About(tuple(held), tuple(self.findings[artifact]), artifact not in self.incomplete)


def model_subject(path: str = "model", /, **annotations: Any) -> Subject:
    """A subject that its statement calls a model."""
    return a_subject(path, kind="model", **annotations)


def made(
    short: str, subject: str | Subject, dependencies: Mapping[str, str] | None = None, **how: Any
) -> VerifiedStatement:
    """Verified provenance: `subject` was made in this stage from `dependencies` (name to role) by the key "ci"."""
    subjects = [a_subject(subject) if isinstance(subject, str) else subject]
    return a_verified(short, subjects, by="ci", **a_provenance(short, dependencies), **how)


def owned(
    name: str, *, kind: str = "raw", derived_from: Iterable[str] = (), **changes: Any
) -> VerifiedStatement:
    """A verified dataset statement of the key "owner"."""
    return a_verified("dataset", [a_subject(name)], **dataset(name, kind, derived_from), **changes)


def dataset(name: str, kind: str = "raw", derived_from: Iterable[str] = ()) -> dict[str, Any]:
    """The predicate of a dataset that is called as its file."""
    origin: dict[str, Any] = {"issuer": "Acme", "source": "https://example.org/churn", "method": "export"}
    sources = [{"digest": a_digest(source), "name": source} for source in derived_from]
    if sources:
        origin["derivedFrom"] = sources
    return a_predicate("dataset", name=name, kind=kind, origin=origin)


def evaluation(
    accuracy: float = 0.95, *, model: str = "model", test: str = "test.csv", **changes: Any
) -> dict[str, Any]:
    """The predicate of an evaluation."""
    inputs = [{"role": "model", "digest": a_digest(model)}, {"role": "test", "digest": a_digest(test)}]
    results = [{"id": "accuracy", "metric": "accuracy", "value": accuracy, "sampleSize": 114}]
    return a_predicate("measurement", **{"inputs": inputs, "results": results, **changes})


def splits(train: str = "train.csv", test: str = "test.csv", overlap: int = 0) -> dict[str, Any]:
    """The predicate of a splits measurement."""
    return a_predicate(
        "measurement",
        kind="splits",
        suite={"name": "splits", "version": "1"},
        inputs=[{"role": "train", "digest": a_digest(train)}, {"role": "test", "digest": a_digest(test)}],
        results=[
            {"id": "rows.train", "metric": "rows", "value": 455},
            {"id": "overlap.rows", "metric": "overlap", "value": overlap},
        ],
    )


def approval(**changes: Any) -> dict[str, Any]:
    """The predicate of an approval for the gate to production."""
    scope = {"gate": GATE, "environment": "production"}
    return a_predicate("approval", **{"scope": scope, **changes})


TRAINED_FROM = {"train.csv": "dataset", "train.py": "code", "requirements.lock": "lock"}


def signed(
    short: str, subjects: str | Sequence[Subject], by: str, predicate: Mapping[str, Any] | None = None
) -> bytes:
    """A bundle of one statement; a name as `subjects` is one subject without annotations."""
    about = [a_subject(subjects)] if isinstance(subjects, str) else subjects
    return a_bundle(a_statement(short, about, predicate), a_key(by))


def from_raw(*names: str) -> dict[str, Any]:
    """Provenance of a step that read raw.csv, and further files."""
    return a_provenance("preprocess", {"raw.csv": "dataset", **dict.fromkeys(names, "code")})


@functools.cache
def story() -> Mapping[str, bytes]:
    """The bundles, by a word for each, of a model that may pass to production, and of its image."""
    split_files = [a_subject("train.csv"), a_subject("test.csv")]
    model = [model_subject(name="churn-model", aliases=["churn-model@2026.11"])]
    return {
        "raw": signed("dataset", "raw.csv", "owner", dataset("raw.csv")),
        "train": signed("dataset", "train.csv", "owner", dataset("train.csv", "derived", ["raw.csv"])),
        "splitting": signed("preprocess", split_files, "ci", from_raw("split.py")),
        "training": signed("training", model, "ci", a_provenance("training", TRAINED_FROM)),
        "splits": signed("measurement", split_files, "evaluator", splits()),
        "evaluation": signed("measurement", "model", "evaluator", evaluation()),
        "approval": signed("approval", "model", "approver", approval()),
        "packaging": signed("package", "image", "ci", a_provenance("package", {"model": "model"})),
        "image approval": signed("approval", "image", "approver", approval()),
    }


def but(*without: str, **instead: bytes) -> tuple[bytes, ...]:
    """The story without some bundles, and with some replaced or added."""
    assert set(without) <= set(story())
    return tuple({**{key: raw for key, raw in story().items() if key not in without}, **instead}.values())


JUDGE = Judge(
    Anchors(
        trust="sha256:" + "1" * 64,
        policy=REVISION,
        settings="sha256:" + "2" * 64,
        roots="none",
        opa="sha256:" + "3" * 64,
        store="sqlite:///.placet/placet.db",
        log_key=LOG_KEY.verifier.vkey,
    ),
    policy_revision=REVISION,
    policy_archive="sha256:" + "4" * 64,
    opa_version="1.22.2",
    placet_version="0.1.0",
)
GATES = frozenset({"register", "promote/staging", GATE, "deploy/production", "running/production", "recheck"})


@dataclass(slots=True)
class House:
    """Rooms that belong together: one trust policy, one store, one log, one clock."""

    trust: TrustPolicy
    store: EvidenceStore
    log: DecisionLog
    clock: Clock
    verifier: Verifier
    limits: Limits = DEFAULT_LIMITS

    @property
    def reader(self) -> EvidenceReader:
        return EvidenceReader(self.store, self.verifier, self.log, self.trust, self.limits)

    @property
    def intake(self) -> Intake:
        return Intake(self.trust, self.verifier, self.store, self.log, self.clock)

    def take(self, *bundles: bytes) -> tuple[TakenIn, ...]:
        """Take bundles in by the front door, at the time of the clock."""
        return tuple(self.intake.take_in(raw) for raw in bundles)

    def evaluator(self, engine: PolicyEngine, **changes: Any) -> Evaluator:
        """An evaluator over these rooms and this engine."""
        given: dict[str, Any] = {
            "trust": self.trust,
            "reader": self.reader,
            "engine": engine,
            "log": self.log,
            "judge": JUDGE,
            "gates": GATES,
            "clock": self.clock,
            "limits": self.limits,
        }
        return Evaluator(**{**given, **changes})

    def request(
        self,
        *,
        gate: str = GATE,
        subject: Digest = MODEL,
        by: str | None = "dev",
        context: Mapping[str, str] | None = None,
        **more: Any,
    ) -> GateRequest:
        """A request, signed now by the key of this name."""
        asked = dict(context or {})
        proof = (
            None
            if by is None
            else sign_request(a_key(by), gate=gate, subject=subject, context=asked, now=self.clock())
        )
        return GateRequest(**{"gate": gate, "subject": subject, "context": asked, "signed": proof, **more})

    def ask(self, evaluator: Evaluator, **request: Any) -> Decided:
        """Ask, at the time of the clock; the decision must stand in the log and in its receipt."""
        decided = evaluator.decide(self.request(**request))
        assert logged(self.log, decided) == decided.decision.document
        return decided


def memory_house(folder: Path, *, trust: TrustPolicy | None = None, **changes: Any) -> House:
    """A house in memory; only the kept head of its log is a file in `folder`."""
    return _house(trust, InMemoryEvidenceStore(), MemoryLogStore(), folder, **changes)


def sqlite_house(folder: Path, *, trust: TrustPolicy | None = None, **changes: Any) -> House:
    """A house on the file `placet.db` in `folder`."""
    from placet_engine.log.sqlite import SqliteLogStore

    path = folder / "placet.db"
    return _house(trust, SqliteEvidenceStore.open(path), SqliteLogStore.open(path), folder, **changes)


def _house(
    trust: TrustPolicy | None, store: EvidenceStore, log: LogStore, folder: Path, **changes: Any
) -> House:
    return House(
        trust=trust or a_trust_policy(),
        store=store,
        log=DecisionLog.over(log, LOG_KEY, folder / "head"),
        clock=changes.pop("clock", None) or Clock(),
        verifier=Verifier(),
        **changes,
    )


def logged(log: DecisionLog, decided: Decided) -> bytes:
    """The document that the log holds of a decision, proved; the leaf must say the same verdict."""
    entry = log.by_decision(decided.decision.id)
    assert (entry.index, entry.columns.verdict) == (decided.index, decided.decision.verdict)
    return log.payload(decided.index, "decision").data


def reasons(decision: Decision) -> tuple[str, ...]:
    """Why it denied; an allow must have no reasons here."""
    assert not decision.allowed, "a wrong allow"
    return decision.reasons


def an_answer(
    question: Mapping[str, Any], *failed: str, reserve: Iterable[str] = (), **changes: Any
) -> Answer:
    """A well-formed answer to a question: allow, or deny because these checks failed."""
    verdict = "deny" if failed else "allow"
    found = dict.fromkeys(failed, "fail") or {"base.ok": "pass"}
    return result(
        {
            "version": 1,
            "gate": question["gate"],
            "subject": question["subject"],
            "verdict": verdict,
            "would": verdict,
            "mode": "enforce",
            "checks": [_check(code, found[code], question["subject"]) for code in sorted(found)],
            "waivers": [],
            "obligations": [],
            "reserve": sorted(reserve),
            **changes,
        }
    )


def _check(code: str, status: str, target: str) -> dict[str, Any]:
    words = {"message": f"{code} says no"} if status != "pass" else {}
    return {
        "code": code,
        "title": "A check",
        "status": status,
        "severity": "error",
        "solution": "mend it",
        "controls": [],
        "requirements": [],
        "results": [{"status": status, "target": target, "evidence": [], **words}],
        **words,
    }


def the_opa() -> Binary:
    """The OPA of this environment, else the one that PLACET_OPA names."""
    try:
        return locate()
    except PolicyError:
        named = os.environ.get("PLACET_OPA")
        if named is None:
            pytest.fail("no placet-opa in this environment, and PLACET_OPA names none")
        return locate(Path(named))


def shipped() -> PolicySet:
    """The policy set that comes with Placet, as it stands."""
    return load_policy_set(shipped_policies())
