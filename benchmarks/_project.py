"""Projects to ask about: models that everybody vouched for, all evidence taken in by the front door.

The keys and statements are those of the tests. Facts of a model have 9 kB, and 1.2 kB more for each further data
set that its own was made from: `SIZES` names how many of those make the demo's 12 kB, and 16 kB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from placet_api.http.tokens import TokenStore
from placet_api.initialise import initialise
from placet_api.project import open_project
from placet_api.wiring import House, open_house
from placet_attestations.digests import Digest
from placet_attestations.statement import Subject
from placet_attestations.times import format_time
from tests.api.http.serving import Serving, serving
from tests.builders import TEAM, a_bundle, a_digest, a_key, a_provenance, a_statement, a_subject, a_trust

PRINCIPAL: Final = "dev@example.org"
SIZES: Final[Mapping[str, int]] = {"the demo's": 3, "16 kB": 6}
"""Further data sets."""


@dataclass(slots=True)
class Maker:
    """Makes evidence in an open house."""

    house: House
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def data(self, further: int) -> None:
        """Raw data, split into a training and a test set, and further data sets."""
        for name in ["raw.csv", "train.csv", *self._further(further)]:
            kind = {"kind": "derived"} if name == "train.csv" else {}
            self.say("dataset", [a_subject(name)], "owner", name=name, version="1.0", **kind)
        parts = [a_subject("train.csv"), a_subject("test.csv")]
        used = dict.fromkeys(("raw.csv", *self._further(further)), "dataset")
        self.ran("preprocess", parts, {**used, "split.py": "code"})
        inputs = [{"role": role, "digest": a_digest(f"{role}.csv")} for role in ("train", "test")]
        results = [{"id": "overlap.rows", "metric": "overlap.rows", "value": 0, "sampleSize": 500}]
        self.say(
            "measurement",
            parts,
            "evaluator",
            kind="splits",
            inputs=inputs,
            results=results,
            finishedOn=self.time(-30),
        )

    def models(self, names: Sequence[str]) -> list[Digest]:
        """Models that lack nothing at `promote/production` and `deploy/staging`."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self._model, names))

    def _model(self, name: str) -> Digest:
        subject = a_subject(name, kind="model", name=name)
        used = {"train.csv": "dataset", "train.py": "code", "requirements.lock": "lock"}
        self.ran("training", [subject], used)
        inputs = [
            {"role": "model", "digest": subject.digest},
            {"role": "test", "digest": a_digest("test.csv")},
        ]
        self.say("measurement", [a_subject(name)], "evaluator", inputs=inputs, finishedOn=self.time(-20))
        self.say(
            "approval",
            [a_subject(name)],
            "approver",
            validFrom=self.time(-60),
            validUntil=self.time(24 * 60),
        )
        return subject.digest

    def ran(self, stage: str, subjects: list[Subject], uses: Mapping[str, str]) -> None:
        """Provenance of a step that lasted an hour and ended an hour ago."""
        predicate = a_provenance(stage, uses)
        predicate["runDetails"]["metadata"] = {"startedOn": self.time(-120), "finishedOn": self.time(-60)}
        self.say(stage, subjects, "ci", **predicate)

    def say(self, short: str, subjects: list[Subject], by: str, **predicate: Any) -> None:
        """Sign a statement and take it in."""
        self.house.intake.take_in(a_bundle(a_statement(short, subjects, **predicate), a_key(by)))

    def time(self, minutes: int) -> str:
        """A time so many minutes from now."""
        return format_time(self.now + timedelta(minutes=minutes))

    @staticmethod
    def _further(count: int) -> list[str]:
        return [f"further-{number}.csv" for number in range(count)]


@dataclass(frozen=True, slots=True)
class Place:
    """A project on disk: its models, and a token that may do everything."""

    folder: Path
    models: Sequence[Digest]
    token: str

    @property
    def headers(self) -> Mapping[str, str]:
        """The caller's."""
        return {"authorization": f"Bearer {self.token}"}


def make_project(folder: Path, models: int, further: int, settings: str = "") -> Place:
    """A new project in `folder` with so many models; `settings` are lines for its placet.yaml."""
    initialise(folder, PRINCIPAL, example=False)
    a_trust(folder, signers=TEAM)
    with (folder / "placet.yaml").open("a", encoding="utf-8") as file:
        file.write(settings)
    project = open_project(folder, {}, {})
    with open_house(project) as house:
        maker = Maker(house)
        maker.data(further)
        made = maker.models([f"model-{number}" for number in range(models)])
    tokens = TokenStore(project.database())
    roles = ("admin", "auditor", "gate", "submitter")
    token, _ = tokens.new(PRINCIPAL, roles, 1, datetime.now(UTC))
    tokens.close()
    return Place(folder, made, token)


@contextmanager
def serving_unbounded(place: Place, **variables: str) -> Iterator[Serving]:
    """`placet serve` in a process of its own, which refuses no caller for asking too often."""
    rates = {"PLACET_HTTP_RATE": "1000000", "PLACET_KUBERNETES_RATE": "1000000"}
    for name in [name for name in os.environ if name.startswith("PLACET_") or name == "CI"]:
        del os.environ[name]
    with serving(place.folder, **rates, **variables) as service:
        yield service
