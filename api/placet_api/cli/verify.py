"""`placet verify`: who said what, and does it hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, echo_json, pass_call
from placet_api.cli.options import json_option
from placet_api.errors import DENY, UsageError
from placet_api.paths import is_file
from placet_api.printable import printable

if TYPE_CHECKING:
    from placet_api.verifying import Row


@click.command()
@click.argument("what", metavar="FILE|ARTIFACT")
@click.option("--artifact", type=click.Path(path_type=Path), metavar="FILE", help="What FILE must be about.")
@click.option(
    "--model", type=click.Path(path_type=Path), metavar="PATH", help="The model that model.sig must be of."
)
@json_option
@pass_call
def command(call: Call, what: str, artifact: Path | None, model: Path | None, as_json: bool) -> int:
    """Check signatures, identity and trust of a file of signed things, or of every statement held about an artifact.

    Signed things are Sigstore bundles, DSSE envelopes and PyPI's attestations, one a file or several: JSON lines, an
    answer of npm or GitHub, a provenance object of PyPI. Such a file is known by its name or by what stands in it;
    every other file is an artifact.

    A signature over a file is checked with --artifact, and a statement must then have the file as a subject. A
    model's signature (model.sig) is held against a folder or file with --model, and each difference is said.

    Exit 0 when everything counts, 1 when something does not, or when nothing is held.

    \b
    Examples:
      placet verify statement.sigstore.json
      placet verify model.joblib
      placet verify weights.bin.sigstore.json --artifact weights.bin
      placet verify model/model.sig --model model
    """
    rows = _rows(call, what, artifact, model)
    if as_json:
        echo_json([row.as_json() for row in rows])
    for row in () if as_json else rows:
        _show(row)
    if not rows and not as_json:
        click.echo("nothing is held about it", err=True)
    return 0 if rows and all(row.counts for row in rows) else DENY


def _show(row: Row) -> None:
    mark = "✓" if row.counts else "✗"
    # A digest is told by its beginning, a place in a file by all of it.
    which = f"{row.statement[:19]}…" if row.statement.startswith("sha256:") else row.statement
    click.echo(printable(f"{mark} {row.type:<12} {row.who:<36} {which}  {row.words}"))
    for line in row.details:
        click.echo(printable(f"    {line}"))
    if row.hint:
        click.echo(printable(f"    {row.hint}"))


def _rows(call: Call, what: str, artifact: Path | None, model: Path | None) -> list[Row]:
    from placet_api.bundle_files import find_bundles
    from placet_api.verifying import verify_artifact, verify_file
    from placet_api.wiring import open_house

    path = Path(what)
    if artifact is not None and model is not None:
        raise UsageError("verify.options", "--artifact and --model exclude each other")
    found = find_bundles(path) if is_file(path) else None
    if found is None and (artifact is not None or model is not None):
        raise UsageError(
            "verify.bundle",
            "this is no file of signed things, which --artifact and --model are held against",
            where=what,
            hint="name the file with the signature first: placet verify BUNDLE --artifact FILE",
        )
    # A file is judged by the trust policy here; only what a service holds is judged by its own.
    project, remote = call.reach() if found is None else (call.project(), None)
    if remote is not None:
        return remote.statements(remote.resolve(what, reading=True).digest)
    with open_house(project) as house:
        if found is None:
            return verify_artifact(house, what)
        if artifact is None and model is None:
            return verify_file(house, found)
        from placet_api.verifying_content import verify_with_artifact, verify_with_model

        if model is not None:
            return verify_with_model(house, found, path, model)
        assert artifact is not None
        return verify_with_artifact(house, found, artifact)
