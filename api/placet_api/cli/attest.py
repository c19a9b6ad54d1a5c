"""`placet attest`: sign a statement about an artifact."""

from __future__ import annotations

from pathlib import Path

import click

from placet_api.cli.context import Call, pass_call
from placet_api.cli.options import expect_option, signer_option
from placet_api.errors import UsageError


@click.command()
@click.argument("kind", metavar="TYPE")
@click.argument("artifact", required=False)
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The predicate, YAML or JSON.",
)
@click.option("--explain", is_flag=True, help="List the fields of TYPE and the rules that read them.")
@signer_option
@expect_option
@pass_call
def command(
    call: Call,
    kind: str,
    artifact: str | None,
    file: Path | None,
    explain: bool,
    signer: str | None,
    expect: str | None,
) -> int:
    """Sign a statement of TYPE about ARTIFACT, and take it in.

    TYPE is dataset, measurement, approval, waiver, deployment, or the URI of any predicate type.

    \b
    Examples:
      placet attest dataset data/train.csv --from dataset.yaml --as data-owner
      placet attest dataset --explain
    """
    if explain:
        from placet_api.cli.explain import explain_type

        explain_type(call, kind)
        return 0
    if artifact is None:
        raise UsageError(
            "usage.artifact", "ARTIFACT is missing", hint="placet attest TYPE ARTIFACT --from FILE"
        )
    if file is None:
        from placet_api.drafting import BY_COMMAND

        hint = (
            f"this type has its own command:  {BY_COMMAND[kind]}"
            if kind in BY_COMMAND
            else f"see its fields:  placet attest {kind} --explain"
        )
        raise UsageError("attest.no_predicate", "--from FILE is missing", hint=hint)
    from placet_api.drafting import from_file
    from placet_api.signing import signer_named
    from placet_api.wiring import open_house

    project = call.kept_here("attest")
    with open_house(project) as house:
        subject = house.resolve(artifact, reading=False, expect=expect)
        taken = house.sign_and_take_in(from_file(kind, subject, file), signer_named(project, signer))
    click.echo(f"attested {kind}: {subject.label}  {subject.digest}", err=True)
    click.echo(f"statement {taken.digest}  log entry {taken.entry}", err=True)
    return 0
