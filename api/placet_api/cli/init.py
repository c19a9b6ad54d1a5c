"""`placet init`: a working project."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False), metavar="[DIR]")
@click.option("--principal", metavar="NAME", help="Who you are in trust.yaml (default: user@host).")
@click.option("--example", is_flag=True, help="Add a small trained model with its data, ready for the gate.")
def command(folder: Path, principal: str | None, example: bool) -> int:
    """Make placet.yaml, trust.yaml, a developer key, a log key and a .gitignore line in DIR.

    The developer key has no approver role: whoever asks must not approve.

    \b
    Example:
      placet init churn && cd churn
    """
    from placet_api.initialise import initialise

    made = initialise(folder, principal, example=example)
    for path, words in made:
        click.echo(f"made {path}: {words}", err=True)
    enter = "" if folder == Path() else f"cd {folder} && "
    click.echo("Next:", err=True)
    click.echo(f"  {enter}placet gate register {'model.json' if example else 'PATH'}", err=True)
    return 0
