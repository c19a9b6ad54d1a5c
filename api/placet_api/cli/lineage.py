"""`placet lineage`: what an artifact was made from."""

from __future__ import annotations

import click

from placet_api.cli.context import Call, pass_call


@click.command()
@click.argument("artifact")
@click.option(
    "--output", "form", type=click.Choice(["text", "json", "dot", "svg"]), default="text", show_default=True
)
@pass_call
def command(call: Call, artifact: str, form: str) -> int:
    """Draw the graph of admitted statements from ARTIFACT back to its roots.

    \b
    Example:
      placet lineage model.joblib --output dot | dot -Tsvg > lineage.svg
    """
    from placet_api.wiring import open_house
    from placet_engine.lineage.render import as_dot, as_json, as_text
    from placet_engine.lineage.svg import render_svg

    project, remote = call.reach()
    if remote is not None:
        click.echo(remote.lineage(remote.resolve(artifact, reading=True).digest, form), nl=False)
        return 0
    with open_house(project) as house:
        lineage = house.lineage(house.resolve(artifact, reading=True).digest)
    render = {"text": as_text, "json": as_json, "dot": as_dot, "svg": render_svg}[form]
    click.echo(render(lineage), nl=False)
    return 0
