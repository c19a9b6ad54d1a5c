"""What every command gets: the options of the whole call, the project around it, the house it opens."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from placet_api.project import Project, anywhere, open_project


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
