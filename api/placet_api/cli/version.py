"""`placet version`."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the version of Placet and of the OPA it is tested with.

    \b
    Example:
      placet version
    """
    from placet_api.version import OPA_VERSION, VERSION

    click.echo(f"placet {VERSION} (OPA {OPA_VERSION})")
