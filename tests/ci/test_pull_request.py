"""A pull request makes its author an approver, with evidence that he signed himself: the tree believes it, nobody else.

Every attack is shown to work where trust.yaml is believed as it stands in the tree; then it is tried where the examples
are used: against a service, and in a job without one that has the trust anchors pinned from outside.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from placet_api.project import open_project
from placet_api.wiring import open_house
from placet_attestations.digests import Digest
from tests.api.projects import GATE, TRUST, call, decisions, done
from tests.ci.conftest import House
from tests.ci.runners import run_action, run_gitlab

pytestmark = pytest.mark.xdist_group("http")
TICKET = "CHG-666"  # nobody but the attacker approved it
CONTEXT = ("--context", f"ticket={TICKET}")
ROLES = "[approver, data-owner, evaluator, builder, trainer, gate, admin]"
MALLORY = (
    f"  - {{id: mallory, principal: mallory@example.org, key: keys/mallory.pub, roles: {ROLES}}}\nrules:\n"
)


@pytest.fixture
def pull_request(ready: Path, tmp_path: Path) -> Path:
    """The working copy: a key of the attacker's, its record in trust.yaml, his approval; a store that has them."""
    folder = tmp_path / "work" / "churn"
    shutil.copytree(ready, folder)
    done("key", "new", "mallory", folder=folder)
    trust = folder / "trust.yaml"
    trust.write_text(trust.read_text().replace("rules:\n", MALLORY, 1))
    ran = done("approve", GATE, "model.json", "--ticket", TICKET, "--as", "mallory", folder=folder)
    (digest,) = re.findall(r"statement (sha256:\w+)", ran.err)
    with open_house(open_project(folder, {}, {})) as house:
        raw = house.store.get(Digest.parse(digest))
    assert raw is not None
    (folder / "mine.sigstore.json").write_bytes(raw)
    return folder


def pin_of(folder: Path) -> str:
    return done("trust", "digest", folder=folder).out.split()[-1]


def test_where_the_tree_is_believed_it_works(pull_request: Path, ready: Path) -> None:
    """Without this, the tests below would prove nothing."""
    assert call("gate", GATE, "model.json", *CONTEXT, folder=pull_request).code == 0
    assert pin_of(pull_request) != pin_of(ready)


def test_a_service_does_not_read_the_trees_trust(house: House, pull_request: Path) -> None:
    # As if the change stood on main already, with main's own token.
    inputs = {
        "server": house.url,
        "gate": GATE,
        "artifact": "model.json",
        "context": f"ticket={TICKET}",
        "summary": "true",
    }
    ran = run_action(inputs, pull_request, **house.github_job())
    assert (ran.code, ran.outputs["verdict"]) == (1, "deny")
    assert "change.ticket_matches" in ran.out
    job = {"PLACET_SERVER": house.url, "GATE": GATE, "ARTIFACT": "model.json", "CONTEXT": f"ticket={TICKET}"}
    assert run_gitlab("sh", pull_request, job, **house.gitlab_job()).code == 1
    body = json.loads((pull_request / "placet-reports/placet.json").read_text())
    assert body["actor"]["principal"] == "gitlab:alice"


def test_a_service_takes_in_nothing_that_he_signed(house: House, pull_request: Path) -> None:
    token = done("token", "new", "ci@example.org", "--role", "submitter", folder=house.folder).out.strip()
    options = ("--server", house.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLACET_TOKEN", token)
        ran = call(*options, "add", "mine.sigstore.json", folder=pull_request)
    assert (ran.code, "signature.unknown_key" in ran.err) == (1, True)


def an_overlay(folder: Path) -> None:
    (folder / "mine.yaml").write_text(f"gates: {{{GATE}: {{mode: warn}}}}")
    settings = folder / "placet.yaml"
    settings.write_text(settings.read_text() + "settings: mine.yaml\n")


def another_trust(folder: Path) -> None:
    (folder / "trust.yaml").rename(folder / "mine.yaml")
    (folder / "trust.yaml").write_text(TRUST)
    settings = folder / "placet.yaml"
    settings.write_text(settings.read_text().replace("trust: trust.yaml", "trust: mine.yaml"))


def his_own_pin(folder: Path) -> None:
    pin, settings = pin_of(folder), folder / "placet.yaml"
    settings.write_text(f"{settings.read_text()}anchors: {pin}\n")


WAYS: dict[str, Callable[[Path], None]] = {
    "trust.yaml": lambda _: None,
    "another trust.yaml": another_trust,
    "settings over the policy": an_overlay,
    "a pin in the tree": his_own_pin,
}


@pytest.mark.parametrize("way", WAYS)
def test_without_a_service_the_pin_from_outside_holds(
    ready: Path, pull_request: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = pin_of(ready)
    WAYS[way](pull_request)
    assert call("gate", GATE, "model.json", *CONTEXT, folder=pull_request).code == 0
    held = len(decisions(pull_request))
    monkeypatch.setenv("CI", "true")
    ran = call("gate", GATE, "model.json", *CONTEXT, folder=pull_request)
    assert (ran.code, "trust.unpinned" in ran.err) == (2, True)
    monkeypatch.setenv("PLACET_ANCHORS", pin)
    ran = call("gate", GATE, "model.json", *CONTEXT, "--output", "vsa", folder=pull_request)
    assert (ran.code, "trust.changed" in ran.err, ran.out) == (2, True, "")
    monkeypatch.delenv("PLACET_ANCHORS")
    monkeypatch.delenv("CI")
    assert len(decisions(pull_request)) == held


def test_an_honest_tree_passes_under_the_same_pin(
    ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work" / "churn"
    shutil.copytree(ready, folder)
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PLACET_ANCHORS", pin_of(ready))
    assert call("gate", GATE, "model.json", folder=folder).code == 0
