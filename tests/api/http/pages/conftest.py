"""A service whose log holds decisions of every sort, one for each module that looks at its pages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.api.http.pages.opening import BIDI, EVIL, EVIL_NAME, STRANGER
from tests.api.http.serving import Serving
from tests.api.projects import GATE, TRAIN, done, placet_environment, record, token_for


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
def tokens(tokens: dict[str, str], place: Path, cache: Path) -> dict[str, str]:
    with placet_environment(cache):
        return tokens | {"evil": token_for(place, f"{EVIL}@example.org", "gate")}


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
