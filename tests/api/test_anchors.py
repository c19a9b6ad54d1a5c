"""The judged must not choose the judge: what is pinned, by whom, and when it is checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import placet
from placet_api.errors import ConfigurationError
from placet_api.gating import Asking, ask
from placet_api.project import open_project
from placet_api.wiring import open_house
from placet_engine.policy.shipped import shipped_policies
from tests.api.projects import GATE, TRUST, Ran, a_fake_opa, a_file, call, decisions, done, row_count
from tests.builders import a_digest

WRONG = a_digest("another judge")


@pytest.fixture
def pin(project: Path) -> str:
    """The pin of the tree as it is honest."""
    return done("trust", "digest").out.strip()


def gate(*options: str) -> Ran:
    return call("gate", GATE, "model.json", *options)


def settings(project: Path, more: str) -> None:
    path = project / "placet.yaml"
    path.write_text(f"{path.read_text()}{more}\n")


def refused(ran: Ran, code: str) -> bool:
    return (ran.code, ran.out) == (2, "") and f"placet: {code}: " in ran.err


@pytest.mark.parametrize(("ci", "wanted"), [("true", True), ("1", True), ("yes", True), ("on", True),
                                            ("", False), ("0", False), ("false", False), ("FALSE", False)])  # fmt: skip
def test_in_ci_a_pin_is_wanted(project: Path, monkeypatch: pytest.MonkeyPatch, ci: str, wanted: bool) -> None:
    monkeypatch.setenv("CI", ci)
    ran = gate()
    assert refused(ran, "trust.unpinned") if wanted else ran.code == 0
    assert len(decisions(project)) == (0 if wanted else 1)


def test_a_pin_in_the_tree_that_is_judged_is_none_in_ci(
    project: Path, pin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(project, f"anchors: {pin}")
    assert gate().code == 0
    monkeypatch.setenv("CI", "true")
    assert refused(gate(), "trust.unpinned")


@pytest.mark.parametrize("unset", [("--anchors", ""), ()])
def test_an_unset_variable_does_not_make_room_for_the_trees_own_pin(
    project: Path, pin: str, monkeypatch: pytest.MonkeyPatch, unset: tuple[str, ...]
) -> None:
    settings(project, f"anchors: {pin}")
    monkeypatch.setenv("CI", "true")
    if not unset:
        monkeypatch.setenv("PLACET_ANCHORS", "")
    assert refused(gate(*unset), "trust.unpinned")
    with pytest.raises(ConfigurationError):
        placet.gate(GATE, "model.json", anchors="")


@pytest.mark.parametrize("ci", ["true", ""])
def test_the_right_pin_from_outside_is_right(
    project: Path, pin: str, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    assert gate("--anchors", pin).code == 0
    monkeypatch.setenv("PLACET_ANCHORS", pin)
    assert gate().code == 0


@pytest.mark.parametrize("ci", ["true", ""])
def test_a_wrong_pin_is_wrong_wherever_it_stands(
    project: Path, pin: str, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    assert refused(gate("--anchors", WRONG), "trust.changed")
    monkeypatch.setenv("PLACET_ANCHORS", WRONG)
    ran = gate()
    assert refused(ran, "trust.changed")
    assert "(PLACET_ANCHORS)" in ran.err
    assert gate("--anchors", pin).code == 0
    monkeypatch.setenv("PLACET_ANCHORS", pin)
    assert refused(gate("--anchors", WRONG), "trust.changed")


def test_a_wrong_pin_in_the_tree_is_minded_outside_ci_too(project: Path) -> None:
    settings(project, f"anchors: {WRONG}")
    ran = gate()
    assert refused(ran, "trust.changed")
    assert "(placet.yaml)" in ran.err


@pytest.mark.parametrize("text", ["sha256:12", "churn", "sha512:" + "0" * 128])
def test_a_pin_that_is_no_digest_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("CI", "true")
    ran = gate("--anchors", text)
    assert (ran.code, ran.out) == (2, "")
    assert "placet: digest." in ran.err


def more_roles(project: Path) -> None:
    a_file(project, "trust.yaml", TRUST.replace("roles: [reader]", "roles: [approver]"))


def another_key(project: Path) -> None:
    done("key", "new", "mallory")
    shutil.copy(project / "keys" / "mallory.pub", project / "keys" / "approver.pub")


def another_trust(project: Path) -> None:
    a_file(project, "mine.yaml", TRUST.replace("revoked: []\n", ""))
    path = project / "placet.yaml"
    path.write_text(path.read_text().replace("trust: trust.yaml", "trust: mine.yaml"))


def warn_only(project: Path) -> None:
    settings(project, f"settings: {a_file(project, 'w.yaml', f'gates: {{{GATE}: {{mode: warn}}}}')}")


def another_policy(project: Path) -> None:
    shutil.copytree(shipped_policies(), project / "policies")
    rules = project / "policies" / "placet" / "rules" / "change" / "change.rego"
    rules.write_text(rules.read_text() + "\n# nothing else\n")
    settings(project, "policies: policies")


def another_opa(project: Path) -> None:
    settings(project, f"opa: {{path: {a_fake_opa(project, 'touch ' + str(project / 'was-run')).name}}}")


def an_opa_elsewhere(project: Path) -> None:
    settings(project, "opa: {url: 'http://127.0.0.1:9'}")


def another_store(project: Path) -> None:
    shutil.copy(project / ".placet" / "placet.db", project / "mine.db")
    path = project / "placet.yaml"
    path.write_text(path.read_text().replace(".placet/placet.db", "mine.db"))


def another_log_key(project: Path) -> None:
    done("init", "other")
    settings(project, "log: {key: other/.placet/log.key}")


def another_head(project: Path) -> None:
    settings(project, "log: {head: .placet/mine.head}")


def another_caller(project: Path) -> None:
    path = project / "placet.yaml"
    path.write_text(path.read_text().replace("default: dev", "default: intern"))


@pytest.mark.parametrize(
    "change",
    [more_roles, another_key, another_trust, warn_only, another_policy, another_opa, an_opa_elsewhere, another_store,
     another_log_key, another_head, another_caller],
)  # fmt: skip
@pytest.mark.parametrize("ci", ["true", ""])
def test_whatever_the_tree_changes_of_its_judge_is_seen(
    project: Path, pin: str, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], ci: str
) -> None:
    change(project)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PLACET_ANCHORS", pin)
    before = row_count(project, "log_entry")
    assert refused(gate(), "trust.changed")
    assert row_count(project, "log_entry") == before
    # What the tree names is not run before the pin is checked.
    assert not (project / "was-run").exists()


def test_the_pin_names_its_parts(project: Path, pin: str) -> None:
    parts = done("trust", "digest", "--json").json
    assert parts.pop("digest") == pin
    assert set(parts) == {"trust", "policy", "settings", "roots", "opa", "store", "log_key", "caller"}


def test_a_service_is_pinned_with_the_authority_that_vouches_for_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_OPA_URL", "https://opa.example.org")
    pins = [done("trust", "digest").out]
    monkeypatch.setenv("PLACET_OPA_CA", a_file(project, "ca.pem", "one"))
    pins.append(done("trust", "digest").out)
    a_file(project, "ca.pem", "another")
    pins.append(done("trust", "digest").out)
    assert len(set(pins)) == 3


def test_the_same_tree_elsewhere_has_the_same_pin(project: Path, pin: str, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "clone")
    assert done("trust", "digest", folder=tmp_path / "clone").out.strip() == pin


def test_a_clock_behind_the_log_decides_nothing(project: Path) -> None:
    early = datetime.now(UTC) - timedelta(hours=1)
    with open_house(open_project(project, {}, os.environ), clock=lambda: early) as house:
        shown = ask(house, Asking(GATE, "model.json", {}))
    assert not shown.allowed
    assert shown.body["error"]["code"] == "clock.rolled_back"


def test_the_receipt_is_named_as_the_caller_can_find_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "deep").mkdir()
    monkeypatch.chdir(project / "deep")
    monkeypatch.setenv("PLACET_RECEIPTS", str(tmp_path / "receipts"))
    with open_house(open_project(Path.cwd(), {}, os.environ)) as house:
        shown = ask(house, Asking(GATE, "../model.json", {}))
    assert shown.receipt is not None
    assert Path(shown.receipt).is_absolute()
    assert Path(shown.receipt).parent == tmp_path / "receipts"


@pytest.mark.parametrize(
    "more",
    [
        'kubernetes: {environments: [{namespaces: ["*"], environment: staging}]}',
        "kubernetes: {paths: [{group: example.org, kind: Model, images: [spec.image]}]}",
        "http: {issuers: [{issuer: https://example.org, audience: placet}]}",
    ],
)
def test_who_is_which_caller_where_is_pinned(project: Path, pin: str, more: str) -> None:
    settings(project, more)
    assert done("trust", "digest").out.strip() != pin
