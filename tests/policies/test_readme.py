"""The README of the policy set counts what the set has, and names commands that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

POLICIES = Path(__file__).parents[2] / "policies"


def test_the_readme_counts_rules_and_guards() -> None:
    text = (POLICIES / "README.md").read_text(encoding="utf-8")
    index = json.loads((POLICIES / "placet/index/data.json").read_text(encoding="utf-8"))
    guards = re.findall(r"^#   code: (\S+)", (POLICIES / "placet/main/main.rego").read_text(), re.MULTILINE)
    rules = [
        code
        for file in POLICIES.glob("placet/rules/*/*.rego")
        for code in re.findall(r"^#   code: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert f"{len(rules)} rules and {len(guards)} guards" in text
    assert f"shows {len(rules) + len(guards)} lines" in text
    assert all(f"`{code}`" in text for code in guards)
    assert all(json.dumps(code) in json.dumps(index) for code in (*rules, *guards))
    assert not re.search(r"^opa ", text, re.MULTILINE)
