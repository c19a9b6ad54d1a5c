"""`placet key`: local signing keys."""

from __future__ import annotations

from pathlib import Path

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import UsageError


@click.group()
def command() -> None:
    """Make, list, show and import local signing keys."""


@command.command()
@click.argument("name")
@click.option(
    "--algorithm", type=click.Choice(["ecdsa-p256", "ed25519"]), default="ecdsa-p256", show_default=True
)
@pass_call
def new(call: Call, name: str, algorithm: str) -> int:
    """Make a key pair: the private key in .placet/keys/, the public one in keys/.

    \b
    Example:
      placet key new data-owner
    """
    from placet_attestations.keys import generate

    _save(call, name, generate("ed25519" if algorithm == "ed25519" else "ecdsa-p256"))
    return 0


@command.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@pass_call
def import_(call: Call, name: str, file: Path) -> int:
    """Take in a private key made elsewhere (PKCS#8 PEM, P-256 or Ed25519).

    \b
    Example:
      placet key import release release.pem
    """
    from placet_attestations.keys import load_private

    _save(call, name, load_private(file))
    return 0


@command.command("list")
@json_option
@pass_call
def list_(call: Call, as_json: bool) -> int:
    """List the private keys of this project, and who they are in trust.yaml.

    \b
    Example:
      placet key list
    """
    from placet_api.keyring import listed

    found = listed(call.project())
    if as_json:
        echo_json(found)
        return 0
    for row in found:
        click.echo(f"{row['name']:<16} {row['algorithm']:<11} {row['fingerprint'][:16]}…  {row['signer']}")
    return 0


@command.command()
@click.argument("name")
@pass_call
def show(call: Call, name: str) -> int:
    """Print the public key of NAME (a key of this project, or a key file) as PEM, and its fingerprint.

    \b
    Example:
      placet key show data-owner
    """
    from placet_api.signing import key_file
    from placet_attestations.keys import load_private, load_public

    project = call.project()
    if name.endswith(".pub"):
        public = load_public(project.cwd / name)
    else:
        public = load_private(key_file(project, name)).public_key
    click.echo(public.pem, nl=False)
    click.echo(f"{public.algorithm}  {public.fingerprint}", err=True)
    return 0


def _save(call: Call, name: str, signer: object) -> None:
    from placet_api.keyring import save
    from placet_attestations.keys import LocalSigner

    assert isinstance(signer, LocalSigner)
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError("key.name", f"{name!r} is no name for a key", hint="letters, digits, - and _")
    private, public = save(call.project(), name, signer)
    click.echo(f"made {private} (keep it) and {public} (give it away)", err=True)
    click.echo("To trust it, add to signers in trust.yaml:", err=True)
    click.echo(
        f"  - {{id: {name}, principal: SOMEBODY@example.org, key: keys/{name}.pub, roles: [ROLE]}}", err=True
    )
