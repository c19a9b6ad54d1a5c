"""An evidence store in memory: the whole port, for tests of what stands on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from placet_attestations.digests import Digest
from placet_attestations.store import check_bytes, check_pair, check_prefix, names_of
from placet_attestations.verify import VerifiedStatement


class InMemoryEvidenceStore:
    """`EvidenceStore` in dictionaries. `bundles` is open, so that a test can damage or slip in what it likes."""

    def __init__(self) -> None:
        self.bundles: dict[str, bytes] = {}
        self.subjects: defaultdict[str, set[Digest]] = defaultdict(set)
        self.names: defaultdict[str, set[Digest]] = defaultdict(set)

    def put(self, raw: bytes, verified: VerifiedStatement) -> bool:
        check_pair(raw, verified)
        new = self.bundles.get(verified.digest) != raw
        self.bundles[verified.digest] = raw
        for subject in verified.statement.subjects:
            self.subjects[subject.digest].add(verified.digest)
        for name, digest in names_of(verified):
            self.names[name].add(digest)
        return new

    def get(self, digest: str) -> bytes | None:
        raw = self.bundles.get(digest)
        return None if raw is None else check_bytes(raw, digest)

    def by_subject(self, subject: str) -> tuple[Digest, ...]:
        return tuple(sorted(self.subjects.get(subject, ())))

    def by_prefix(self, prefix: str) -> tuple[Digest, ...]:
        first = check_prefix(prefix)
        return tuple(sorted(Digest.parse(subject) for subject in self.subjects if subject.startswith(first)))

    def by_name(self, name: str) -> tuple[Digest, ...]:
        return tuple(sorted(self.names.get(name, ())))

    def all(self) -> Iterator[Digest]:
        return iter(sorted(Digest.parse(digest) for digest in self.bundles))
