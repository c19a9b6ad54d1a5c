"""A real service that believes the jobs of examples/ci/service.yaml, and the two issuers that speak for those jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.api.conftest import _environment, cache
from tests.api.http.serving import Serving, serving
from tests.api.projects import make_ready, placet_environment
from tests.api.test_summary import trust_the_gate
from tests.ci.runners import SERVICE, read
from tests.fakes.issuer import FakeIssuer, an_issuer

__all__ = ["_environment", "cache"]  # those of the doors' tests

GITHUB_CLAIMS: Final = {
    "sub": "repo:acme/churn:ref:refs/heads/main",
    "repository": "acme/churn",
    "ref": "refs/heads/main",
    "event_name": "workflow_dispatch",
    "job_workflow_ref": "acme/churn/.github/workflows/promote.yml@refs/heads/main",
    "actor": "alice",
}
PULL_REQUEST: Final = {
    "sub": "repo:acme/churn:pull_request",
    "ref": "refs/pull/7/merge",
    "event_name": "pull_request",
    "job_workflow_ref": "acme/churn/.github/workflows/promote.yml@refs/pull/7/merge",
    "actor": "mallory",
}
GITLAB_CLAIMS: Final = {
    "sub": "project_path:acme/churn:ref_type:branch:ref:main",
    "project_path": "acme/churn",
    "ref_type": "branch",
    "ref": "main",
    "ref_protected": "true",
    "user_login": "alice",
}


@dataclass(frozen=True, slots=True)
class House:
    """A service with its project, and who mints tokens for GitHub and GitLab."""

    service: Serving
    github: FakeIssuer
    gitlab: FakeIssuer

    @property
    def url(self) -> str:
        """Where it is."""
        return self.service.url

    @property
    def folder(self) -> Path:
        """The service's own project: trust, store and log live here."""
        return self.service.folder

    def github_job(self, **claims: str) -> dict[str, str]:
        """What a job with `id-token: write` finds in its environment; the token's claims are changed by `claims`."""
        token = self.github.mint(GITHUB_CLAIMS | claims, now=datetime.now(UTC))
        self.github.say("/idtoken?api-version=2.0&audience=placet", {"value": token})
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.github.url}/idtoken?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job",
        }

    def gitlab_job(self, **claims: str) -> dict[str, str]:
        """What a job with the entry `id_tokens` finds in its environment."""
        return {"PLACET_ID_TOKEN": self.gitlab.mint(GITLAB_CLAIMS | claims, now=datetime.now(UTC))}


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A project whose model.json may go to production; nobody writes to it."""
    folder = tmp_path_factory.mktemp("ready") / "churn"
    with placet_environment(cache):
        make_ready(folder)
        trust_the_gate(folder)
    return folder


@pytest.fixture(scope="module")
def house(ready: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service, believing the issuers of the example under the URLs that they have here."""
    folder = tmp_path_factory.mktemp("served") / "churn"
    shutil.copytree(ready, folder)
    with placet_environment(cache), an_issuer() as github, an_issuer() as gitlab:
        settings: dict[str, Any] = read(folder / "placet.yaml") | read(SERVICE)
        for issuer, here in zip(settings["http"]["issuers"], (github, gitlab), strict=True):
            issuer["issuer"] = here.url
        (folder / "placet.yaml").write_text(yaml.safe_dump(settings))
        with serving(folder) as service:
            yield House(service, github, gitlab)


@pytest.fixture
def workspace(ready: Path, tmp_path: Path) -> Path:
    """What a job checks out: the model and a file that nobody vouched for; neither trust, nor keys, nor a store."""
    folder = tmp_path / "work" / "churn"
    folder.mkdir(parents=True)
    shutil.copy(ready / "model.json", folder)
    (folder / "unknown.bin").write_text("nobody vouched for this")
    return folder
