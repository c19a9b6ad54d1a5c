"""`placet log`: what was decided, and the proof of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from placet_api.cli.context import Call, colour, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import DENY, UsageError
from placet_api.printable import printable

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def command() -> None:
    """List, show, verify and prove what was decided."""


def _filters(function: F) -> F:
    """The options by which entries of the log are chosen, and how they are printed."""
    for option in reversed(
        (
            click.option("--gate", metavar="GATE"),
            click.option("--subject", metavar="DIGEST"),
            click.option("--verdict", type=click.Choice(["allow", "deny"])),
            click.option("--since", metavar="TIME", help="RFC 3339."),
            click.option("--until", metavar="TIME", help="RFC 3339."),
            click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000)),
            json_option,
        )
    ):
        function = option(function)
    return function


@command.command("list")
@_filters
@click.option("--all", "everything", is_flag=True, help="Arrivals of evidence, too.")
@pass_call
def list_(call: Call, /, everything: bool, as_json: bool, limit: int, **chosen: str | None) -> int:
    """List decisions, newest first.

    \b
    Example:
      placet log list --verdict deny --since 2026-11-01T00:00:00Z
    """
    kind = None if everything else "decision"
    return _print(_find(call, limit, kind=kind, **chosen), as_json)


@command.command()
@_filters
@click.option("--rule", metavar="CODE", help="Decisions for which this rule was a reason.")
@click.option("--actor", metavar="PRINCIPAL", help="Decisions that this principal asked for.")
@pass_call
def find(call: Call, /, as_json: bool, limit: int, **chosen: str | None) -> int:
    """Find decisions by what they say, newest first; reads further back than `list` where it has to.

    \b
    Example:
      placet log find --rule change.approved --actor ci@example.org
    """
    return _print(_find(call, limit, kind="decision", **chosen), as_json)


def _find(call: Call, limit: int, **chosen: str | None) -> list[dict[str, Any]]:
    from placet_api.logbook import rows
    from placet_api.wiring import open_house
    from placet_attestations.digests import Digest
    from placet_attestations.times import parse_time

    given = {key: value for key, value in chosen.items() if value is not None}
    if "subject" in given:
        Digest.parse(given["subject"])
    times = {key: parse_time(given[key]) for key in ("since", "until") if key in given}
    project, remote = call.reach()
    if remote is not None:
        return remote.find(limit=limit, **given)
    with open_house(project) as house:
        return rows(
            house.reading_log,
            kind=given.get("kind"),
            gate=given.get("gate"),
            subject=given.get("subject"),
            verdict=given.get("verdict"),
            since=times.get("since"),
            until=times.get("until"),
            limit=limit,
            rule=given.get("rule"),
            actor=given.get("actor"),
        )


def _print(found: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        echo_json(found)
        return 0
    for row in found:
        click.echo(printable(_line(row)))
    return 0


def _line(row: dict[str, Any]) -> str:
    where = f"{row['entry']:>6}  {str(row['time'])[:19]}Z"
    if row["type"] == "admission":
        dry = " (dry run)" if row.get("dryRun") else ""
        place = row.get("environment") or "-"
        return f"{where}  {row['verdict']:<5}{dry}  admission  {place}  {row['id']}  {row.get('code') or ''}"
    if row["type"] != "decision":
        return f"{where}  {row['type']}  {row.get('bundle') or row.get('id') or row.get('why') or ''}"
    reasons = ", ".join(row["reasons"]) if isinstance(row["reasons"], list) else ""
    verdict = f"{row['verdict']:<5}{' (dry run)' if row['dry_run'] else ''}"
    return f"{where}  {verdict}  {row['gate']}  {str(row['subject'])[:19]}…  {row['decision']}  {reasons}"


@command.command()
@click.argument("decision")
@click.option(
    "--output",
    "form",
    type=click.Choice(["text", "json", "markdown", "junit"]),
    default="text",
    show_default=True,
)
@click.option(
    "--input", "facts", is_flag=True, help="Print the policy input instead: exactly what OPA was asked."
)
@pass_call
def show(call: Call, decision: str, form: str, facts: bool) -> int:
    """Show one decision: an id (or its beginning), or the index of an entry.

    \b
    Example:
      placet log show 0193f2
    """
    from placet_api.logbook import find_entry, shown
    from placet_api.report import render
    from placet_api.wiring import open_house

    project, remote = call.reach()
    if remote is not None and facts:
        click.echo(remote.input(decision))
        return 0
    if remote is not None:
        click.echo(render(form, remote.decision(decision), colour=colour()), nl=False)
        return 0
    with open_house(project) as house:
        index = find_entry(house.reading_log, decision)
        if facts:
            click.echo(house.reading_log.payload(index, "input").data)
            return 0
        document = shown(house.reading_log, index)
    click.echo(render(form, document, colour=colour()), nl=False)
    return 0


@command.command()
@click.option(
    "--log-key",
    metavar="VKEY",
    help="The public key to verify with (a file or its text); else this project's log.pub.",
)
@json_option
@pass_call
def verify(call: Call, log_key: str | None, as_json: bool) -> int:
    """Recompute the whole log: every leaf, node, signature, commitment and index column; name the first divergence.

    With --server: every entry and tile that the service hands out, under the key that you bring, and against the head
    that was kept here the last time.

    \b
    Example:
      placet log verify
    """
    project, remote = call.reach()
    if remote is None:
        from placet_api.logbook import audit

        report = audit(project, log_key)
    else:
        from placet_api.client.remote_log import audit_service

        report = audit_service(remote.connection, project, log_key, in_ci=call.in_ci)
    if as_json:
        echo_json(report.as_json())
    else:
        click.echo(report.words)
    return 0 if report.ok else DENY


@command.command()
@click.argument("decision")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to put it (default: ID.placet-proof).",
)
@pass_call
def prove(call: Call, decision: str, target: Path | None) -> int:
    """Write the receipt of one decision: a file that proves it offline, with the log's public key.

    \b
    Example:
      placet log prove 0193f2 --to decision.placet-proof
    """
    from placet_api.logbook import find_entry, receipt_name
    from placet_api.wiring import open_house

    project, remote = call.reach()
    if remote is not None:
        # The document is asked for first: it says under which entry and name the receipt goes.
        document = remote.decision(decision)
        index, name = document.entry, f"{document.body['id']}.placet-proof"
        receipt = remote.proof(document.body["id"])
    else:
        with open_house(project) as house:
            index = find_entry(house.reading_log, decision)
            receipt = house.reading_log.receipt(index)
            name = receipt_name(house.reading_log, index)
    path = target or Path(name)
    try:
        path.write_bytes(receipt)
    except OSError as error:
        raise UsageError(
            "usage.output", f"cannot write the receipt: {error.strerror}", where=str(path)
        ) from error
    click.echo(f"proved entry {index}: {path}", err=True)
    click.echo(f"  anybody checks it with:  placet log check {path} --log-key log.pub", err=True)
    return 0


@command.command()
@click.option("--keep", is_flag=True, help="Keep it outside the store again, when the kept head was lost.")
@pass_call
def checkpoint(call: Call, keep: bool) -> int:
    """Print the newest signed checkpoint: give it to somebody who keeps it for you.

    With --keep, and only when you know that the store is the newest: makes a lost log.head again, after an audit.

    \b
    Example:
      placet log checkpoint > checkpoint.txt
    """
    from placet_api.logbook import checkpoint as newest

    project, remote = call.reach()
    if remote is None:
        click.echo(newest(project, keep=keep), nl=False)
    elif keep:
        raise UsageError(
            "log.not_remote", "a service keeps its own head", hint="use --keep where the store is"
        )
    else:
        click.echo(remote.checkpoint(), nl=False)
    return 0


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--log-key", metavar="VKEY", help="The log's public key, from your own hands: a file or its text."
)
@json_option
def check(file: Path, log_key: str | None, as_json: bool) -> int:
    """Check a receipt offline. The key must be the checker's own: it is never taken from the receipt or a store.

    \b
    Example:
      placet log check decision.placet-proof --log-key log.pub
    """
    from placet_api.logbook import check_file
    from placet_api.report import render

    if log_key is None:
        raise UsageError(
            "log.no_key",
            "a receipt proves nothing without the log's public key from your own hands",
            hint=f"placet log check {file} --log-key log.pub",
        )
    checked = check_file(file, log_key)
    if as_json:
        echo_json(checked.as_json())
        return 0
    click.echo(f"proved: entry {checked.index} of {checked.size} in the log {checked.origin}")
    click.echo(render("text", checked.shown, colour=colour()), nl=False)
    return 0
