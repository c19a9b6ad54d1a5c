"""What names and digest prefixes mean here: only what admitted statements say, never the index alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from placet_api.project import Project
from placet_attestations.digests import Digest

if TYPE_CHECKING:
    from placet_api.wiring import House


class AdmittedNames:
    """Looks names up in the store, and keeps what the lineage of each candidate confirms."""

    def __init__(self, house: House) -> None:
        self._house = house

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        """Subjects whose digest begins so."""
        return self._house.store.by_prefix(prefix)

    def by_name(self, name: str) -> tuple[Digest, ...]:
        """Digests to which admitted statements tie this name or alias."""
        return tuple(digest for digest in self._house.store.by_name(name) if self._is_called(digest, name))

    def _is_called(self, digest: Digest, name: str) -> bool:
        node = self._house.lineage(digest).artifacts[digest]
        return name in node.names or name in node.aliases


def cached_identify(project: Project) -> Callable[[Path], Digest]:
    """Identity of a path through the stat-keyed cache: for verbs on which nothing rests (interface.md section 1)."""
    from placet_attestations.digest_cache import DigestCache

    cache = DigestCache(project.cache / "digests")
    return lambda path: cache.identify(path).digest
