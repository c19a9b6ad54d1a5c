"""`placet add`: take in bundles that were made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, pass_call
from placet_api.errors import HOUSE_ERRORS, HouseError
from placet_api.printable import printable

if TYPE_CHECKING:
    from placet_api.client.remote import Added


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@pass_call
def command(call: Call, files: tuple[Path, ...]) -> int:
    """Verify signed statements that were made elsewhere, and keep those that hold.

    Sigstore bundles, DSSE envelopes and PyPI's attestations, one a file or several: JSON lines, an answer of npm or
    GitHub, a provenance object of PyPI. Each is taken or refused by itself; the exit code is that of the first
    refusal.

    \b
    Example:
      placet add evidence/*.sigstore.json churn-1.0-py3-none-any.whl.provenance
    """
    from placet_api.client.remote import Added
    from placet_api.wiring import open_house

    project, remote = call.reach()
    if remote is not None:
        return _add(files, remote.add)
    with open_house(project) as house:

        def take_in(raw: bytes) -> Added:
            taken = house.intake.take_in(raw)
            verified = taken.verified
            return Added(taken.digest, verified.type, verified.signer.id, taken.entry, taken.new)

        return _add(files, take_in)


def _add(files: tuple[Path, ...], take_in: Callable[[bytes], Added]) -> int:
    from placet_api.bundle_files import read_bundles

    worst = 0
    for file in files:
        try:
            for where, raw in read_bundles(file):
                try:
                    added = take_in(raw)
                except HOUSE_ERRORS as error:
                    code = _refused(where, error)
                    worst = worst or code
                    continue
                known = "" if added.new else "  (known already)"
                words = f"{added.type} by {added.signer}  {added.digest}{known}"
                click.echo(printable(f"added {where}: {words}"), err=True)
        except HOUSE_ERRORS as error:
            code = _refused(str(file), error)
            worst = worst or code
    return worst


def _refused(where: str, error: HouseError) -> int:
    from placet_api.cli.failures import tell

    return tell(f"refused {printable(where)}", error)
