"""The runners of GitHub and GitLab, as far as the examples need them: the scripts run exactly as they are written.

Nothing is replaced inside a script: what GitHub would paste into it would be a hole, and `expressions_in` finds it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

CI: Final = Path(__file__).resolve().parents[2] / "examples" / "ci"
ACTION: Final = CI / "github" / "action.yml"
WORKFLOW: Final = CI / "github" / "workflow.yml"
GITLAB: Final = CI / "gitlab" / "placet.gitlab-ci.yml"
SERVICE: Final = CI / "service.yaml"
PATH: Final = f"{sysconfig.get_path('scripts')}:/usr/bin:/bin"
PATIENCE: Final = 120.0  # seconds; a loaded machine is slow, and that is no failure
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TERM = re.compile(r"\s*(inputs|steps)\.([\w-]+)(?:\.outputs\.([\w-]+))?\s*(?:\|\|\s*'(\w*)'\s*)?")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a job's step ended. `outputs` are the action's, `summary` is the page of the job."""

    code: int
    out: str
    err: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""


def read(path: Path) -> dict[str, Any]:
    """A YAML file as both runners read it: a mapping."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def expressions_in(text: str) -> list[str]:
    """What GitHub would replace in a text."""
    return [found.strip() for found in _EXPRESSION.findall(text)]


def variables_of(workspace: Path, temporary: Path, **more: str) -> dict[str, str]:
    """The environment of a fresh runner that has Placet on its path, with what a test gives it."""
    return {
        "PATH": PATH,
        "HOME": str(temporary),
        "LANG": "C.UTF-8",
        "PWD": str(workspace),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(temporary)),
        "PLACET_CLIENT_TIMEOUT": "60",
        "PLACET_OPA_TIMEOUT": "60",
        **more,
    }


def run_action(inputs: Mapping[str, str], workspace: Path, **variables: str) -> Ran:
    """Run the composite action in a workspace, as GitHub's runner does. `variables` are the job's."""
    action = read(ACTION)
    assert inputs.keys() <= action["inputs"].keys()
    given = {name: str(about.get("default", "")) for name, about in action["inputs"].items()} | dict(inputs)
    temporary = Path(tempfile.mkdtemp(prefix="runner-", dir=workspace.parent))
    base = {"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(temporary)}
    steps: dict[str, dict[str, str]] = {}
    code, out, err, summary = 0, "", "", ""
    for number, step in enumerate(action["runs"]["steps"]):
        assert step["shell"] == "bash"
        files = {name: temporary / f"{name}-{number}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.touch()
        script = temporary / f"step-{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        told = {name: evaluate(str(value), given, {}) for name, value in step.get("env", {}).items()}
        places = {name: str(file) for name, file in files.items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        ran = _run(
            command, workspace, variables_of(workspace, temporary, **base, **places, **variables) | told
        )
        out, err = out + ran.stdout, err + ran.stderr
        summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        steps[step.get("id", "")] = _outputs(files["GITHUB_OUTPUT"])
        code = ran.returncode
        if code:
            break
    outputs = {name: evaluate(about["value"], given, steps) for name, about in action["outputs"].items()}
    return Ran(code, out, err, outputs, summary)


def run_gitlab(shell: str, workspace: Path, job: Mapping[str, str], **variables: str) -> Ran:
    """Run the job `.placet-gate` under a shell, as GitLab's runner does; `job` are the variables of one that extends
    it, `variables` what the runner itself gives.
    """
    template = read(GITLAB)[".placet-gate"]
    assert job.keys() <= template["variables"].keys()
    temporary = Path(tempfile.mkdtemp(prefix="runner-", dir=workspace.parent))
    script = temporary / "job.sh"
    script.write_text("\n".join(template["script"]), encoding="utf-8")
    base = {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(workspace)}
    environment = variables_of(workspace, temporary, **base, **variables) | template["variables"] | dict(job)
    ran = _run([shell, "-e", str(script)], workspace, environment)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def evaluate(text: str, inputs: Mapping[str, str], steps: Mapping[str, Mapping[str, str]]) -> str:
    """A value with its expressions replaced: inputs, outputs of steps, and a text for where there is none."""

    def value(found: re.Match[str]) -> str:
        term = _TERM.fullmatch(found[1])
        assert term is not None, f"an expression that this runner does not know: {found[0]}"
        where, name, output, otherwise = term.groups()
        said = inputs[name] if where == "inputs" else steps.get(name, {}).get(output or "", "")
        return said or otherwise or ""

    return _EXPRESSION.sub(value, text)


def _run(
    command: Sequence[str], workspace: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=workspace,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _outputs(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert all("=" in line for line in lines)
    return dict(line.split("=", 1) for line in lines)
