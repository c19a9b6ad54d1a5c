"""The bad-input list of the issue, item by item, end to end: a real SQLite store and log, real keys, a real OPA.

Each item is a clear error with its own code, or a denial with its own reason code, and nothing is lost: where there is
a log, it verifies afterwards. The rooms' own tests go deeper; here every item has its row.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.bundle import make_bundle
from placet_attestations.database import open_database
from placet_attestations.digests import Digest, hash_file
from placet_attestations.errors import AttestationError, IdentityError, KeyFileError, StoreError
from placet_attestations.keys import load_private, save_private
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.predicate_types import APPROVAL
from placet_attestations.signing import sign_payload
from placet_attestations.sqlite_store import SqliteEvidenceStore
from placet_attestations.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from placet_attestations.strictjson import read_bounded
from placet_attestations.trees import identify
from placet_attestations.trust import TrustPolicy
from placet_engine.decision import Failure
from placet_engine.errors import ConfigurationError, LogError, PolicyError
from placet_engine.evaluate import Decided, Evaluator
from placet_engine.log.audit import verify_log
from placet_engine.log.entry import evidence_draft, format_time
from placet_engine.log.head_file import HeadFile
from placet_engine.log.keyfile import create_log_key, load_log_key
from placet_engine.log.log import DecisionLog
from placet_engine.log.sqlite import SqliteLogStore
from placet_engine.policy.accept import accept
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import load_policy_set
from placet_engine.policy.capabilities import load_capabilities
from placet_engine.policy.child import ChildOpa
from placet_engine.policy.port import PolicyEngine
from placet_engine.policy.shipped import shipped_capabilities, shipped_policies, shipped_settings_schema
from tests.builders import (
    NOW,
    TEAM,
    a_bundle,
    a_digest,
    a_key,
    a_provenance,
    a_statement,
    a_subject,
    a_trust,
)
from tests.contracts.worker import keep_story
from tests.engine.houses import (
    JUDGE,
    LOG_KEY,
    MODEL,
    TRAINED_FROM,
    House,
    an_answer,
    approval,
    but,
    dataset,
    evaluation,
    model_subject,
    shipped,
    signed,
    sqlite_house,
    story,
    the_opa,
)
from tests.engine.log.test_full_disk import small_disk
from tests.engine.policy.processes import cpu_ticks, eventually, state
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.xdist_group("real opa")

ROOT = Path(__file__).parents[2]
HUNDRED_MB = 100_000_000
UNKNOWN = "https://example.org/opinion/v1"


class Project:
    """A folder with a trust.yaml and its keys, a store and a log in one SQLite file, and a gate with a real OPA."""

    def __init__(self, folder: Path, opa: PolicyEngine, trust: TrustPolicy) -> None:
        self.folder = folder
        self.opa = opa
        self.house: House = sqlite_house(folder, trust=trust)

    def evaluator(self, engine: PolicyEngine | None = None, **changes: Any) -> Evaluator:
        asked = engine or self.opa
        judge = replace(JUDGE, policy_revision=asked.revision)
        return self.house.evaluator(asked, **{"judge": judge, "timeout": 30.0, **changes})

    def ask(self, engine: PolicyEngine | None = None, **changes: Any) -> Decided:
        """Ask about the model, an hour after its evidence came."""
        self.house.clock.now = NOW
        return self.house.ask(self.evaluator(engine, **changes))

    def denied(self, code: str, cause: str, *, engine: PolicyEngine | None = None, **changes: Any) -> Decided:
        """The decision must be a logged denial with this reason."""
        decided = self.ask(engine, **changes)
        decision = decided.decision
        assert (decision.verdict, decision.cause) == ("deny", cause)
        assert code in decision.reasons
        return decided

    def sql(self, statement: str, *values: object) -> None:
        """What somebody with write access to the database does."""
        with closing(sqlite3.connect(self.folder / "placet.db", isolation_level=None)) as connection:
            assert connection.execute(statement, values).rowcount == 1

    def whole(self) -> bool:
        """Whether `placet log verify` finds nothing."""
        kept = HeadFile(self.folder / "head", LOG_KEY.verifier).kept()
        return verify_log(self.house.log.store, LOG_KEY.verifier, kept=kept).ok

    def empty(self) -> bool:
        """Whether nothing was kept and nothing logged."""
        return not list(self.house.store.all()) and self.house.log.head().size == 0


@pytest.fixture(scope="module")
def opa() -> Iterator[ChildOpa]:
    with ChildOpa(shipped(), the_opa()) as running_opa:
        running_opa.wait_ready(60)
        yield running_opa


@pytest.fixture
def project(tmp_path: Path, opa: ChildOpa) -> Iterator[Project]:
    """An empty project; whatever a test does to it, its log must be whole in the end."""
    project = Project(tmp_path, opa, a_trust(tmp_path))
    yield project
    assert project.whole()
    project.house.log.close()


@pytest.fixture
def told(project: Project) -> Project:
    """A project whose model may pass."""
    project.house.take(*story().values())
    return project


# ---------------------------------------------------------------------------------------------------------------------
# What comes in as evidence


def spoilt(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A good bundle with a change."""
    document = json.loads(story()["training"])
    change(document)
    return json.dumps(document).encode()


