"""What the campaign asks about: a project with models that everybody vouched for, and models that each lack one thing.

The evidence comes in by the front door (`Intake`), signed by the keys of `tests.builders`; only the case that is about
another way in does not.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from placet_api.initialise import initialise
from placet_api.project import Project, open_project
from placet_api.wiring import House, open_house
from placet_attestations.digests import Digest, hash_file
from placet_attestations.keys import save_private
from placet_attestations.requests import sign_request
from placet_attestations.statement import Subject
from placet_attestations.times import format_time
from placet_engine.evaluate import GateRequest
from tests.builders import TEAM, a_bundle, a_digest, a_key, a_provenance, a_statement, a_subject, a_trust

GATE: Final = "promote/production"
TICKET: Final = "CHG-1042"
VOUCHED: Final = 8
"""Models that lack nothing; with the image there is one more case that is expected to allow."""

_FORMER = {"id": "former", "principal": "former@example.org"}
_ACTORS = ("dev", "approver")


@dataclass(frozen=True, slots=True)
class Case:
    """One question to the gate with the answer that is right: allow without `reasons`, else deny for exactly these."""

    name: str
    artifact: Path
    reasons: frozenset[str] = frozenset()
    actor: str | None = "dev"
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        """Whether the right answer is allow."""
        return not self.reasons


def make_project(folder: Path) -> tuple[Project, tuple[Case, ...]]:
    """A new project in `folder`, all evidence taken in and one approval used up, with the cases about it."""
    initialise(folder, "dev@example.org", example=False)
    (folder / "models").mkdir()
    for name in _ACTORS:
        key = folder / ".placet" / "keys" / f"{name}.key"
        key.unlink(missing_ok=True)
        save_private(key, a_key(name))
    a_trust(folder, signers=[*TEAM, {**_FORMER, "roles": ["approver"]}])
    project = open_project(folder, {}, {})
    with open_house(project) as house:
        maker = _Maker(house, folder / "models")
        maker.data()
        cases = (*maker.allowed(), *maker.undecided(), *maker.unproved(), *maker.untrue())
    a_trust(folder, signers=[*TEAM, {**_FORMER, "roles": ["gate"]}], revoked=maker.revoked)
    assert maker.spent is not None
    with open_house(project) as house:
        _use_up(house, maker.spent)
    return project, cases


@dataclass(slots=True)
class _Maker:
    """Makes files and what people say of them. `revoked` belongs into the final trust.yaml."""

    house: House
    folder: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    revoked: list[Mapping[str, Any]] = field(default_factory=list)
    spent: Digest | None = None

    def data(self) -> None:
        """Two training sets, each split off a raw one; the second will be retracted."""
        for name in ("good", "retracted"):
            raw, train, test = (f"{name}/{part}.csv" for part in ("raw", "train", "test"))
            self.say("dataset", [a_subject(raw)], "owner", name=raw, version="1.0")
            self.say("dataset", [a_subject(train)], "owner", name=train, version="1.0", kind="derived")
            self.provenance(
                "preprocess", [a_subject(train), a_subject(test)], {raw: "dataset", "split.py": "code"}
            )
            self.say(
                "measurement",
                [a_subject(train), a_subject(test)],
                "evaluator",
                kind="splits",
                inputs=[
                    {"role": role, "digest": a_digest(f"{name}/{role}.csv")} for role in ("train", "test")
                ],
                results=[{"id": "overlap.rows", "metric": "overlap.rows", "value": 0, "sampleSize": 500}],
                finishedOn=self.time(-30),
            )
        self.revoked.append(
            {"artifact": a_digest("retracted/raw.csv"), "from": "always", "reason": "DATA-77"}
        )

    def allowed(self) -> list[Case]:
        """Models that lack nothing, and an image of one of them."""
        cases = []
        for number in range(VOUCHED):
            path = self.model(f"vouched-{number}", approved={})
            cases.append(Case("vouched for", path, context={"ticket": TICKET} if number % 2 else {}))
        image = self.folder / "image"
        image.write_text("an image")
        inside = cases[0].artifact
        subject = self.subject(image, kind="image", name="server")
        uses = a_provenance("package", {"serve.py": "code"})
        uses["buildDefinition"]["resolvedDependencies"].append(
            {
                "name": "model",
                "digest": {"sha256": hash_file(inside)[0].hex},
                "annotations": {"placet.dev/role": "model"},
            }
        )
        self.say("package", [subject], "ci", **self.timed(uses))
        self.approve(image, {})
        return [*cases, Case("packaged from a vouched model", image)]

    def undecided(self) -> list[Case]:
        """Nobody who may has said yes, to this, for this."""
        wrong = frozenset({"change.approved"})
        reject = {"decision": "reject"}
        staging = {"scope": {"gate": "promote/staging"}}
        expired = {"validFrom": self.time(-600), "validUntil": self.time(-60)}
        cases = [
            Case("no approval", self.model("unapproved"), wrong),
            Case("rejected", self.model("rejected", approved=reject), wrong),
            Case("approved for another gate", self.model("staging", approved=staging), wrong),
            Case("approval expired", self.model("expired", approved=expired), wrong),
            Case("approver lost the role", self.model("former", approved={}, approver="former"), wrong),
            Case("requester approves", self.model("own", approved={}), wrong, actor="approver"),
            Case(
                "nobody asks",
                self.model("nobody", approved={}),
                wrong | {"request.actor_unknown"},
                actor=None,
            ),
            Case("approval put in past the log", self.model("slipped"), wrong),
        ]
        self.slip_in(cases[-1].artifact)
        other = Case(
            "another ticket",
            self.model("ticket", approved={}),
            frozenset({"change.ticket_matches"}),
            context={"ticket": "CHG-9"},
        )
        return [*cases, other, self.shared()]

    def unproved(self) -> list[Case]:
        """The change is approved, but something about the model was never proved."""
        low = [{"id": "accuracy", "metric": "accuracy", "value": 0.89, "sampleSize": 114}]
        threshold = frozenset({"quality.evaluation_threshold"})
        return [
            Case("below the threshold", self.model("low", approved={}, results=low), threshold),
            Case("not evaluated", self.model("unevaluated", approved={}, evaluated=False), threshold),
            Case(
                "no seeds", self.model("seedless", approved={}, seeds={}), frozenset({"train.seeds_complete"})
            ),
        ]

    def untrue(self) -> list[Case]:
        """What was vouched for is not what is there, or was taken back."""
        revoked, unknown = (
            frozenset({"lineage.not_revoked"}),
            frozenset({"lineage.subject_known", "change.approved"}),
        )
        retracted, changed = self.model("retracted", approved={}), self.model("changed", approved={})
        self.revoked.append({"artifact": hash_file(retracted)[0], "from": "always", "reason": "MODEL-3"})
        _flip(changed)
        stranger = self.folder / "stranger"
        stranger.write_text("nobody knows me")
        return [
            Case("retracted model", retracted, revoked),
            Case("trained on retracted data", self.model("heir", approved={}, data="retracted"), revoked),
            Case("a byte was changed", changed, unknown),
            Case("nobody vouched", stranger, unknown),
        ]

    def model(
        self,
        name: str,
        *,
        approved: Mapping[str, Any] | None = None,
        approver: str = "approver",
        evaluated: bool = True,
        results: list[dict[str, Any]] | None = None,
        seeds: Mapping[str, int] | None = None,
        data: str = "good",
    ) -> Path:
        """A model file with its training, its evaluation and its approval; arguments say what is wrong with them."""
        path = self.folder / name
        path.write_text(f"the model {name}")
        uses = {f"{data}/train.csv": "dataset", "train.py": "code", "requirements.lock": "lock"}
        external = a_provenance("training")["buildDefinition"]["externalParameters"]
        if seeds is not None:
            external = {**external, "seeds": seeds}
        self.provenance("training", [self.subject(path, kind="model", name=name)], uses, external)
        if evaluated:
            inputs = [
                {"role": "model", "digest": self.subject(path).digest},
                {"role": "test", "digest": a_digest(f"{data}/test.csv")},
            ]
            changes = {"inputs": inputs, "finishedOn": self.time(-20)} | (
                {} if results is None else {"results": results}
            )
            self.say("measurement", [self.subject(path)], "evaluator", **changes)
        if approved is not None:
            self.approve(path, approved, approver)
        return path

    def shared(self) -> Case:
        """One approval of two models, used up by the other one before the campaign begins."""
        first, second = self.model("first"), self.model("second")
        subjects = [self.subject(first), self.subject(second)]
        self.say("approval", subjects, "approver", **self.window())
        self.spent = subjects[0].digest
        return Case("approval used up", second, frozenset({"change.approval_used"}))

    def approve(self, path: Path, changes: Mapping[str, Any], approver: str = "approver") -> None:
        """An approval, valid for a day unless `changes` say otherwise."""
        self.say("approval", [self.subject(path)], approver, **{**self.window(), **changes})

    def slip_in(self, path: Path) -> None:
        """An approval that is true in every word and signature, but never arrived: the log knows nothing of it."""
        raw = a_bundle(a_statement("approval", [self.subject(path)], **self.window()), a_key("approver"))
        self.house.store.put(raw, self.house.verifier.verify(raw, self.house.trust))

    def provenance(
        self,
        short: str,
        subjects: list[Subject],
        uses: Mapping[str, str],
        external: Mapping[str, Any] | None = None,
    ) -> None:
        """Provenance of a step that ended an hour ago, by the builder."""
        predicate = a_provenance(short, uses)
        if external is not None:
            predicate["buildDefinition"]["externalParameters"] = external
        self.say(short, subjects, "ci", **self.timed(predicate))

    def say(self, short: str, subjects: list[Subject], by: str, **predicate: Any) -> None:
        """Sign a statement and take it in."""
        self.house.intake.take_in(a_bundle(a_statement(short, subjects, **predicate), a_key(by)))

    def subject(self, path: Path, **claims: str) -> Subject:
        """The subject of a file as it is now."""
        return Subject(
            path.name, hash_file(path)[0], {f"placet.dev/{key}": value for key, value in claims.items()}
        )

    def timed(self, predicate: dict[str, Any]) -> dict[str, Any]:
        """A provenance predicate whose run lasted an hour and ended an hour ago."""
        predicate["runDetails"]["metadata"] = {"startedOn": self.time(-120), "finishedOn": self.time(-60)}
        return predicate

    def window(self) -> dict[str, Any]:
        """The validity of an approval: a day from an hour ago."""
        return {"validFrom": self.time(-60), "validUntil": self.time(24 * 60)}

    def time(self, minutes: int) -> str:
        """A time so many minutes from now."""
        return format_time(self.now + timedelta(minutes=minutes))


def _flip(path: Path) -> None:
    """Change one byte of a file in place; size and times stay."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _use_up(house: House, subject: Digest) -> None:
    signed = sign_request(a_key("dev"), gate=GATE, subject=subject, context={}, now=house.clock())
    decision = house.evaluator.decide(GateRequest(GATE, subject, signed=signed)).decision
    assert decision.allowed, decision.document
