"""`placet gate`: the decision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, colour, pass_call
from placet_api.cli.options import expect_option, pairs, signer_option
from placet_api.errors import ALLOW, CLOSED, DENY, WARNED, UsageError

if TYPE_CHECKING:
    from placet_api.gating import Asking
    from placet_api.report.shown import Shown

FORMATS = ("text", "json", "markdown", "junit", "sarif", "github", "vsa")


@click.command()
@click.argument("gate")
@click.argument("artifact")
@click.option(
    "--context",
    "context",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the request is about, e.g. ticket=CHG-1.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT[=PATH]",
    help="text, json, markdown, junit, sarif, github or vsa; repeatable.",
)
@click.option(
    "--anchors", metavar="DIGEST", help="What all trust anchors together must be (placet trust digest)."
)
@click.option("--at", metavar="TIME", help="Decide as of this time: a dry run by definition.")
@click.option("--dry-run", is_flag=True, help="Decide and log, but use nothing up.")
@click.option("--fail-on-warn", is_flag=True, help="Exit 4 when it is allowed with warnings or waivers.")
@signer_option
@expect_option
@pass_call
def command(
    call: Call,
    gate: str,
    artifact: str,
    context: tuple[str, ...],
    outputs: tuple[str, ...],
    anchors: str | None,
    at: str | None,
    dry_run: bool,
    fail_on_warn: bool,
    signer: str | None,
    expect: str | None,
) -> int:
    """Ask whether ARTIFACT may pass GATE. The answer is logged before it is shown, and proved by a receipt.

    With --server a service is asked: its evidence, its policy, its log.

    Exit codes: 0 allow, 1 deny, 2 wrong call or configuration, 3 could not evaluate (closed), 4 allowed with warnings
    or waivers (only with --fail-on-warn).

    \b
    Examples:
      placet gate promote/production model.joblib
      placet gate promote/production model.joblib --output json=decision.json --output junit=placet.xml
      placet gate promote/production model.joblib --output text --output vsa=model.vsa.sigstore.json
    """
    from placet_api.gating import Asking

    wanted = _outputs(outputs)
    asking = Asking(
        gate=gate,
        artifact=artifact,
        context=pairs(context, "--context"),
        signer=signer,
        expect=expect,
        at=at,
        dry_run=dry_run,
        anchors=anchors,
        in_ci=call.in_ci,
        summary=any(form == "vsa" for form, _ in wanted),
    )
    shown = _ask(call, asking)
    for form, path in wanted:
        _write(form, path, shown)
    if any(form == "github" for form, _ in wanted):
        _tell_github(call, shown)
    if shown.trouble is not None:
        click.echo(f"placet: {shown.trouble}", err=True)
    if not shown.allowed:
        return CLOSED if shown.body["cause"] == "error" else DENY
    return WARNED if fail_on_warn and shown.warnings() else ALLOW


def _ask(call: Call, asking: Asking) -> Shown:
    from placet_api.gating import ask
    from placet_api.wiring import open_house

    project, remote = call.reach()
    if remote is not None:
        return remote.ask(project, asking)
    with open_house(project) as house:
        return ask(house, asking)


def _tell_github(call: Call, shown: Shown) -> None:
    """GitHub's page of the job and the step's outputs; that they cannot be written changes no verdict."""
    from placet_api.report.github import append_outputs, append_summary

    for variable, append in (("GITHUB_STEP_SUMMARY", append_summary), ("GITHUB_OUTPUT", append_outputs)):
        file = call.variables.get(variable)
        trouble = append(Path(file), shown) if file else None
        if trouble is not None:
            click.echo(f"placet: {trouble}", err=True)


def _outputs(texts: tuple[str, ...]) -> list[tuple[str, Path | None]]:
    wanted = [_output(text) for text in texts] or [("text", None)]
    if sum(path is None for _, path in wanted) > 1:
        raise UsageError(
            "usage.output",
            "only one output can have standard output",
            hint="give the others a file:  --output text --output junit=placet.xml",
        )
    files = [os.path.realpath(path) for _, path in wanted if path is not None]
    if twice := sorted({file for file in files if files.count(file) > 1}):
        raise UsageError(
            "usage.output",
            "two outputs name the same file, and one would write over the other",
            where=twice[0],
            hint="give each a file of its own",
        )
    return wanted


def _output(text: str) -> tuple[str, Path | None]:
    form, equals, path = text.partition("=")
    if form not in FORMATS:
        raise UsageError(
            "usage.output", f"no output format is called {form!r}", hint=f"one of {', '.join(FORMATS)}"
        )
    if equals and not path:
        raise UsageError("usage.output", f"--output {form}= names no file", hint=f"write {form}=PATH")
    if equals and not Path(path).parent.is_dir():
        folder = str(Path(path).parent)
        raise UsageError("usage.output", "there is no such folder", where=folder, hint="make it first")
    return form, Path(path) if equals else None


def _write(form: str, path: Path | None, shown: Shown) -> None:
    from placet_api.report import render

    text = render(form, shown, colour=path is None and colour())
    if path is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "usage.output", f"cannot write the {form} output: {error.strerror}", where=str(path)
        ) from error
