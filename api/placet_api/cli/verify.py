"""`placet verify`: who said what, and does it hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import DENY
from placet_api.paths import is_file
from placet_api.printable import printable

if TYPE_CHECKING:
    from placet_api.verifying import Row


@click.command()
@click.argument("what", metavar="FILE|ARTIFACT")
@json_option
@pass_call
def command(call: Call, what: str, as_json: bool) -> int:
    """Check signatures, identity and trust of a bundle file, or of every statement held about an artifact.

    A file of bundles is known by what stands in it; every other file is an artifact.

    Exit 0 when everything counts, 1 when something does not, or when nothing is held.

    \b
    Examples:
      placet verify statement.sigstore.json
      placet verify model.joblib
    """
    rows = _rows(call, what)
    if as_json:
        echo_json([row.as_json() for row in rows])
    for row in () if as_json else rows:
        mark = "✓" if row.counts else "✗"
        line = f"{mark} {row.type:<12} {row.who:<36} {row.statement[:19]}…  {row.words}"
        click.echo(printable(line))
    if not rows and not as_json:
        click.echo("nothing is held about it", err=True)
    return 0 if rows and all(row.counts for row in rows) else DENY


def _rows(call: Call, what: str) -> list[Row]:
    from placet_api.bundle_files import holds_bundles
    from placet_api.verifying import verify_artifact, verify_file
    from placet_api.wiring import open_house

    path = Path(what)
    is_bundle = is_file(path) and holds_bundles(path)
    # A file is judged by the trust policy here; only what a service holds is judged by its own.
    project, remote = (call.project(), None) if is_bundle else call.reach()
    if remote is not None:
        return remote.statements(remote.resolve(what, reading=True).digest)
    with open_house(project) as house:
        return verify_file(house, path) if is_bundle else verify_artifact(house, what)
