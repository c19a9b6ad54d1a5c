"""The rule catalogue and the control matrix, generated from the words of the rules and the settings of the gates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from placet_api.policies import catalogue, load
from placet_api.printable import printable
from placet_api.project import Project

_EVERYWHERE = "policy."  # checks of the policy set on itself: asked at every gate, so in no collection


def document(project: Project) -> dict[str, Any]:
    """Gates, rules and controls by name.

    `gates` says mode, collections and rules of each; `rules` are the words of the index with the `gates` that ask
    each; `controls` is the matrix: which rules serve a control, and at which gates.
    Raises `ConfigurationError` and `PolicyError` as `policies.catalogue` and `policies.load` do.
    """
    settings = load(project).settings().get("gates")
    # Words only: a policy set that was never accepted is shown as far as it can be read.
    named = settings.items() if isinstance(settings, Mapping) else ()
    gates = {name: gate for name, gate in named if isinstance(gate, Mapping)}
    rules = {
        code: {**rule, "gates": sorted(_asking(code, rule, gates))}
        for code, rule in catalogue(project).items()
    }
    return {
        "gates": {name: _gate(name, gate, rules) for name, gate in sorted(gates.items())},
        "rules": rules,
        "controls": _controls(rules),
    }


def _asking(code: str, rule: Mapping[str, Any], gates: Mapping[str, Any]) -> Iterator[str]:
    mine = set(rule.get("collections") or ())
    for name, gate in gates.items():
        if code.startswith(_EVERYWHERE) or mine & set(gate.get("collections") or ()):
            yield name


def _gate(name: str, gate: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "description": gate.get("description", ""),
        "mode": gate.get("mode", ""),
        "collections": list(gate.get("collections") or ()),
        "rules": [code for code, rule in rules.items() if name in rule["gates"]],
    }


def _controls(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    serving: dict[str, list[str]] = {}
    for code, rule in rules.items():
        for control in rule.get("controls") or ():
            serving.setdefault(control, []).append(code)
    return {
        control: {"rules": codes, "gates": sorted({gate for code in codes for gate in rules[code]["gates"]})}
        for control, codes in sorted(serving.items())
    }


def rules_markdown(found: Mapping[str, Any]) -> str:
    """The rule catalogue as a markdown table."""
    heads = ("Rule", "Title", "Severity", "Gates", "Requirements", "Controls", "To do")
    rows = (
        (
            code,
            rule["title"],
            rule.get("severity", ""),
            _listed(rule["gates"]),
            _listed(rule.get("requirements")),
            _listed(rule.get("controls")),
            rule.get("solution", ""),
        )
        for code, rule in found["rules"].items()
    )
    return _table(heads, rows)


def controls_markdown(found: Mapping[str, Any]) -> str:
    """The control matrix as a markdown table."""
    rows = (
        (control, _listed(row["rules"]), _listed(row["gates"])) for control, row in found["controls"].items()
    )
    return _table(("Control", "Rules", "Gates"), rows)


def rules_text(found: Mapping[str, Any]) -> str:
    """The rule catalogue for a terminal."""
    lines = []
    for code, rule in found["rules"].items():
        lines.append(f"{code}: {rule['title']}  ({rule.get('severity') or 'no severity'})")
        lines += [
            f"  {name:<13} {_listed(rule.get(name)) or '-'}" for name in ("gates", "requirements", "controls")
        ]
    return _lines(lines)


def controls_text(found: Mapping[str, Any]) -> str:
    """The control matrix for a terminal."""
    lines = []
    for control, row in found["controls"].items():
        lines += [control, f"  rules  {_listed(row['rules'])}", f"  gates  {_listed(row['gates']) or '-'}"]
    return _lines(lines)


def _listed(words: Iterable[str] | None) -> str:
    return ", ".join(words or ())


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{printable(line)}\n" for line in lines)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(heads)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~@])", r"\\\1", printable(" ".join(str(text).split())))
