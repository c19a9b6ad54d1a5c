"""What lies on this machine's disk, with its identity."""

from __future__ import annotations

from dataclasses import dataclass

from placet_attestations.digests import Digest


@dataclass(frozen=True, slots=True)
class Local:
    """Something on this machine's disk with its identity. `commit` is set for code that git knows."""

    label: str
    digest: Digest
    form: str
    commit: str | None = None
