"""`placet doctor`: what is set up, where it comes from, what is wrong."""

from __future__ import annotations

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import USAGE


@click.command()
@json_option
@pass_call
def command(call: Call, as_json: bool) -> int:
    """Print every setting with its source, the OPA in use with its digest, and what does not work. Secrets are hidden.

    Where a service keeps evidence and log (server), it is asked whether it is there and knows this caller.

    Exit 0 when all is well, 2 when something is wrong.

    \b
    Example:
      placet doctor
    """
    from placet_api.diagnosis import diagnose

    report = diagnose(call.anywhere(), call.variables, in_ci=call.in_ci)
    if as_json:
        echo_json(report.as_json())
    else:
        click.echo(report.words(), nl=False)
    return 0 if report.healthy else USAGE
