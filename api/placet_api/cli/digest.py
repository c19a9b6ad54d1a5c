"""`placet digest`: the identity of what lies on the disk, with no state and no trust."""

from __future__ import annotations

from pathlib import Path

import click

from placet_api.cli.context import echo_json
from placet_api.errors import DENY, UsageError
from placet_api.printable import printable


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--manifest", is_flag=True, help="Print the sha256sum-style list of a folder.")
@click.option(
    "--check",
    "manifest_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Compare a folder with such a list.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(paths: tuple[str, ...], manifest: bool, manifest_file: Path | None, as_json: bool) -> int:
    """Print the identity of files, folders and image layouts (oci-layout:DIR).

    \b
    Examples:
      placet digest model.joblib
      placet digest --manifest model/ > model.sha256 && sha256sum -c model.sha256
      placet digest --check model.sha256 model/
    """
    if manifest and manifest_file:
        raise UsageError("usage.exclusive", "--manifest and --check exclude each other")
    if manifest_file is not None:
        return _check(_one(paths), manifest_file)
    if manifest:
        _manifest(_one(paths))
        return 0
    from placet_api.artifacts import identify

    found = [identify(path) for path in paths]
    if as_json:
        echo_json([{"path": local.label, "digest": local.digest, "form": local.form} for local in found])
    else:
        for local in found:
            click.echo(f"{local.digest}  {local.label}")
    return 0


def _one(paths: tuple[str, ...]) -> Path:
    if len(paths) != 1:
        raise UsageError("usage.one_path", "give exactly one folder here")
    return Path(paths[0])


def _manifest(path: Path) -> None:
    from placet_attestations.trees import identify, manifest_text

    click.echo(manifest_text(identify(path).entries).decode(), nl=False)


def _check(path: Path, manifest_file: Path) -> int:
    from placet_attestations.limits import DEFAULT_LIMITS
    from placet_attestations.strictjson import read_bounded
    from placet_attestations.trees import check, parse_manifest

    listed = parse_manifest(read_bounded(manifest_file, DEFAULT_LIMITS.max_manifest_bytes))
    differences = check(path, listed)
    for word, names in (
        ("missing", differences.missing),
        ("extra", differences.extra),
        ("changed", differences.changed),
    ):
        for name in names:
            click.echo(f"{word}: {printable(name)}")
    if differences.missing or differences.extra or differences.changed:
        return DENY
    click.echo(f"{path}: {len(listed)} files, as listed", err=True)
    return 0
