"""The trusted roots of Sigstore's public instances, as the installed sigstore package brings them.

Read as data and never through its cache or the network.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final, Literal

from placet_attestations.roots.trusted_root import TrustedRoot

Instance = Literal["production", "staging"]

_HOSTS: Final = {"production": "sigstore.dev", "staging": "sigstage.dev"}


def trusted_root_bytes(instance: Instance) -> bytes:
    """The file's bytes."""
    folder = f"https%3A%2F%2Ftuf-repo-cdn.{_HOSTS[instance]}"
    return files("sigstore").joinpath("_store", folder, "trusted_root.json").read_bytes()


def trusted_root(instance: Instance) -> TrustedRoot:
    """The root as the room reads it."""
    return TrustedRoot.parse(trusted_root_bytes(instance))
