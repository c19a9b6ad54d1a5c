"""The composite action's own scripts, run against a real service with the tokens of a real issuer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from placet_attestations.trust import load_trust
from placet_attestations.verify import verify
from tests.api.projects import GATE, TICKET, decisions, done
from tests.ci.conftest import PULL_REQUEST, House
from tests.ci.runners import PATH, Ran, run_action
from tests.fakes.service import TOKEN, serving
from tests.tls import Authority

pytestmark = pytest.mark.xdist_group("http")
HOSTILE = (
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "a\n$(touch pwned)\ntouch pwned",
    "|| touch pwned #",
    "${{ github.token }}",
    "--output=json=pwned",
)


@pytest.fixture(autouse=True)
def _nothing_ran(workspace: Path) -> Iterator[None]:
    yield
    assert not list(workspace.parent.rglob("pwned*"))


def ask(house: House, workspace: Path, **inputs: str) -> Ran:
    """One job that uses the action; input names are written with underscores here."""
    given = {"server": house.url, "gate": GATE, "artifact": "model.json", **inputs}
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return run_action(named, workspace, **house.github_job())


def newest(house: House) -> dict[str, Any]:
    return decisions(house.folder)[0]


def test_an_allow_lets_the_job_go_on_with_everything_written(house: House, workspace: Path) -> None:
    ran = ask(house, workspace, context=f"ticket={TICKET}\n\ncommit=abc", summary="true")
    assert ran.code == 0, ran
    outputs, reports = ran.outputs, Path(ran.outputs["reports"])
    assert (outputs["verdict"], outputs["decision"]) == ("allow", newest(house)["decision"])
    assert outputs["entry"] == str(newest(house)["entry"])
    assert ran.out.splitlines()[-1].startswith("::notice title=Placet promote/production::PLACET")
    assert "PLACET" in ran.summary
    done("log", "check", outputs["receipt"], "--log-key", str(house.folder / "log.pub"))
    assert Path(outputs["receipt"]).parent == reports
    body = json.loads((reports / "placet.json").read_text())
    assert body["actor"]["principal"] == "github:alice"
    assert body["context"] == {"ticket": TICKET, "commit": "abc"}
    assert json.loads(Path(outputs["sarif"]).read_text())["version"] == "2.1.0"
    assert ElementTree.parse(reports / "placet.xml").getroot().tag == "testsuites"
    raw = (reports / "placet.vsa.sigstore.json").read_bytes()
    summary = verify(raw, load_trust(house.folder / "trust.yaml"))
    assert (summary.signer.id, summary.statement.predicate["verificationResult"]) == ("gate", "PASSED")
    # The tree is as it was: nothing of this is for the next step to stumble over.
    assert sorted(path.name for path in workspace.iterdir()) == ["model.json", "unknown.bin"]


def test_a_denial_ends_the_job_and_is_shown(house: House, workspace: Path) -> None:
    ran = ask(house, workspace, artifact="unknown.bin")
    assert (ran.code, ran.outputs["verdict"]) == (1, "deny")
    assert ran.outputs["decision"] == newest(house)["decision"]
    assert "::error title=lineage.subject_known::" in ran.out
    assert "NON PLACET" in ran.summary
    (run,) = json.loads(Path(ran.outputs["sarif"]).read_text())["runs"]
    assert run["results"]
    assert "gate stays closed" not in ran.out


def test_without_a_service_the_gate_is_closed(house: House, workspace: Path) -> None:
    ran = run_action({"server": "http://127.0.0.1:9", "gate": GATE, "artifact": "model.json"}, workspace,
                     **house.github_job())  # fmt: skip
    assert (ran.code, ran.outputs["verdict"], ran.outputs["decision"]) == (3, "deny", "")
    assert "service.unreachable" in ran.err
    assert "the gate stays closed" in ran.out


def test_a_gate_that_could_not_evaluate_is_closed(house: House, workspace: Path) -> None:
    ran = ask(house, workspace, gate="no/such")
    assert (ran.code, ran.outputs["verdict"]) == (3, "deny")


def test_a_job_without_a_token_gets_no_answer(house: House, workspace: Path) -> None:
    held = len(decisions(house.folder))
    ran = run_action({"server": house.url, "gate": GATE, "artifact": "model.json"}, workspace)
    assert (ran.code, "access.missing" in ran.err, ran.outputs["verdict"]) == (2, True, "deny")
    house.github.down = True
    try:
        away = ask(house, workspace)
    finally:
        house.github.down = False
    assert (away.code, away.outputs["verdict"]) == (3, "deny")
    assert len(decisions(house.folder)) == held


@pytest.mark.parametrize(
    "claims",
    [
        PULL_REQUEST,
        {"ref": "refs/heads/feature"},
        {"repository": "mallory/churn"},
        {"job_workflow_ref": "acme/churn/.github/workflows/other.yml@refs/heads/main"},
    ],
)
def test_a_job_from_elsewhere_gets_no_answer(house: House, workspace: Path, claims: dict[str, str]) -> None:
    held = len(decisions(house.folder))
    inputs = {"server": house.url, "gate": GATE, "artifact": "model.json"}
    ran = run_action(inputs, workspace, **house.github_job(**claims))
    assert (ran.code, "access.forbidden" in ran.err, ran.outputs["verdict"]) == (2, True, "deny")
    assert len(decisions(house.folder)) == held


@pytest.mark.parametrize("text", HOSTILE[1:5:2])
@pytest.mark.parametrize("name", ["gate", "artifact", "expect", "summary", "fail_on_warn", "server"])
def test_an_input_is_a_word_and_never_a_command(house: House, workspace: Path, name: str, text: str) -> None:
    ran = ask(house, workspace, **{name: text})
    assert ran.code in (2, 3), ran
    assert ran.outputs["verdict"] == "deny"


@pytest.mark.parametrize("text", HOSTILE)
def test_context_is_what_was_said_to_the_letter(house: House, workspace: Path, text: str) -> None:
    line = text.replace("\n", " ")
    ran = ask(house, workspace, context=f"note={line}")
    assert ran.code == 0, ran
    body = json.loads((Path(ran.outputs["reports"]) / "placet.json").read_text())
    assert body["context"] == {"note": line}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_file_may_be_called_anything(house: House, workspace: Path, text: str) -> None:
    (workspace / "model.json").rename(workspace / text)
    ran = ask(house, workspace, artifact=text)
    if "\n" in text:  # no artifact has a name of several lines
        assert (ran.code, ran.outputs["verdict"]) == (2, "deny")
    else:
        assert (ran.code, ran.outputs["verdict"]) == (0, "allow")


def test_a_context_that_is_no_pair_is_refused(house: House, workspace: Path) -> None:
    assert ask(house, workspace, context="--dry-run").code == 2


@pytest.mark.parametrize("name", ["summary", "fail_on_warn"])
@pytest.mark.parametrize("text", ["True", "yes", ""])
def test_a_misspelt_wish_is_not_a_no(house: House, workspace: Path, name: str, text: str) -> None:
    ran = ask(house, workspace, **{name: text})
    assert (ran.code, "is true or false" in ran.out) == (2, True)


def test_the_artifact_must_be_the_expected_one(house: House, workspace: Path) -> None:
    digest = done("digest", "model.json", folder=house.folder).out.split()[0]
    assert ask(house, workspace, expect=digest).code == 0
    assert ask(house, workspace, expect="sha256:" + "5" * 64).code == 2


def test_the_tree_chooses_neither_service_nor_authority(house: House, workspace: Path) -> None:
    settings = workspace / "placet.yaml"
    settings.write_text("server: http://127.0.0.1:9\nreceipts: elsewhere\nclient: {audience: other}\n")
    assert ask(house, workspace).code == 0
    assert not (workspace / "elsewhere").exists()
    settings.write_text("client: {ca: mine.pem}\n")
    ran = ask(house, workspace)
    assert (ran.code, "trust.unpinned" in ran.err) == (2, True)


def test_the_authority_of_the_service_is_given_as_text(ready: Path, workspace: Path, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "tls")
    context = authority.issue_server("placet", ["127.0.0.1"]).server_context()
    with serving(shutil.copytree(ready, tmp_path / "served"), context) as service:
        inputs = {"server": service.url, "gate": GATE, "artifact": "model.json"}

        def code(ca: str) -> int:
            return run_action(inputs | {"ca": ca}, workspace, PLACET_TOKEN=TOKEN).code

        assert code(authority.certificate.read_text()) == 0
        assert code("") == 3
        assert [code(text) for text in HOSTILE[:2]] == [2, 2]


def a_pipx(folder: Path, code: int) -> Path:
    """A pipx that notes what it was asked for."""
    folder.mkdir()
    tool = folder / "pipx"
    tool.write_text(f'#!/bin/sh\npwd > "$0.place"\nprintf "%s\\n" "$@" > "$0.asked"\nexit {code}\n')
    tool.chmod(0o755)
    return tool


@pytest.mark.parametrize("what", ["placet==1.2.3", "--help", "$(touch pwned)"])
def test_what_is_to_be_installed_is_installed_first_and_not_from_the_tree(
    house: House, workspace: Path, tmp_path: Path, what: str
) -> None:
    tool = a_pipx(tmp_path / "tools", 0)
    inputs = {"server": house.url, "gate": GATE, "artifact": "model.json", "install": what}
    ran = run_action(inputs, workspace, PATH=f"{tool.parent}:{PATH}", **house.github_job())
    assert ran.code == 0, ran
    assert Path(f"{tool}.asked").read_text().splitlines() == ["install", "--", what]
    assert Path(Path(f"{tool}.place").read_text().strip()).parent == workspace.parent


def test_an_install_that_fails_ends_the_job(house: House, workspace: Path, tmp_path: Path) -> None:
    tool = a_pipx(tmp_path / "tools", 7)
    inputs = {"server": house.url, "gate": GATE, "artifact": "model.json", "install": "placet"}
    ran = run_action(inputs, workspace, PATH=f"{tool.parent}:{PATH}", **house.github_job())
    assert (ran.code, ran.outputs["verdict"]) == (7, "deny")


def test_a_runner_without_placet_is_told_so(house: House, workspace: Path) -> None:
    inputs = {"server": house.url, "gate": GATE, "artifact": "model.json"}
    ran = run_action(inputs, workspace, PATH="/usr/bin:/bin", **house.github_job())
    assert (ran.code, "there is no placet on this runner" in ran.out) == (2, True)
    assert ran.outputs["verdict"] == "deny"
