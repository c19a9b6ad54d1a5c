"""`placet attest TYPE --explain`: the fields of a predicate, and the rules that read such statements."""

from __future__ import annotations

import click

from placet_api.cli.context import Call
from placet_api.drafting import describe, fields_of, type_uri
from placet_api.errors import UsageError


def explain_type(call: Call, kind: str) -> None:
    """Print both. Raises `UsageError` `attest.type` for a type without a schema of ours."""
    from placet_attestations.predicate_schemas import schema as predicate_schema

    schema = predicate_schema(type_uri(kind))
    if schema is None:
        raise UsageError(
            "attest.type", f"{kind} has no schema here: such a statement is kept, and satisfies no rule"
        )
    click.echo(f"{kind}  {type_uri(kind)}")
    click.echo(f"  {schema.get('description', '')}")
    for name, need, words in describe(fields_of(schema, kind)):
        click.echo(f"  {name:<28} {need:<9} {words}")
    from placet_api.policies import rules_reading, unwaivable

    if kind == "waiver":
        never = ", ".join((*unwaivable(call.anywhere()), "policy.*"))
        click.echo(
            "no rule asks for it: it sets aside the rule that scope.rule names, where a gate takes waivers"
        )
        click.echo(f"  never set aside: {never}")
        return
    reading = rules_reading(call.anywhere(), kind)
    click.echo("rules that read it:" if reading else "no rule asks for it")
    for code, title in reading:
        click.echo(f"  {code:<34} {title}")
