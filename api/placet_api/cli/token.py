"""`placet token`: the tokens by which the service's callers are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.http.callers import ROLES
from placet_api.printable import printable

if TYPE_CHECKING:
    from placet_api.http.tokens import TokenStore


@click.group()
def command() -> None:
    """Make, list and revoke the tokens of the service's callers."""


@contextmanager
def _tokens(call: Call, verb: str) -> Iterator[TokenStore]:
    from placet_api.http.tokens import TokenStore

    tokens = TokenStore(call.kept_here(f"token {verb}").database())
    try:
        yield tokens
    finally:
        tokens.close()


@command.command()
@click.argument("principal")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(tuple(ROLES)), help="Repeatable."
)
@click.option(
    "--days",
    default=90.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True, max=3660),
    help="How long it is valid.",
)
@pass_call
def new(call: Call, principal: str, roles: tuple[str, ...], days: float) -> int:
    """Make a token for PRINCIPAL and print it, once: the store keeps only its hash.

    \b
    Example:
      placet token new ci@example.org --role submitter --role gate --days 30
    """
    with _tokens(call, "new") as tokens:
        token, record = tokens.new(principal, roles, days, datetime.now(UTC))
    click.echo(token)
    words = f"token {record.id} of {record.principal}: {', '.join(record.roles)}, until {record.expires}"
    click.echo(printable(words), err=True)
    return 0


@command.command("list")
@json_option
@pass_call
def list_(call: Call, as_json: bool) -> int:
    """List all tokens, never their secrets.

    \b
    Example:
      placet token list
    """
    with _tokens(call, "list") as tokens:
        found = tokens.all()
    if as_json:
        echo_json([asdict(record) for record in found])
        return 0
    for record in found:
        state = f"until {record.expires}" if record.revoked is None else f"revoked {record.revoked}"
        click.echo(printable(f"{record.id}  {record.principal}  {', '.join(record.roles)}  {state}"))
    return 0


@command.command()
@click.argument("name", metavar="ID")
@pass_call
def revoke(call: Call, name: str) -> int:
    """Revoke a token; a running service refuses it from its next request on.

    \b
    Example:
      placet token revoke 3f9a0c12d4e5
    """
    with _tokens(call, "revoke") as tokens:
        tokens.revoke(name, datetime.now(UTC))
    click.echo(f"revoked {name}", err=True)
    return 0
