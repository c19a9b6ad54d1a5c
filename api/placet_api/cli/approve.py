"""`placet approve`: sign an approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, pass_call
from placet_api.cli.options import expect_option, signer_option

if TYPE_CHECKING:
    from placet_api.artifacts import Resolved
    from placet_attestations.digests import Digest


@click.command()
@click.argument("gate")
@click.argument("artifact")
@click.option(
    "--ticket", required=True, metavar="ID", help="The change ticket that this approval belongs to."
)
@click.option(
    "--system", default="tickets", show_default=True, metavar="NAME", help="The system that keeps the ticket."
)
@click.option("--role", default="approver", show_default=True, help="The role in which you approve.")
@click.option(
    "--days",
    default=14.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True, max=366),
    help="How long it is valid.",
)
@click.option("--reason", metavar="TEXT", help="Words for whoever reads it later.")
@signer_option
@expect_option
@pass_call
def command(
    call: Call,
    gate: str,
    artifact: str,
    ticket: str,
    system: str,
    role: str,
    days: float,
    reason: str | None,
    signer: str | None,
    expect: str | None,
) -> int:
    """Sign an approval of ARTIFACT for GATE. It serves one gate, one environment and one artifact.

    \b
    Example:
      placet approve promote/production model.joblib --ticket CHG-1042 --as approver
    """
    from datetime import UTC, datetime

    from placet_api.drafting import Approval, approval
    from placet_api.signing import signer_named
    from placet_api.wiring import open_house
    from placet_attestations.signing import sign_statement
    from placet_engine.facts import environment_of

    project, remote = call.reach()
    said = Approval(gate, environment_of(gate), ticket, system, role, days, reason)
    if remote is not None:
        # Which gates there are is the service's to know; the key that signs never leaves this machine.
        subject = remote.resolve(artifact, reading=False, expect=expect)
        statement = approval(said, subject, datetime.now(UTC))
        added = remote.add(sign_statement(statement, signer_named(project, signer)))
        _tell(gate, subject, added.digest, added.entry)
        return 0
    with open_house(project) as house:
        house.require_gate(gate)
        subject = house.resolve(artifact, reading=False, expect=expect)
        statement = approval(said, subject, house.clock())
        taken = house.sign_and_take_in(statement, signer_named(project, signer))
    _tell(gate, subject, taken.digest, taken.entry)
    return 0


def _tell(gate: str, subject: Resolved, statement: Digest, entry: int) -> None:
    click.echo(f"approved {gate}: {subject.label}  {subject.digest}", err=True)
    click.echo(f"statement {statement}  log entry {entry}", err=True)
