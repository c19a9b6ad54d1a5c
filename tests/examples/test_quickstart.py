"""The quickstart is true: it ends well, and each command line that it shows is one that it ran."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "run.py"
ANCHORS = re.compile(r"sha256:[0-9a-f]{64}")


def test_the_story_is_told_to_its_end_and_every_line_of_it_was_run(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(QUICKSTART), "--folder", str(tmp_path / "demo")],
        env=os.environ
        | {"CI": "true", "PLACET_TRUST": "/nowhere", "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = re.findall(r"^\$ (.*)$", ran.stdout, re.MULTILINE)
    (count,) = re.findall(r"^(\d+) commands, every one ended as told", ran.stdout, re.MULTILINE)
    assert len(shown) == int(count)
    assert sum("placet " in line for line in shown) >= 25
    # What a reader copies must be a command: no placeholders, no ellipses.
    assert not [line for line in shown if "…" in line or "<" in line]
    told = story_commands(QUICKSTART.read_text(encoding="utf-8"))
    assert [line for line in told if not any(same(line, other) for other in shown)] == []
    for words in (
        "\nNON PLACET  promote/production  tumour-classifier",
        "\nPLACET  promote/production  tumour-classifier",
        "\nPLACET  promote/production  tumour-server",
        "its principal is the requester",
        "trust.role_missing",
        "trust.changed",
        "is whole: all of its",
        "proved: entry ",
        "log.no_key",
        "was changed: entry ",
    ):
        assert words in ran.stdout, words
    for user in ("CI:", "Kubernetes:", "Auditor:"):
        assert user in ran.stdout
    assert "\x1b" not in ran.stdout


def story_commands(source: str) -> list[str]:
    """The literal command lines in the story's source: those without anything to fill in."""
    return [line for line in re.findall(r'story\.run\(\s*"(placet [^"]*)"', source) if "{" not in line]


def same(start: str, shown: str) -> bool:
    """Whether a shown line is this command, or begins with it where the source breaks it into several texts."""
    return ANCHORS.sub("", shown).removeprefix("CI=true PLACET_ANCHORS= ").startswith(start)
