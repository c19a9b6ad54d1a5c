"""The example is true: examples/kubernetes/run ends well, on the API server that all tests here share."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.kubernetes.apiserver import AUDIT
from tests.kubernetes.cases import CASES, Case
from tests.kubernetes.cluster import Entry
from tests.kubernetes.control_plane import ControlPlane
from tests.kubernetes.example import Got, outcome, show

RUN = Path(__file__).parents[2] / "examples" / "kubernetes" / "run"
HOOK = "admission.placet.dev"
DECISION = "01a20d58-bffb-7f65-a57c-0aee42d28ac2"


@pytest.mark.xdist_group("kubernetes")
def test_every_case_ends_as_the_table_says(plane: ControlPlane) -> None:
    ran = subprocess.run(
        [str(RUN), "--kubeconfig", str(plane.kubeconfig)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(CASES)} cases, {len(CASES)} as expected, 0 not" in ran.stdout
    assert len(CASES) >= 25
    assert re.findall(r"^ ?\d+  (.{41})", ran.stdout, re.MULTILINE) == [f"{case.name:<41}" for case in CASES]
    assert len({case.name for case in CASES}) == len(CASES)
    notes = audited(plane)
    allowed = [note for note in notes if note.get(f"{HOOK}/gate") == "running/staging"]
    assert all(note[f"{HOOK}/decisions"] and note[f"{HOOK}/entry"] for note in allowed)
    assert any(note.get(f"{HOOK}/dry-run") == "true" for note in allowed)
    assert {note.get(f"{HOOK}/code") for note in notes} >= {"image.tag_only", "lineage.subject_known"}


def audited(plane: ControlPlane) -> list[dict[str, str]]:
    """What the webhook had written into the API server's own audit log."""
    lines = (plane.folder / AUDIT).read_text(encoding="utf-8").splitlines()
    return [found for line in lines if (found := json.loads(line).get("annotations"))]


def said(code: int, words: str) -> CompletedProcess[str]:
    return CompletedProcess([], code, "", words)


@pytest.mark.parametrize(
    ("ran", "entry", "text", "decision"),
    [
        (said(0, ""), None, "allowed, not judged", ""),
        (said(0, ""), Entry("e", ("a/b", "c/d"), ("x",), False), "allowed by a/b, c/d", "x"),
        (said(0, ""), Entry("e", ("a/b",), ("x",), True), "allowed by a/b (dry)", "x"),
        (said(1, 'failed calling webhook "x": refused'), None, "refused: no answer", ""),
        (said(1, "pods is forbidden"), None, "refused: not by Placet", ""),
        (said(1, "denied the request: no"), None, "refused: not by Placet", ""),
        (
            said(1, f"denied the request: 1 image\nx: y\n  a.b: no\n  c.d: no\n  placet log show {DECISION}"),
            Entry("e", ("a/b",), (DECISION,), True),
            "refused: a.b (dry)",
            DECISION,
        ),
    ],
)
def test_what_came_of_a_case(
    ran: CompletedProcess[str], entry: Entry | None, text: str, decision: str
) -> None:
    got = outcome(ran, entry)
    assert (got.text, got.decision) == (text, decision)


def test_a_wrong_case_is_counted_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [Case(name, name, lambda _: said(0, "")) for name in ("right", "wrong")]
    assert show(lambda _: Got("right", said="a word"), cases, words=True) == 1
    shown = capsys.readouterr().out
    assert "<-- WRONG" in shown.splitlines()[3]
    assert "2 cases, 1 as expected, 1 not" in shown
    assert "      | a word" in shown
