"""A whole project for tests of the doors, made by the doors: real data, a model, everybody's word, nothing decided yet.

with placet_environment(cache):
    make_ready(folder)            # `placet gate promote/production model.json` allows here
ran = call("gate", "register", "model.json", folder=copy)
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from placet_api.cli.main import run
from placet_engine.policy.binary import locate

GATE = "promote/production"
PEOPLE = ("data-owner", "evaluator", "approver", "intern")
TICKET = "CHG-1042"

TRUST = """\
version: 1
signers:
  - id: dev
    principal: dev@example.org
    key: keys/dev.pub
    roles: [builder, trainer]
    builders: [https://placet.dev/builders/local/v1]
  - {id: data-owner, principal: data@example.org, key: keys/data-owner.pub, roles: [data-owner]}
  - {id: evaluator, principal: evaluation@example.org, key: keys/evaluator.pub, roles: [evaluator]}
  - {id: approver, principal: risk@example.org, key: keys/approver.pub, roles: [approver]}
  - {id: intern, principal: intern@example.org, key: keys/intern.pub, roles: [reader]}
rules:
  - {roles: [data-owner], types: [dataset], kinds: [dataset], may_name: ["*"], may_alias: true}
  - {roles: [builder], types: [ingest, preprocess], kinds: [dataset], may_name: ["*"], may_alias: true}
  - {roles: [trainer], types: [training], kinds: [model], may_name: ["*"], may_alias: true}
  - {roles: [builder], types: [package], kinds: [image], may_name: ["*"]}
  - {roles: [evaluator], types: [measurement], kinds: [model, dataset]}
  - {roles: [approver], types: [approval, waiver], kinds: [model, image]}
revoked: []
"""

DATASET = """\
name: {name}
version: "1.0"
kind: {kind}
origin: {{issuer: tests, source: made up, method: by hand}}
rights: {{license: CC0-1.0, intendedUse: [tests], personalData: false}}
governance: {{owner: data@example.org}}
lastUpdated: 2026-01-31T00:00:00Z
"""

SPLIT = """\
import csv, json, os
test_size = json.loads(os.environ["PLACET_PARAMETERS"])["test_size"]
with open("raw.csv", newline="") as source:
    header, *rows = csv.reader(source)
cut = len(rows) - int(test_size * len(rows))
for name, part in (("train.csv", rows[:cut]), ("test.csv", rows[cut:])):
    with open(name, "w", newline="") as out:
        csv.writer(out, lineterminator="\\n").writerows([header, *part])
"""

TRAIN = """\
import csv, json
with open("train.csv", newline="") as source:
    rows = [(float(row["x"]), int(row["label"])) for row in csv.DictReader(source)]
best = max((x for x, _ in rows), key=lambda limit: sum((x >= limit) == bool(label) for x, label in rows))
with open("model.json", "w") as out:
    json.dump({"threshold": best}, out)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document."""
        return json.loads(self.out)


def call(*arguments: str, folder: Path | None = None) -> Ran:
    """Run one command line in this process, in `folder`, with standard streams as Python makes them for a process."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
    where = contextlib.chdir(folder) if folder is not None else contextlib.nullcontext()
    with where, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    return Ran(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def done(*arguments: str, folder: Path | None = None) -> Ran:
    """As `call`, for a command that must end well."""
    ran = call(*arguments, folder=folder)
    assert ran.code == 0, f"placet {' '.join(arguments)}: {ran}"
    return ran


def token_for(folder: Path, principal: str, *roles: str) -> str:
    """A token of the service in this project."""
    given = [part for role in roles for part in ("--role", role)]
    return done("token", "new", principal, *given, folder=folder).out.strip()


def model_of(folder: Path) -> str:
    """The digest of a ready project's model."""
    return done("digest", "model.json", folder=folder).out.split()[0]


@contextlib.contextmanager
def placet_environment(cache: Path) -> Iterator[None]:
    """An environment without Placet's variables (but for patience) and without CI, with a cache of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("PLACET_") or name in ("CI", "NO_COLOR"):
                patch.delenv(name)
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setenv("PLACET_OPA_TIMEOUT", "60")  # a loaded machine is slow, and that is no failure
        yield


def make_project(folder: Path) -> None:
    """`placet init`, five people with a key each, and the rules of who may say what."""
    done("init", str(folder), "--principal", "dev@example.org")
    for name in PEOPLE:
        done("key", "new", name, folder=folder)
    (folder / "trust.yaml").write_text(TRUST, encoding="utf-8")


def make_ready(folder: Path) -> None:
    """A project in which everything that `promote/production` asks of model.json is said by who may."""
    make_project(folder)
    rows = "".join(f"{number},{x},{int(x >= 40)}\n" for number in range(80) for x in (number * 37 % 80,))
    (folder / "raw.csv").write_text(f"id,x,label\n{rows}")
    (folder / "split.py").write_text(SPLIT)
    (folder / "train.py").write_text(TRAIN)
    (folder / "requirements.lock").write_text("nothing==1.0\n")
    for name, kind in (("raw", "raw"), ("train", "derived")):
        (folder / f"dataset-{name}.yaml").write_text(DATASET.format(name=name, kind=kind))
    record(
        "preprocess",
        "--input=raw.csv",
        "--code=split.py",
        "--param=test_size=0.25",
        "--seed=split=7",
        "--output=train.csv,name=train",
        "--output=test.csv,name=test",
        script="split.py",
        folder=folder,
    )
    record(
        "train",
        "--input=train.csv",
        "--code=train.py",
        "--param=C=1.0",
        "--seed=numpy=7",
        "--output=model.json,name=threshold,alias=threshold@1.0",
        script="train.py",
        folder=folder,
    )
    predict(folder)
    for name in ("raw", "train"):
        done(
            "attest",
            "dataset",
            f"{name}.csv",
            "--from",
            f"dataset-{name}.yaml",
            "--as",
            "data-owner",
            folder=folder,
        )
    done(
        "measure",
        "splits",
        "--train=train.csv",
        "--test=test.csv",
        "--ignore=id",
        "--as=evaluator",
        folder=folder,
    )
    done(
        "measure",
        "evaluation",
        "--model=model.json",
        "--labels=test.csv",
        "--predictions=predictions.csv",
        "--as=evaluator",
        folder=folder,
    )
    done("approve", GATE, "model.json", "--ticket", TICKET, "--as", "approver", folder=folder)


def record(step: str, *options: str, script: str, folder: Path) -> Ran:
    """Record a step that runs a script of the project with this Python."""
    return done(
        "record",
        "--step",
        step,
        "--lock",
        "requirements.lock",
        *options,
        "--",
        sys.executable,
        script,
        folder=folder,
    )


def predict(folder: Path) -> None:
    """Let model.json answer test.csv."""
    threshold = json.loads((folder / "model.json").read_text())["threshold"]
    rows = (folder / "test.csv").read_text().splitlines()[1:]
    guesses = "".join(f"{row.split(',')[0]},{int(float(row.split(',')[1]) >= threshold)}\n" for row in rows)
    (folder / "predictions.csv").write_text(f"id,prediction\n{guesses}")


def git(folder: Path, *arguments: str | bytes) -> None:
    """Run git in a folder, untouched by who runs the tests."""
    who = {
        f"GIT_{part}_{what}": "test@example.org"
        for part in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=os.environ | who | {"GIT_CONFIG_GLOBAL": os.devnull},
        check=True,
        capture_output=True,
    )


def a_file(folder: Path, name: str, text: str) -> str:
    """Write a file of a project; returns its name."""
    (folder / name).write_text(text, encoding="utf-8")
    return name


def a_fake_opa(folder: Path, run: str) -> Path:
    """An OPA that does as the real one, until it is to judge: then it does the shell command `run`."""
    path = folder / "fake-opa"
    path.write_text(f'#!/bin/sh\n[ "$1" = run ] || exec {shlex.quote(str(locate().path))} "$@"\n{run}\n')
    path.chmod(0o755)
    return path


def row_count(folder: Path, table: str) -> int:
    """How many rows a table of the project's store has."""
    with contextlib.closing(sqlite3.connect(folder / ".placet" / "placet.db")) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def decisions(folder: Path) -> list[dict[str, Any]]:
    """All decisions of the log, newest first."""
    rows: list[dict[str, Any]] = done("log", "list", "--json", folder=folder).json
    return rows
