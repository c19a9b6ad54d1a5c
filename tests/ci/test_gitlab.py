"""The GitLab job's own script, run under both shells that a runner may use, against a real service."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from placet_attestations.trust import load_trust
from placet_attestations.verify import verify
from tests.api.projects import GATE, TICKET, decisions, done
from tests.ci.conftest import House
from tests.ci.runners import Ran, run_gitlab
from tests.ci.test_github import HOSTILE
from tests.fakes.service import TOKEN, serving
from tests.tls import Authority

pytestmark = pytest.mark.xdist_group("http")
SHELLS = ("sh", "bash")


@pytest.fixture(autouse=True)
def _nothing_ran(workspace: Path) -> Iterator[None]:
    yield
    assert not list(workspace.parent.rglob("pwned*"))


def ask(house: House, workspace: Path, shell: str = "sh", **job: str) -> Ran:
    """One job that extends the template."""
    given = {"PLACET_SERVER": house.url, "GATE": GATE, "ARTIFACT": "model.json", **job}
    return run_gitlab(shell, workspace, given, **house.gitlab_job())


@pytest.mark.parametrize("shell", SHELLS)
def test_an_allow_lets_the_job_go_on_with_everything_written(
    house: House, workspace: Path, shell: str
) -> None:
    ran = ask(house, workspace, shell, CONTEXT=f"ticket={TICKET}\n\ncommit=abc", SUMMARY="true")
    assert ran.code == 0, ran
    assert ran.out.startswith("PLACET  promote/production  threshold")
    reports = workspace / "placet-reports"
    body = json.loads((reports / "placet.json").read_text())
    assert body["id"] == decisions(house.folder)[0]["decision"]
    assert body["actor"]["principal"] == "gitlab:alice"
    assert body["context"] == {"ticket": TICKET, "commit": "abc"}
    done(
        "log",
        "check",
        str(reports / f"{body['id']}.placet-proof"),
        "--log-key",
        str(house.folder / "log.pub"),
    )
    assert ElementTree.parse(reports / "placet.xml").getroot().tag == "testsuites"
    assert (reports / "placet.md").is_file()
    assert json.loads((reports / "placet.sarif").read_text())["version"] == "2.1.0"
    raw = (reports / "placet.vsa.sigstore.json").read_bytes()
    assert verify(raw, load_trust(house.folder / "trust.yaml")).signer.id == "gate"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_denial_ends_the_job_and_is_shown(house: House, workspace: Path, shell: str) -> None:
    ran = ask(house, workspace, shell, ARTIFACT="unknown.bin")
    assert (ran.code, ran.out.startswith("NON PLACET")) == (1, True)
    assert ElementTree.parse(workspace / "placet-reports/placet.xml").getroot().findall(".//failure")


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_service_the_gate_is_closed(house: House, workspace: Path, shell: str) -> None:
    ran = ask(house, workspace, shell, PLACET_SERVER="http://127.0.0.1:9")
    assert (ran.code, "service.unreachable" in ran.err) == (3, True)


def test_a_job_without_a_token_gets_no_answer(house: House, workspace: Path) -> None:
    job = {"PLACET_SERVER": house.url, "GATE": GATE, "ARTIFACT": "model.json"}
    ran = run_gitlab("sh", workspace, job)
    assert (ran.code, "access.missing" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "claims",
    [{"ref_protected": "false"}, {"ref": "feature"}, {"ref_type": "tag"}, {"project_path": "mallory/churn"}],
)
def test_a_job_from_elsewhere_gets_no_answer(house: House, workspace: Path, claims: dict[str, str]) -> None:
    job = {"PLACET_SERVER": house.url, "GATE": GATE, "ARTIFACT": "model.json"}
    ran = run_gitlab("sh", workspace, job, **house.gitlab_job(**claims))
    assert (ran.code, "access.forbidden" in ran.err) == (2, True)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_variable_is_a_word_and_never_a_command(house: House, workspace: Path, text: str) -> None:
    line = text.replace("\n", " ")
    ran = ask(house, workspace, CONTEXT=f"note={line}")
    assert ran.code == 0, ran
    assert json.loads((workspace / "placet-reports/placet.json").read_text())["context"] == {"note": line}
    assert ask(house, workspace, GATE=text).code in (2, 3)
    assert ask(house, workspace, SUMMARY=text).code == 2


def test_the_authority_of_the_service_is_a_file_of_the_jobs(
    ready: Path, workspace: Path, tmp_path: Path
) -> None:
    authority = Authority.make(tmp_path / "tls")
    context = authority.issue_server("placet", ["127.0.0.1"]).server_context()
    with serving(shutil.copytree(ready, tmp_path / "served"), context) as service:
        job = {"PLACET_SERVER": service.url, "GATE": GATE, "ARTIFACT": "model.json"}
        given = {"PLACET_TOKEN": TOKEN, "PLACET_CLIENT_CA": str(authority.certificate)}
        assert run_gitlab("sh", workspace, job, **given).code == 0
        assert run_gitlab("sh", workspace, job, PLACET_TOKEN=TOKEN).code == 3


def test_what_the_tree_brings_as_reports_is_thrown_away(house: House, workspace: Path) -> None:
    elsewhere = workspace.parent / "elsewhere"
    elsewhere.mkdir()
    (workspace / "placet-reports").symlink_to(elsewhere)
    assert ask(house, workspace).code == 0
    assert list(elsewhere.iterdir()) == []
    assert not (workspace / "placet-reports").is_symlink()