def payload(text: str | bytes, by: str = "approver") -> bytes:
    """A bundle whose payload is this, properly signed."""
    raw = text.encode() if isinstance(text, str) else text
    return make_bundle(sign_payload(PAYLOAD_TYPE, raw, a_key(by)), a_key(by).public_key)


def statement(**changes: Any) -> str:
    """A statement in JSON, with changes."""
    subject = [{"name": "model", "digest": {"sha256": MODEL.hex}}]
    body = {"_type": STATEMENT_TYPE, "predicateType": APPROVAL, "subject": subject, "predicate": approval()}
    return json.dumps({**body, **changes})


def of_another_type(payload_type: str) -> bytes:
    return make_bundle(sign_payload(payload_type, b"{}", a_key("approver")), a_key("approver").public_key)


def two(one: str, other: str) -> list[dict[str, Any]]:
    digests = (MODEL.hex, a_digest("another").hex)
    return [
        {"name": name, "digest": {"sha256": hex_}} for name, hex_ in zip((one, other), digests, strict=True)
    ]


EVIDENCE: dict[str, tuple[Callable[[], bytes], str]] = {
    "not JSON": (lambda: b"# a model card", "json.syntax"),
    "nothing": (lambda: b"", "json.syntax"),
    "a key twice": (lambda: b'{"mediaType":1,"mediaType":2}', "json.duplicate_key"),
    "a key twice in what was signed": (
        lambda: payload(statement()[:-1] + ',"predicate":{}}'),
        "json.duplicate_key",
    ),
    "nested deeply": (lambda: b"[" * 1_000_000, "json.too_deep"),
    "nested deeply in what was signed": (lambda: payload('{"a":' * 65 + "1" + "}" * 65), "json.too_deep"),
    "100 MB": (lambda: b" " * HUNDRED_MB, "json.too_large"),
    "NaN": (lambda: b'{"mediaType":NaN}', "json.not_finite"),
    "NaN in what was signed": (
        lambda: payload(statement(predicate={"value": float("nan")})),
        "json.not_finite",
    ),
    "a number without end": (lambda: payload('{"predicate":1e999}'), "json.not_finite"),
    "invalid UTF-8": (lambda: b'{"mediaType":"\xff"}', "json.invalid_utf8"),
    "invalid UTF-8 in what was signed": (lambda: payload(b'{"a":"\xc3"}'), "json.invalid_utf8"),
    "wrong base64": (lambda: spoilt(lambda it: it["dsseEnvelope"].update(payload="a*b=")), "dsse.base64"),
    "an unknown payload type": (lambda: of_another_type("text/plain"), "dsse.payload_type"),
    "a predicate that misses its schema": (
        lambda: payload(statement(predicate={"kind": "change", "decision": "approve"})),
        "predicate.schema",
    ),
    "two subjects of one name": (
        lambda: payload(statement(subject=two("a", "a"))),
        "statement.subject_duplicate",
    ),
    "a short digest": (
        lambda: payload(statement(subject=[{"name": "model", "digest": {"sha256": MODEL.hex[:40]}}])),
        "digest.short",
    ),
}


