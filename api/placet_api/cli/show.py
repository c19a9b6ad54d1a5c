"""`placet show`: one page on an artifact."""

from __future__ import annotations

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option


@click.command()
@click.argument("artifact")
@json_option
@pass_call
def command(call: Call, artifact: str, as_json: bool) -> int:
    """Show identity, names, statements and decisions of ARTIFACT.

    \b
    Example:
      placet show churn-model@2026.11.2
    """
    from placet_api.showing import page, words
    from placet_api.wiring import open_house

    project, remote = call.reach()
    if remote is not None:
        found = remote.page(remote.resolve(artifact, reading=True).digest)
    else:
        with open_house(project) as house:
            found = page(house, artifact)
    if as_json:
        echo_json(found)
    else:
        click.echo(words(found), nl=False)
    return 0
