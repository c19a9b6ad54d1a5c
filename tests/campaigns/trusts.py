"""A trust.yaml that changes during a campaign, so that every decision tells by which of its generations it was judged.

Each generation has a digest of its own, which every decision records among its anchors. Odd generations revoke the
artifacts of the third group: their verdict is known for each generation, whenever it came to rule.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from placet_attestations.digests import Digest
from placet_attestations.trust import load_trust


class Generations:
    """The generations of one project's trust.yaml; 0 is what stands there at the beginning."""

    def __init__(self, folder: Path, switched: Sequence[Digest]) -> None:
        self._path = folder / "trust.yaml"
        self._first = json.loads(self._path.read_bytes())  # as tests.builders writes it
        self._switched = switched
        self._known: dict[str, int] = {load_trust(self._path).digest: 0}

    @property
    def newest(self) -> int:
        """The generation in the file."""
        return len(self._known) - 1

    def write(self) -> None:
        """The next generation, in one rename: whoever reads at this moment reads one of the two."""
        number = self.newest + 1
        revoked = list(self._first["revoked"])
        if self.revokes(number):
            revoked += [
                {"artifact": digest, "from": "always", "reason": "retracted"} for digest in self._switched
            ]
        # Of an artifact that nobody asks about: it makes the bytes differ from those of every other generation.
        mark = Digest.of(f"generation {number}".encode())
        revoked.append({"artifact": mark, "from": "always", "reason": f"generation {number}"})
        beside = self._path.with_name("trust.new")
        beside.write_text(json.dumps(self._first | {"revoked": revoked}, indent=2) + "\n")
        self._known[load_trust(beside).digest] = number
        beside.replace(self._path)

    def of(self, digest: str) -> int | None:
        """The generation with this digest; None when there never was one."""
        return self._known.get(digest)

    @staticmethod
    def revokes(generation: int) -> bool:
        """Whether this generation revokes the third group."""
        return generation % 2 == 1