@pytest.mark.parametrize(("make", "code"), EVIDENCE.values(), ids=list(EVIDENCE))
def test_evidence_that_is_refused(project: Project, make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(AttestationError) as caught:
        project.house.take(make())
    assert caught.value.code == code
    assert str(caught.value)
    assert caught.value.hint
    assert project.empty()


def test_an_unknown_predicate_type_is_kept_and_satisfies_nothing(project: Project) -> None:
    opinion = a_bundle(a_statement(UNKNOWN, [a_subject("model")], approval()), a_key("approver"))
    (*_, taken) = project.house.take(*but("approval"), opinion)
    assert project.house.store.get(taken.digest) == opinion
    decided = project.denied("change.approved", "policy")
    lineage = decided.decision.body["lineage"]
    assert isinstance(lineage, dict)
    assert lineage["findings"] == 1


# ---------------------------------------------------------------------------------------------------------------------
# What comes in as a path


def sparse(folder: Path) -> Path:
    path = folder / "huge.json"
    path.touch()
    os.truncate(path, HUNDRED_MB)
    return path


def loop(folder: Path) -> Path:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    return folder / "a"


def with_a_loop(folder: Path) -> Path:
    (folder / "tree").mkdir()
    (folder / "tree" / "file").write_bytes(b"x")
    (folder / "tree" / "again").symlink_to(".")
    return folder / "tree"


def with_a_pipe(folder: Path) -> Path:
    (folder / "tree").mkdir()
    os.mkfifo(folder / "tree" / "pipe")
    return folder / "tree"


def with_a_newline(folder: Path) -> Path:
    (folder / "tree").mkdir()
    (folder / "tree" / "two\nlines").write_bytes(b"x")
    return folder / "tree"


def without_files(folder: Path) -> Path:
    (folder / "tree" / "deep").mkdir(parents=True)
    return folder / "tree"


def read_json(path: Path) -> object:
    return read_bounded(path, DEFAULT_LIMITS.max_bundle_bytes)


PATHS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], str]] = {
    "a bundle of 100 MB": (sparse, read_json, "file.too_large"),
    "a device for a bundle": (lambda _: Path("/dev/zero"), read_json, "file.special"),
    "a symlink loop": (loop, identify, "tree.symlink_loop"),
    "a symlink loop in a folder": (with_a_loop, identify, "tree.symlink_loop"),
    "a device file": (lambda _: Path("/dev/null"), identify, "tree.special_file"),
    "a pipe in a folder": (with_a_pipe, identify, "tree.special_file"),
    "an empty folder": (without_files, identify, "tree.empty"),
    "a name with a newline": (with_a_newline, identify, "tree.name"),
    "nothing": (lambda folder: folder / "none", identify, "tree.missing"),
}


@pytest.mark.parametrize(("make", "read", "code"), PATHS.values(), ids=list(PATHS))
def test_a_path_without_an_identity(
    tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], object], code: str
) -> None:
    with pytest.raises(AttestationError) as caught:
        read(make(tmp_path))
    assert caught.value.code == code
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_file_that_changes_while_it_is_hashed(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"a" * 10)
    os.utime(path, (1_000_000_000, 1_000_000_000))

    def read(descriptor: int, views: Sequence[memoryview]) -> int:
        path.write_bytes(b"b" * 10)
        return os.readv(descriptor, views)

    with pytest.raises(IdentityError) as caught:
        hash_file(path, read=read)
    assert (caught.value.code, bool(caught.value.hint)) == ("file.changed", True)


def test_a_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        load_private(tmp_path / "dev.key")
    assert (caught.value.code, bool(caught.value.hint)) == ("key.missing", True)
    with pytest.raises(ConfigurationError) as log_key:
        load_log_key(tmp_path / "log.key")
    assert (log_key.value.code, bool(log_key.value.hint)) == ("logkey.missing", True)


@pytest.mark.parametrize("mode", [0o604, 0o640])
def test_a_key_file_that_others_may_read(tmp_path: Path, mode: int) -> None:
    save_private(tmp_path / "dev.key", a_key("dev"))
    create_log_key(tmp_path / "log.key", tmp_path / "log.pub", "example.org/log")
    for name in ("dev.key", "log.key"):
        (tmp_path / name).chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        load_private(tmp_path / "dev.key")
    assert (caught.value.code, bool(caught.value.hint)) == ("key.permissions", True)
    with pytest.raises(ConfigurationError) as log_key:
        load_log_key(tmp_path / "log.key")
    assert (log_key.value.code, bool(log_key.value.hint)) == ("logkey.permissions", True)


# ---------------------------------------------------------------------------------------------------------------------
# What is wrong about the evidence


def test_the_model_of_these_tests_is_allowed(told: Project) -> None:
    assert told.ask().decision.allowed


def test_an_expired_signer(tmp_path: Path, opa: ChildOpa) -> None:
    signers = [dict(signer) for signer in TEAM]
    signers[3]["valid"] = {"until": "2026-11-23"}
    project = Project(tmp_path, opa, a_trust(tmp_path, signers=signers))
    project.house.take(*story().values())
    decided = project.denied("change.approved", "policy")
    assert b"trust.signer_expired" in decided.decision.document
    assert project.whole()


