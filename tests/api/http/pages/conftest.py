"""A service whose log holds decisions of every sort, one for each module that looks at its pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from placet_api.http.callers import ROLES
from tests.api.http.pages.opening import BIDI, EVIL, EVIL_NAME, STRANGER
from tests.api.http.serving import Serving, serving
from tests.api.projects import GATE, TRAIN, done, placet_environment, record


@pytest.fixture(scope="module")
def place(ready: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "churn"
    shutil.copytree(ready, folder)
    with placet_environment(cache):
        (folder / "evil.py").write_text(TRAIN.replace("model.json", "evil.json").replace("max(", "min("))
        record(
            "train",
            "--input=train.csv",
            "--code=evil.py",
            "--param=C=2.0",
            "--seed=numpy=8",
            f"--output=evil.json,name={EVIL_NAME}",
            script="evil.py",
            folder=folder,
        )
    return folder


@pytest.fixture(scope="module")
def tokens(place: Path, cache: Path) -> dict[str, str]:
    with placet_environment(cache):
        found = {
            role: done("token", "new", f"{role}@example.org", "--role", role, folder=place).out.strip()
            for role in ROLES
        }
        evil = done("token", "new", f"{EVIL}@example.org", "--role", "gate", folder=place).out.strip()
        return found | {"evil": evil}


@pytest.fixture(scope="module")
def service(place: Path, cache: Path, tokens: dict[str, str]) -> Iterator[Serving]:
    assert tokens
    with placet_environment(cache), serving(place, PLACET_HTTP_RATE="100000") as running:
        yield running


@pytest.fixture(scope="module")
def model(place: Path, cache: Path) -> str:
    with placet_environment(cache):
        return done("digest", "model.json", folder=place).out.split()[0]


@pytest.fixture(scope="module")
def evil(place: Path, cache: Path) -> str:
    with placet_environment(cache):
        return done("digest", "evil.json", folder=place).out.split()[0]


@pytest.fixture(scope="module")
def made(service: Serving, tokens: dict[str, str], model: str, evil: str) -> dict[str, dict[str, Any]]:
    """Decisions of every sort by name, in the order in which they were made."""

    def ask(gate: str, subject: str, who: str = "gate", **more: Any) -> dict[str, Any]:
        question = {"gate": gate, "subject": {"digest": subject}, **more}
        told: dict[str, Any] = service.post("/v1/decisions", question, tokens[who]).json["decision"]
        return told

    links = {"ticket": "javascript:alert(1)", "run": "https://ci.example.org/runs/4?a=1&b=2", "odd": BIDI}
    return {
        "staging": ask("promote/staging", model, context=links),
        "approval": ask("deploy/production", model, context={"ticket": "CHG-7"}),
        "quoted": ask("deploy/production", model, context={"ticket": "CHG-7; rm -rf /"}),
        "stranger": ask(GATE, STRANGER, context={"ticket": EVIL}),
        "unknown": ask(f"promote/{EVIL}", model),
        "dry": ask("promote/staging", model, dry_run=True),
        "evil": ask("promote/staging", STRANGER, "evil", context={EVIL: EVIL}),
        "named": ask("promote/staging", evil),
    }
