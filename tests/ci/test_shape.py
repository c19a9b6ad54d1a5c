"""The examples are what GitHub and GitLab read, and nothing in them is an opening."""

from __future__ import annotations

import re
import subprocess
from typing import Any, Final

import pytest

from placet_api.client.ambient import GITLAB as ID_TOKEN
from placet_api.http.issuers import parse_issuers
from placet_api.settings import TABLE
from tests.ci.runners import ACTION, CI, GITLAB, SERVICE, WORKFLOW, expressions_in, read

STEPS: Final[list[dict[str, Any]]] = read(ACTION)["runs"]["steps"]
JOB: Final = "\n".join(read(GITLAB)[".placet-gate"]["script"])
PINNED: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40}")
AUDIENCE: Final = next(setting.default for setting in TABLE if setting.key == "client.audience")
README: Final = (CI / "README.md").read_text(encoding="utf-8")


def jobs() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(WORKFLOW)["jobs"]
    return found


def workflow_steps() -> list[dict[str, Any]]:
    return [step for job in jobs().values() for step in job["steps"]]


def test_the_action_is_a_composite_action() -> None:
    action = read(ACTION)
    assert action.keys() == {"name", "description", "inputs", "outputs", "runs"}
    assert action["runs"].keys() == {"using", "steps"}
    assert action["runs"]["using"] == "composite"
    for step in STEPS:
        # A composite action has no default shell, and takes neither timeouts nor services.
        assert {"name", "shell", "run"} <= step.keys() <= {"name", "id", "shell", "run", "env", "if"}
    for about in action["inputs"].values():
        assert about["description"]
        assert about.get("required") is True or isinstance(about["default"], str)
    for about in action["outputs"].values():
        assert about["description"]
        assert len(expressions_in(about["value"])) == 1


def test_no_input_is_pasted_into_a_script() -> None:
    for step in [*STEPS, *workflow_steps()]:
        assert expressions_in(step.get("run", "")) == []
    for job in read(GITLAB).values():
        assert not any("$[[" in line for line in job.get("script", []))


def test_every_input_is_used_and_every_output_is_given() -> None:
    action = read(ACTION)
    used = {found for step in STEPS for value in step["env"].values() for found in expressions_in(value)}
    assert used == {f"inputs.{name}" for name in action["inputs"]}
    for name, about in action["outputs"].items():
        assert f"steps.gate.outputs.{name}" in expressions_in(about["value"])[0]


@pytest.mark.parametrize("script", [*(step["run"] for step in STEPS), JOB])
def test_a_variable_is_one_word_wherever_it_is_used(script: str) -> None:
    # What stands in quotes is one word, and so are the subject of a case and a here-document.
    bare = re.sub(r'"[^"\n]*"|\bcase \$\w+ in|<<LINES\n\$CONTEXT\nLINES', "", script)
    assert re.findall(r"\$\{?(\w+)", bare) in ([], ["code"])
    assert "eval" not in script


@pytest.mark.parametrize(
    ("shell", "script"),
    [("bash", step["run"]) for step in STEPS] + [(shell, JOB) for shell in ("sh", "bash")],
)
def test_the_scripts_are_scripts(shell: str, script: str) -> None:
    subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)


def test_other_peoples_actions_are_named_by_commit() -> None:
    uses = [step["uses"] for step in workflow_steps() if "uses" in step]
    assert len(uses) == 4
    assert all(PINNED.fullmatch(use) for use in uses)
    for line in WORKFLOW.read_text().splitlines():
        if "uses:" in line and "0" * 40 not in line:
            assert re.search(r"# v\d+\.\d+\.\d+$", line), line


def test_the_workflow_uses_the_action_as_it_is() -> None:
    (step,) = [step for step in workflow_steps() if step.get("id") == "placet"]
    inputs = read(ACTION)["inputs"]
    assert step["with"].keys() <= inputs.keys()
    assert {name for name, about in inputs.items() if about.get("required")} <= step["with"].keys()
    said = WORKFLOW.read_text()
    assert set(re.findall(r"steps\.placet\.outputs\.(\w+)", said)) <= read(ACTION)["outputs"].keys()
    assert jobs()["gate"]["outputs"].keys() >= set(re.findall(r"needs\.gate\.outputs\.(\w+)", said))
    assert jobs()["deploy"]["needs"] == "gate"


def test_the_workflow_may_do_little() -> None:
    workflow = read(WORKFLOW)
    assert workflow["permissions"] == {}
    assert jobs()["gate"]["permissions"] == {
        "contents": "read",
        "id-token": "write",
        "security-events": "write",
    }
    # YAML 1.1 reads the key `on` as true.
    triggers = dict(workflow)[True]  # type: ignore[index]
    assert triggers.keys() == {"workflow_dispatch"}
    for step in workflow_steps():
        assert step.get("continue-on-error", False) is False


def test_the_gitlab_job_gives_the_token_and_the_reports() -> None:
    template, job = read(GITLAB)[".placet-gate"], read(GITLAB)["promote"]
    assert template["id_tokens"] == {ID_TOKEN: {"aud": AUDIENCE}}
    assert template["artifacts"]["when"] == "always"
    assert template["artifacts"]["reports"] == {"junit": "placet-reports/placet.xml"}
    assert "--output=junit=placet-reports/placet.xml" in template["script"][0]
    assert template["image"].endswith("@sha256:" + "0" * 64)
    assert job["extends"] == ".placet-gate"
    assert job["variables"].keys() <= template["variables"].keys()
    # A job that may fail, or that somebody must start by hand, is no gate.
    assert not {"allow_failure", "when"} & (template.keys() | job.keys())


def test_the_services_settings_are_settings() -> None:
    issuers = parse_issuers(read(SERVICE)["http"]["issuers"], "http.issuers", CI)
    assert [issuer.audience for issuer in issuers] == [AUDIENCE, AUDIENCE]
    assert all(caller.roles == {"gate"} for issuer in issuers for caller in issuer.callers)


def test_the_readme_speaks_of_every_file_input_and_output() -> None:
    for file in CI.rglob("*.y*ml"):
        assert str(file.relative_to(CI)) in README
    for name in [*read(ACTION)["inputs"], *read(ACTION)["outputs"]]:
        assert f"`{name}`" in README, name