def test_a_dataset_key_that_calls_a_model_a_dataset(told: Project) -> None:
    told.house.take(signed("dataset", "model", "owner", dataset("model")))
    told.denied("lineage.kind_conflict", "policy")


def test_a_dataset_key_that_says_how_a_model_was_made(project: Project) -> None:
    by_owner = signed("training", [model_subject()], "owner", a_provenance("training", TRAINED_FROM))
    with pytest.raises(AttestationError) as caught:
        project.house.take(by_owner)
    assert caught.value.code == "trust.role_missing"


def test_a_cycle_in_the_lineage(project: Project) -> None:
    raw = signed("dataset", "raw.csv", "owner", dataset("raw.csv", "derived", ["train.csv"]))
    project.house.take(*but(raw=raw))
    project.denied("lineage.closed", "policy")


# ---------------------------------------------------------------------------------------------------------------------
# What somebody does to the database


def slip(project: Project, raw: bytes, predicate_type: str = APPROVAL) -> None:
    project.sql("INSERT INTO evidence VALUES (?, ?, ?)", Digest.of(raw), predicate_type, raw)
    project.sql("INSERT INTO evidence_subject VALUES (?, ?)", MODEL, Digest.of(raw))


def test_a_statement_slipped_into_the_store_with_sql(project: Project) -> None:
    # Signed by the right key, for the right thing: all it lacks is its arrival.
    project.house.take(*but("approval"))
    slip(project, story()["approval"])
    decided = project.denied("change.approved", "policy")
    assert b"evidence.unrecorded" in decided.decision.document
    project.house.take(story()["approval"])
    assert project.ask().decision.allowed


def test_a_forged_statement_slipped_into_the_store_with_sql(project: Project) -> None:
    project.house.take(*but("approval"))
    for raw in (signed("approval", "model", "nobody", approval()), b"junk"):
        slip(project, raw)
    decided = project.denied("change.approved", "policy")
    lineage = decided.decision.body["lineage"]
    assert isinstance(lineage, dict)
    assert lineage["findings"] == 2


def test_a_statement_changed_in_the_store_with_sql(told: Project) -> None:
    good = story()["approval"]
    told.sql("UPDATE evidence SET bundle = ? WHERE digest = ?", good + b" ", Digest.of(good))
    told.denied("store.corrupt", "error")
    told.house.take(good)
    assert told.ask().decision.allowed, "coming again mends it"


def test_a_statement_taken_out_of_the_store_with_sql(told: Project) -> None:
    told.sql("DELETE FROM evidence WHERE digest = ?", Digest.of(story()["approval"]))
    told.denied("store.missing", "error")
    told.sql(
        "DELETE FROM evidence_subject WHERE digest = ? AND subject = ?", Digest.of(story()["approval"]), MODEL
    )
    told.denied("change.approved", "policy")


