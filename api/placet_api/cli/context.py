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

from placet_api.errors import UsageError
from placet_api.project import Project, anywhere, open_project

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

    def house_project(self) -> Project:
        """As `project`, for a verb that needs the project's state, too: a fresh clone has none.

        Raises `ConfigurationError` project.no_state, project.missing.
        """
        project = self.project()
        if (stateless := project.stateless()) is not None:
            raise stateless
        return project

    def reach(self) -> tuple[Project, Remote | None]:
        """The project, and the service that keeps its evidence and log; with one, no project is needed here.

        Raises as `house_project` and `client.remote.connect` do.
        """
        project = self.anywhere()
        if project.settings.optional("server") is None:
            return self.house_project(), None
        from placet_api.client.remote import connect

        return project, connect(project, self.variables, in_ci=self.in_ci)

    def kept_here(self, verb: str) -> Project:
        """As `project`, for a verb that works on the store here: a service cannot be asked for it.

        Raises `UsageError` usage.not_remote when a service is named, lest the wrong store is written to in silence.
        """
        settings = self.anywhere().settings
        if settings.optional("server"):
            source = "--server" if settings.sources["server"] == "option" else settings.sources["server"]
            raise UsageError(
                "usage.not_remote",
                f"`placet {verb}` works on a store here, and a service is named",
                where=source,
                hint="run it where the store is, with no service named",
            )
        return self.house_project()

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
