"""The table of the room's README says of every call what is served: who may make it."""

from __future__ import annotations

from pathlib import Path

from placet_api.http.callers import ROLES
from placet_api.http.calls import CALLS

README = Path(__file__).parents[3] / "api/README.md"


def rows() -> list[list[str]]:
    """The cells of the table below "Who may call what"."""
    section = (
        README.read_text(encoding="utf-8").partition("\n## Who may call what\n")[2].partition("\n## ")[0]
    )
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]


def test_the_readme_names_every_call_with_its_roles() -> None:
    heads, _, *table = rows()
    assert heads == ["call", *ROLES, "what"]
    told = {
        call.strip("`"): (
            frozenset(role for role, mark in zip(ROLES, marks, strict=True) if mark == "✓"),
            what,
        )
        for call, *marks, what in table
    }
    served = {f"{call.method} {call.path.replace(':path}', '}')}": (call.roles, call.words) for call in CALLS}
    assert told == served
    assert len(table) == len(told)