def forge_arrival(project: Project, index: int) -> None:
    """A row that says that the approval arrived an hour ago."""
    digest = Digest.of(story()["approval"])
    draft = evidence_draft(digest, APPROVAL, project.house.clock())
    row = (index, draft.leaf, "evidence", format_time(draft.time), None, None, None, None, digest)
    project.sql("INSERT INTO log_entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)


def test_an_arrival_forged_with_sql(project: Project) -> None:
    project.house.take(*but("approval"))
    slip(project, story()["approval"])
    forge_arrival(project, 1000)
    project.denied("log.corrupt", "error")
    assert not project.whole(), "log verify sees it"
    project.sql("DELETE FROM log_entry WHERE idx = 1000")
    project.denied("change.approved", "policy")


def test_an_arrival_forged_with_sql_where_the_next_entry_belongs(project: Project) -> None:
    project.house.take(*but("approval"))
    slip(project, story()["approval"])
    size = project.house.log.head().size
    forge_arrival(project, size)
    project.house.clock.now = NOW
    with pytest.raises(LogError) as caught:
        project.evaluator().decide(project.house.request())
    assert caught.value.code == "log.corrupt", "nothing can be logged, so nothing is decided"
    assert not project.whole()
    project.sql("DELETE FROM log_entry WHERE idx = ?", size)
    project.denied("change.approved", "policy")


def test_an_arrival_lent_to_another_statement_with_sql(project: Project) -> None:
    project.house.take(*but("approval"))
    slip(project, story()["approval"])
    lent = Digest.of(story()["raw"])
    lend = "UPDATE log_entry SET evidence = ? WHERE evidence = ?"
    project.sql(lend, Digest.of(story()["approval"]), lent)
    project.denied("log.corrupt", "error")
    assert not project.whole()
    project.sql(lend, lent, Digest.of(story()["approval"]))
    project.denied("change.approved", "policy")


# ---------------------------------------------------------------------------------------------------------------------
# OPA


def a_policy_set(folder: Path, main: str) -> Path:
    path = folder / "policies" / "placet" / "main" / "main.rego"
    path.parent.mkdir(parents=True)
    path.write_text(f"package placet.main\n\n{main}\n")
    return folder / "policies"


SLOW = """\
decision := {"never": "reached"} if {
	input.request.context.work
	work := numbers.range(1, 1000000)
	every i in work {
		every j in work {
			i + j > 0
		}
	}
}
"""


def fake_opa(folder: Path, script: str) -> Binary:
    path = folder / "fake-opa"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return locate(path)


def pid_of(engine: ChildOpa) -> int:
    assert engine.pid is not None
    return engine.pid


def kill(pid: int) -> None:
    """Kill and wait until it is buried: until then the kernel still closes its connections."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: state(pid) == "", "the killed OPA is buried")


def test_opa_killed_between_requests(told: Project, opa: ChildOpa) -> None:
    for _ in range(3):
        assert told.ask().decision.allowed
        kill(pid_of(opa))
    assert told.ask().decision.allowed


def test_opa_killed_during_a_request(told: Project, tmp_path: Path) -> None:
    told.house.clock.now = NOW
    with ChildOpa(load_policy_set(a_policy_set(tmp_path, SLOW)), the_opa()) as engine:
        engine.wait_ready(60)
        pid, before = pid_of(engine), cpu_ticks(pid_of(engine))
        request = told.house.request(context={"work": "much"})
        decided: list[Decided] = []
        evaluator = told.evaluator(engine, timeout=120.0)
        caller = threading.Thread(target=lambda: decided.append(evaluator.decide(request)))
        caller.start()
        eventually(lambda: cpu_ticks(pid) > before + 10, "OPA works on the question")
        os.kill(pid, signal.SIGKILL)
        caller.join(60)
        assert decided[0].decision.reasons == ("opa.unreachable",)
        told.denied("opa.undefined", "error", engine=engine)
    assert told.ask().decision.allowed


def test_opa_that_never_answers(told: Project, tmp_path: Path) -> None:
    with ChildOpa(load_policy_set(a_policy_set(tmp_path, SLOW)), the_opa()) as slow:
        slow.wait_ready(60)
        told.house.clock.now = NOW
        decided = told.house.ask(told.evaluator(slow, timeout=0.2), context={"work": "much"})
        assert (decided.decision.cause, decided.decision.reasons) == ("error", ("opa.timeout",))
    with ChildOpa(shipped(), fake_opa(tmp_path, "exec sleep 600")) as silent:
        told.denied("opa.timeout", "error", engine=silent, timeout=0.2)


def test_opa_that_cannot_run(told: Project, tmp_path: Path) -> None:
    with ChildOpa(shipped(), fake_opa(tmp_path, "exit 1")) as broken:
        told.denied("opa.unreachable", "error", engine=broken)
    with pytest.raises(PolicyError) as caught:
        locate(tmp_path / "none")
    assert caught.value.code == "opa.missing"


def test_a_bundle_that_does_not_compile(told: Project, tmp_path: Path) -> None:
    shutil.copytree(shipped_policies() / "placet", tmp_path / "policies" / "placet")
    with (tmp_path / "policies" / "placet" / "main" / "main.rego").open("a") as main:
        main.write("\nbroken := x\n")
    policy_set = load_policy_set(tmp_path / "policies")
    with pytest.raises(PolicyError) as caught:
        accept(
            policy_set,
            the_opa(),
            load_capabilities(shipped_capabilities()),
            cache=tmp_path / "cache",
            schema=shipped_settings_schema().read_bytes(),
        )
    assert caught.value.code == "policy.compile"
    assert "main.rego" in str(caught.value)
    unusable = Failure(caught.value.code, str(caught.value), caught.value.hint)
    told.denied("policy.compile", "error", unusable=unusable)
    # And an OPA that was given it all the same answers nothing.
    with ChildOpa(policy_set, the_opa()) as engine:
        decided = told.denied("opa.unreachable", "error", engine=engine)
        assert b"main.rego" in decided.decision.document


def test_an_undefined_result(told: Project, tmp_path: Path) -> None:
    policy_set = load_policy_set(a_policy_set(tmp_path, "decision := 1 if input.nothing"))
    with ChildOpa(policy_set, the_opa()) as engine:
        told.denied("opa.undefined", "error", engine=engine)


def test_a_result_that_is_no_answer(told: Project, tmp_path: Path) -> None:
    policy_set = load_policy_set(a_policy_set(tmp_path, 'decision := {"verdict": "allow"}'))
    with ChildOpa(policy_set, the_opa()) as engine:
        told.denied("policy.answer", "error", engine=engine)


# ---------------------------------------------------------------------------------------------------------------------
# The clock, the disk, other processes


def test_a_clock_set_back(told: Project) -> None:
    assert told.ask().decision.allowed
    told.house.clock.move(seconds=-6)
    decided = told.house.ask(told.evaluator())
    assert (decided.decision.verdict, decided.decision.cause) == ("deny", "error")
    assert decided.decision.reasons == ("clock.rolled_back",)
    with pytest.raises(LogError) as caught:
        told.house.take(signed("measurement", "model", "evaluator", evaluation(0.99)))
    assert caught.value.code == "clock.rolled_back"


def test_a_full_disk_under_the_log(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    with small_disk(place, 6_000_000) as make_room, in_house(place) as house:
        evaluator = house.evaluator(FakeEngine(an_answer))
        acknowledged, refused = ask_until_refused(house, evaluator)
        assert (refused.code, bool(refused.hint)) == ("log.unwritable", True)
        assert acknowledged
        with pytest.raises(StoreError) as full:
            house.take(signed("measurement", "model", "evaluator", evaluation(overall="x" * 5_000_000)))
        assert full.value.code in ("store.full", "store.unwritable")  # by a bound on files it is the second
        make_room()
        acknowledged.append(house.ask(evaluator))
        nothing_lost(house.log, acknowledged, place)


def ask_until_refused(house: House, evaluator: Evaluator) -> tuple[list[Decided], LogError]:
    """What was acknowledged, and why there was no more."""
    acknowledged: list[Decided] = []
    while len(acknowledged) < 1000:
        try:
            acknowledged.append(evaluator.decide(house.request()))
        except LogError as error:
            return acknowledged, error
    pytest.fail("the disk never filled up")


@contextmanager
def in_house(folder: Path) -> Iterator[House]:
    """A house that holds the story and lets its files go in the end."""
    house = sqlite_house(folder)
    try:
        house.take(*story().values())
        house.clock.now = NOW
        yield house
    finally:
        house.log.close()
        assert isinstance(house.store, SqliteEvidenceStore)
        house.store.close()


def nothing_lost(log: DecisionLog, acknowledged: Sequence[Decided], folder: Path) -> None:
    kept = HeadFile(folder / "head", LOG_KEY.verifier).kept()
    assert verify_log(log.store, LOG_KEY.verifier, kept=kept).ok
    for decided in acknowledged:
        assert log.payload(decided.index, "decision").data == decided.decision.document


def test_a_store_that_may_not_grow(told: Project) -> None:
    def connect() -> sqlite3.Connection:
        connection = open_database(told.folder / "placet.db")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    told.house.clock.now = NOW
    with DecisionLog.over(SqliteLogStore(connect), LOG_KEY, told.folder / "head") as log:
        _, refused = ask_until_refused(told.house, told.evaluator(FakeEngine(an_answer), log=log))
        assert refused.code == "log.unwritable"
    assert told.ask().decision.allowed


def test_two_processes_on_one_store(told: Project) -> None:
    keep_story(told.folder)
    before = told.house.log.head().size
    processes = [worker(told.folder, name) for name in ("one", "two")]
    said: list[str] = []
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        said += output.split()
    assert len(set(said)) == 2 * 2 * COUNT
    entries = told.house.log.entries(before, told.house.log.head().size)
    columns = {entry.columns.decision_id or entry.columns.evidence for entry in entries}
    assert columns == set(said)
    for digest in (Digest(text) for text in said if text.startswith("sha256:")):
        assert told.house.store.get(digest) is not None
        assert told.house.log.evidence_time(digest) == NOW
    assert told.ask().decision.allowed


COUNT = 10


def worker(folder: Path, name: str) -> subprocess.Popen[str]:
    rooms = [str(ROOT / room) for room in ("attestations", "engine")]
    code = f"import sys; sys.path[:0] = {rooms!r}; import runpy; runpy.run_module({WORKER!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, str(folder), name, str(COUNT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


WORKER = "tests.contracts.worker"
