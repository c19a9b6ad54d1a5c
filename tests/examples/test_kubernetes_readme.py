"""What the README of examples/kubernetes says of the image and the Secret is what the Deployment runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "examples" / "kubernetes"
README: Final = (FOLDER / "README.md").read_text(encoding="utf-8")


def pod() -> dict[str, Any]:
    spec = yaml.safe_load((FOLDER / "deployment.yaml").read_text())["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def dockerfile() -> dict[str, str]:
    """Each instruction of the Dockerfile in the README, with its words."""
    (text,) = re.findall(r"```dockerfile\n(.*?)```", README, re.DOTALL)
    return dict(line.strip().split(" ", 1) for line in text.splitlines() if line.strip())


def test_the_image_runs_as_the_deployment_wants() -> None:
    made, placet = dockerfile(), pod()["containers"][0]
    assert made["ENTRYPOINT"] == '["placet"]'
    assert placet["args"] == ["serve"]
    assert made["USER"] == f"{pod()['securityContext']['runAsUser']}:{pod()['securityContext']['runAsGroup']}"
    assert made["WORKDIR"] == placet["workingDir"]
    assert re.fullmatch(r"python@sha256:0{64}", made["FROM"])
    (locked,) = (part for part in made["COPY"].split() if part.endswith(".txt"))
    assert "--hash=sha256:" in (ROOT / locked).read_text()


def test_the_secret_holds_what_the_pod_takes_from_it() -> None:
    (name,) = re.findall(r"--from-file=([\w.]+)=\.placet/log\.key", README)
    (keys,) = pod()["initContainers"]
    assert f"/secret/{name}" in keys["command"][-1]


def test_the_pod_has_the_container_that_the_commands_name() -> None:
    named = set(re.findall(r"exec .*deploy/placet -c (\S+)", README))
    assert named == {container["name"] for container in pod()["containers"]}
