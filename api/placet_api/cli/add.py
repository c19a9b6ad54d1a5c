"""`placet add`: take in bundles that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from placet_api.cli.context import Call, pass_call
from placet_api.errors import HOUSE_ERRORS, HouseError
from placet_api.printable import printable


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
@pass_call
def command(call: Call, files: tuple[Path, ...]) -> int:
    """Verify Sigstore bundles (one a file, or JSON lines) and keep those that hold.

    Each is taken or refused by itself; the exit code is that of the first refusal.

    \b
    Example:
      placet add evidence/*.sigstore.json
    """
    from placet_api.bundle_files import read_bundles
    from placet_api.wiring import open_house

    worst = 0
    with open_house(call.project()) as house:
        for file in files:
            try:
                for where, raw in read_bundles(file):
                    try:
                        taken = house.intake.take_in(raw)
                    except HOUSE_ERRORS as error:
                        code = _refused(where, error)
                        worst = worst or code
                        continue
                    known = "" if taken.new else "  (known already)"
                    click.echo(
                        f"added {where}: {taken.verified.type} by {taken.verified.signer.id}  {taken.digest}{known}",
                        err=True,
                    )
            except HOUSE_ERRORS as error:
                code = _refused(str(file), error)
                worst = worst or code
    return worst


def _refused(where: str, error: HouseError) -> int:
    from placet_api.cli.failures import tell

    return tell(f"refused {printable(where)}", error)
