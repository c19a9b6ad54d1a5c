"""What names and digest prefixes mean here: only what admitted statements say, never the index alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from placet_api.project import Project
from placet_attestations.digests import Digest
from placet_attestations.store import EvidenceStore
from placet_engine.lineage.model import Lineage


class AdmittedNames:
    """Looks names up in the store, and keeps what the lineage of each candidate confirms."""

    def __init__(self, store: EvidenceStore, lineage: Callable[[Digest], Lineage]) -> None:
        self._store = store
        self._lineage = lineage

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        """Subjects whose digest begins so."""
        return self._store.by_prefix(prefix)

    def by_name(self, name: str) -> tuple[Digest, ...]:
        """Digests to which admitted statements tie this name or alias."""
        return tuple(digest for digest in self._store.by_name(name) if self._is_called(digest, name))

    def _is_called(self, digest: Digest, name: str) -> bool:
        node = self._lineage(digest).artifacts[digest]
        return name in node.names or name in node.aliases


def cached_identify(project: Project) -> Callable[[Path], Digest]:
    """Identity of a path through the stat-keyed cache: for verbs on which nothing rests (interface.md section 1)."""
    from placet_attestations.digest_cache import DigestCache

    cache = DigestCache(project.cache / "digests")
    return lambda path: cache.identify(path).digest
