"""What every command gets: the options of the whole call, the project around it, the house it opens."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from placet_api.project import Project, anywhere, find_root, open_project

if TYPE_CHECKING:
    from placet_api.client.remote import Remote


@dataclass(slots=True)
class Call:
    """One call of `placet`."""

    options: Mapping[str, str | None]
    debug: bool = False
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def project(self) -> Project:
        """The project around the working directory; an error where there is none."""
        return open_project(Path.cwd(), self.options, self.variables)

    def anywhere(self) -> Project:
        """The project, or the bare working directory."""
        return anywhere(Path.cwd(), self.options, self.variables)

    def reach(self) -> tuple[Project, Remote | None]:
        """The project, and the service that keeps its evidence and log; with one, no project is needed here.

        Raises as `project` and `client.remote.connect` do.
        """
        project = self.anywhere()
        if project.settings.optional("server") is None:
            return project if find_root(project.cwd) is not None else self.project(), None
        from placet_api.client.remote import connect

        return project, connect(project, self.variables, in_ci=self.in_ci)

    @property
    def in_ci(self) -> bool:
        """Whether `CI` is set (interface.md section 1, anchors)."""
        return self.variables.get("CI", "").lower() not in ("", "0", "false")


pass_call = click.make_pass_decorator(Call)


def echo_json(value: Any) -> None:
    """A JSON document, alone on standard output."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False))


def colour() -> bool:
    """Whether standard output is a terminal that may be painted (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
