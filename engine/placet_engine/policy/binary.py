"""Where OPA comes from: the `placet-opa` of this environment, or the binary a setting names; never a search
of PATH.

The SHA-256 of the binary belongs to every decision. Hashing 43 MB takes 30 to 150 ms, so it starts in a
thread as soon as the binary is found and is waited for when the digest is read; hashing runs without the
interpreter's lock.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final, Literal

from placet_attestations.digests import Digest, hash_file
from placet_attestations.errors import AttestationError
from placet_engine.errors import PolicyError

NAME: Final = "placet-opa"
DISTRIBUTION: Final = "placet"
TESTED_VERSION: Final = "1.22.2"
"""The version of OPA that this version of Placet was tested with."""

Source = Literal["setting", "environment"]


class Binary:
    """One OPA executable. `source` says who chose it: a setting, or the environment Placet lives in."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path: Final = path
        self.source: Final = source
        self._digest: Digest | AttestationError | None = None
        self._hashing = Thread(target=self._hash, name="placet-opa-digest", daemon=True)
        self._hashing.start()

    @property
    def sha256(self) -> Digest:
        """The digest of its bytes. Raises PolicyError opa.unreadable."""
        self._hashing.join()
        if isinstance(self._digest, Digest):
            return self._digest
        raise PolicyError(
            "opa.unreadable", f"OPA cannot be hashed: {self._digest}", where=str(self.path), hint=_HINT
        ) from self._digest

    def __repr__(self) -> str:
        return f"Binary({str(self.path)!r}, source={self.source!r})"

    def _hash(self) -> None:
        try:
            self._digest = hash_file(self.path)[0]
        except AttestationError as error:
            self._digest = error


@dataclass(frozen=True, slots=True)
class Version:
    """What a binary says about itself. `tested` is False for a version this Placet was not tested with."""

    version: str
    rego: str
    tested: bool


def locate(
    setting: Path | None = None, *, scripts: Path | None = None, distribution: str = DISTRIBUTION
) -> Binary:
    """Find OPA: `setting` alone when it is given, else `placet-opa` where this distribution installed it.

    `scripts` stands for the environment's scripts folder, `distribution` for what is installed in it. Raises
    PolicyError opa.missing, opa.not_executable.
    """
    if setting is not None:
        return _binary(setting, "setting")
    folder = Path(sysconfig.get_path("scripts")) if scripts is None else scripts
    for candidate in _installed(folder, distribution):
        if candidate.is_file():
            return _binary(candidate, "environment")
    raise PolicyError("opa.missing", f"this environment has no {NAME}", hint=_HINT)


def parse_version(output: str) -> Version:
    """Read what `opa version` prints. Raises PolicyError opa.version when it is something else."""
    lines = dict(line.split(": ", 1) for line in output.splitlines() if ": " in line)
    if "Version" not in lines or "Rego Version" not in lines:
        raise PolicyError("opa.version", f"this is not an OPA, it says {output[:80]!r}", hint=_HINT)
    return Version(lines["Version"], lines["Rego Version"], lines["Version"] == TESTED_VERSION)


_HINT = "reinstall placet (its wheel carries OPA), or set opa.path to an OPA binary"


def _binary(path: Path, source: Source) -> Binary:
    if not path.is_file():
        raise PolicyError("opa.missing", "there is no OPA here", where=str(path), hint=_HINT)
    if not os.access(path, os.X_OK):
        raise PolicyError("opa.not_executable", "OPA is not executable", where=str(path), hint=_HINT)
    return Binary(path.resolve(), source)


def _installed(scripts: Path, distribution: str) -> Iterator[Path]:
    """The scripts folder first; then the list of installed files, which knows `--user` and `--target` as
    well.
    """
    yield scripts / NAME
    from importlib import metadata

    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    yield from (Path(str(file.locate())) for file in files if file.name == NAME)
