"""`placet trust`: the trust policy and the pin over all anchors."""

from __future__ import annotations

from collections.abc import Sized

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import ALLOW, CLOSED, UsageError


@click.group()
def command() -> None:
    """Check, explain and pin the trust policy."""


def _counted(items: Sized, word: str) -> str:
    return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"


@command.command()
@pass_call
def check(call: Call) -> int:
    """Read trust.yaml and every key it names; say what is wrong, with line numbers.

    \b
    Example:
      placet trust check
    """
    from placet_attestations.suggest import did_you_mean
    from placet_attestations.trust import load_trust

    project = call.project()
    path = project.path("trust")
    trust = load_trust(path)
    click.echo(
        f"{path.name}: valid; {_counted(trust.signers, 'signer')}, {_counted(trust.rules, 'rule')}, "
        f"{_counted(trust.revoked, 'revocation')}"
    )
    for signer in trust.signers:
        if not trust.explain(signer=signer.id):
            click.echo(f"  note: {signer.id} has no rule that lets it say anything")
    for remark in trust.remarks():
        click.echo(f"  note: {remark}")
    named = {role for rule in trust.rules for role in rule.roles}
    for signer in trust.signers:
        for role in sorted(signer.roles - named):
            click.echo(
                f"  note: {signer.id} has a role {role}, which no rule names{did_you_mean(role, sorted(named))}"
            )
    return 0


@command.command()
@click.option("--signer", metavar="ID", help="Only this signer.")
@click.option("--type", "kind", metavar="TYPE", help="Only this type of statement.")
@json_option
@pass_call
def explain(call: Call, signer: str | None, kind: str | None, as_json: bool) -> int:
    """Say who may say what about which kind of artifact.

    \b
    Example:
      placet trust explain --type approval
    """
    from placet_api.drafting import type_uri
    from placet_attestations.trust import load_trust, recognised

    trust = load_trust(call.project().path("trust"))
    if signer is not None and signer not in [record.id for record in trust.signers]:
        raise UsageError(
            "trust.unknown_signer", f"trust.yaml has no signer {signer}", hint="placet trust check"
        )
    if kind is not None:
        type_uri(kind)
    grants = trust.explain(signer=signer, short_type=kind)
    if as_json:
        echo_json(
            [
                {
                    "signer": grant.signer,
                    "recognised": recognised(trust, grant.signer),
                    "principal": grant.principal,
                    "roles": grant.roles,
                    "type": grant.type,
                    "kinds": grant.kinds,
                    "threshold": grant.threshold,
                    "may_name": grant.may_name,
                    "may_alias": grant.may_alias,
                }
                for grant in grants
            ]
        )
        return 0
    said: set[str] = set()
    for grant in grants:
        words = recognised(trust, grant.signer)
        if words is not None and grant.signer not in said:
            said.add(grant.signer)
            click.echo(f"{grant.signer} is {words}")
        names = f", may name {' '.join(grant.may_name)}" if grant.may_name else ""
        quorum = f", {grant.threshold} together" if grant.threshold > 1 else ""
        who = f"{grant.signer} ({grant.principal}) as {'/'.join(grant.roles)}"
        click.echo(f"{who}: {grant.type} about {', '.join(grant.kinds)}{names}{quorum}")
    return 0


@command.command()
@json_option
@pass_call
def digest(call: Call, as_json: bool) -> int:
    """Print the one digest that pins all trust anchors, for --anchors or PLACET_ANCHORS in CI.

    It covers trust.yaml with its keys, the policy set and its settings, OPA, the store and the log key.

    \b
    Example:
      export PLACET_ANCHORS=$(placet trust digest)
    """
    from placet_api.wiring import open_house

    with open_house(call.house_project()) as house:
        anchors = house.anchors
    if as_json:
        echo_json({**anchors.as_json(), "digest": anchors.digest})
    else:
        click.echo(anchors.digest)
    return 0


@command.command()
@json_option
@pass_call
def roots(call: Call, as_json: bool) -> int:
    """List the trusted roots: where each is from, how old it is, and which authorities and logs it holds.

    \b
    Example:
      placet trust roots
    """
    from placet_api.root_report import as_json as root_json
    from placet_api.root_report import seen, words

    found = seen(call.project())
    if as_json:
        echo_json([root_json(root) for root in found])
    else:
        click.echo("\n".join(words(root) for root in found) or "trust.yaml uses no trusted root")
    return 0


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@json_option
@pass_call
def refresh(call: Call, ids: tuple[str, ...], as_json: bool) -> int:
    """Fetch what TUF says of the roots that it keeps fresh (all, or these), verify it, and keep it.

    A running service does this by itself, and takes over within a minute what is fetched here. Exit 0 when all were
    fetched, 3 when one was not: what was fetched before then goes on.

    \b
    Example:
      placet trust refresh
    """
    from placet_api.root_report import refresh_all

    done = refresh_all(call.project(), ids)
    if as_json:
        echo_json([one.as_json() for one in done])
    else:
        click.echo("\n".join(one.words() for one in done) or "no root is kept fresh by TUF")
    return ALLOW if all(one.error is None for one in done) else CLOSED
