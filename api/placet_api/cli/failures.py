"""Errors as words on standard error, and as exit codes."""

from __future__ import annotations

import traceback

import click

from placet_api.errors import CLOSED, HOUSE_ERRORS, HouseError, exit_code
from placet_api.printable import printable


def report(error: Exception, *, debug: bool) -> int:
    """Say what happened, where, and what to do; returns the exit code. A bug says that it is one, and is closed."""
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if isinstance(error, HOUSE_ERRORS):
        return tell("placet", error)
    click.echo(f"placet: internal.error: {type(error).__name__}: {printable(error)}", err=True)
    click.echo("  this is a bug in Placet; run again with --debug, and report what it prints", err=True)
    return CLOSED


def tell(prefix: str, error: HouseError) -> int:
    """One error of the house in words; returns its exit code."""
    click.echo(f"{prefix}: {error.code}: {printable(error, lines=True)}", err=True)
    if error.hint:
        click.echo(f"  {printable(error.hint, lines=True)}", err=True)
    return exit_code(error)
