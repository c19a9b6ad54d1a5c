"""`placet policy`: the policy set."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.failures import tell
from placet_api.cli.options import json_option
from placet_api.errors import DENY, USAGE, UsageError
from placet_api.paths import is_file

if TYPE_CHECKING:
    from placet_api.project import Project
    from placet_engine.errors import PolicyError

# What was given is no policy bundle, or no key that an OPA checks by: a wrong call, and no failure to judge.
_NO_BUNDLE: Final = frozenset(
    {"policy.archive", "policy.empty", "policy.file_name", "policy.key", "policy.too_large"}
)
_KEY_HEAD: Final = 4096


@click.group()
def command() -> None:
    """List, show, test, build, sign and verify the policy set."""


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


@command.command()
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--key", metavar="NAME", help="The private key, a name or a path (http.bundle_key).")
@click.option("--scope", metavar="NAME", help="A scope that OPA's configuration must name, too.")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    required=True,
    help="Where to write the signed bundle.",
)
@pass_call
def sign(call: Call, source: Path | None, key: str | None, scope: str | None, target: Path) -> int:
    """Sign a policy set as OPA checks it: SOURCE is a folder or a bundle, else what this project judges by.

    It is compiled under the allowed builtins first. OPA's configuration names the key by the id that is printed.

    \b
    Example:
      placet key new bundle
      placet policy sign --key bundle --to placet.tar.gz
    """
    from placet_api.policies import write_bundle
    from placet_api.policy_bundles import sign as sign_set
    from placet_engine.errors import PolicyError

    project = call.anywhere()
    private = None if key is None else _private(project, key)
    try:
        signed = sign_set(project, source, private, scope)
    except PolicyError as error:
        return _told(error)
    write_bundle(target, signed.archive)
    click.echo(f"wrote {target}, signed by key {signed.key_id}")
    return 0


@command.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The signer's public key."
)
@click.option("--scope", metavar="NAME", help="The scope that it must be signed for.")
@json_option
@pass_call
def verify(call: Call, bundle: Path, key: Path, scope: str | None, as_json: bool) -> int:
    """Check that a key signed a bundle: every file, nothing but these files, and the revision they make.

    With --json it also prints how OPA's configuration names the key.

    \b
    Example:
      placet policy verify placet.tar.gz --key keys/bundle.pub
    """
    from placet_api.policy_bundles import opa_key
    from placet_api.policy_bundles import verify as verify_set
    from placet_attestations.keys import load_public
    from placet_engine.errors import PolicyError
    from placet_engine.policy.bundle_signature import key_id

    public = load_public(key)
    try:
        named = key_id(public)
        policy = verify_set(call.anywhere(), bundle, public, scope)
    except PolicyError as error:
        return _told(error)
    if as_json:
        echo_json({"revision": policy.revision, "keys": {named: opa_key(public)}})
    else:
        click.echo(f"placet@{policy.revision}  signed by key {named}")
    return 0


def _private(project: Project, name: str) -> Path:
    """The private key file that --key means: a name as --as takes it, or a file. Raises `UsageError` key.public."""
    from placet_api.signing import key_file

    path = project.cwd / name
    if not is_file(path):
        path = key_file(project, name)
    with suppress(OSError), path.open("rb") as file:
        if b"BEGIN PUBLIC KEY" in file.read(_KEY_HEAD):
            raise UsageError(
                "key.public", "this is a public key, and only a private one signs", where=str(path)
            )
    return path


def _told(error: PolicyError) -> int:
    """What went wrong with a bundle, and its exit code: 1 when it is not to be believed, 2 when it is none."""
    code = tell("placet", error)
    return DENY if error.code == "policy.signature" else USAGE if error.code in _NO_BUNDLE else code


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
