"""`placet policy`: the policy set."""

from __future__ import annotations

from pathlib import Path

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import DENY, UsageError


@click.group()
def command() -> None:
    """List, show, test and build the policy set."""


@command.command("list")
@json_option
@pass_call
def list_(call: Call, as_json: bool) -> int:
    """List the rules with their codes, titles and the requirements they serve.

    \b
    Example:
      placet policy list
    """
    from placet_api.policies import catalogue

    rules = catalogue(call.anywhere())
    if as_json:
        echo_json(rules)
        return 0
    for code, rule in rules.items():
        click.echo(f"{code:<34} {rule['title']}  [{', '.join(rule['requirements'])}]")
    return 0


@command.command()
@click.argument("code")
@json_option
@pass_call
def show(call: Call, code: str, as_json: bool) -> int:
    """Show one rule: what it asks, how it is satisfied, where it runs.

    \b
    Example:
      placet policy show change.approved
    """
    from placet_api.policies import one_rule, words

    rule = one_rule(call.anywhere(), code)
    if as_json:
        echo_json({"code": code, **rule})
    else:
        click.echo(words(code, rule), nl=False)
    return 0


@command.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@pass_call
def test(call: Call, folder: Path | None) -> int:
    """Format, type and unit tests of a policy folder with OPA's own tools; coverage must be whole.

    \b
    Example:
      placet policy test policies/
    """
    from placet_api.policies import run_tests

    failed = False
    for title, ok, output in run_tests(call.anywhere(), folder):
        click.echo(f"{'ok    ' if ok else 'FAILED'} {title}")
        if not ok:
            click.echo(output.rstrip())
        failed = failed or not ok
    return DENY if failed else 0


@command.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the bundle.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail when the generated files are out of date.")
@pass_call
def build(call: Call, folder: Path | None, target: Path | None, check: bool) -> int:
    """Generate the rule index, compile with the allowed builtins only, and write the bundle, the same bytes each time.

    \b
    Example:
      placet policy build policies/ --to placet.tar.gz
    """
    from placet_api.policies import build as build_set

    for line in build_set(call.anywhere(), folder, target, check=check):
        click.echo(line)
    return 0


@command.command("catalogue")
@json_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a markdown table.")
@click.option("--controls", is_flag=True, help="The control matrix: each control, its rules, their gates.")
@pass_call
def catalogue_(call: Call, as_json: bool, as_markdown: bool, controls: bool) -> int:
    """Print the rule catalogue with the gates that ask each rule, or the control matrix.

    \b
    Examples:
      placet policy catalogue --markdown > rules.md
      placet policy catalogue --controls
    """
    from placet_api import catalogue

    if as_json and as_markdown:
        raise UsageError("usage.output", "--json and --markdown are two outputs", hint="ask for one of them")
    found = catalogue.document(call.anywhere())
    if as_json:
        echo_json(found["controls"] if controls else found)
        return 0
    if as_markdown:
        render = catalogue.controls_markdown if controls else catalogue.rules_markdown
    else:
        render = catalogue.controls_text if controls else catalogue.rules_text
    click.echo(render(found), nl=False)
    return 0
