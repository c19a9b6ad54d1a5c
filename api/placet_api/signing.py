"""Which private key signs: a name in the project's key folder, or the path of a key file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from placet_api.errors import UsageError
from placet_api.project import Project

if TYPE_CHECKING:
    from placet_attestations.keys import Signer

SUFFIX = ".key"


def key_file(project: Project, name: str) -> Path:
    """The private key file that `name` means; it need not exist."""
    if "/" in name or name.endswith((SUFFIX, ".pem")):
        return project.cwd / name
    return project.path("signing.keys") / f"{name}{SUFFIX}"


def signer_named(project: Project, name: str | None) -> Signer:
    """Load the key that signs: `name`, else the setting signing.default.

    Raises `UsageError` `signing.nobody`, `KeyFileError` `key.*`.
    """
    wanted = name or project.settings.optional("signing.default")
    if wanted is None:
        raise UsageError(
            "signing.nobody",
            "nobody is named to sign",
            hint="say --as NAME, or set signing.default in placet.yaml",
        )
    from placet_attestations.keys import LocalSigner, load_private

    signer: LocalSigner = load_private(key_file(project, wanted))
    return signer
