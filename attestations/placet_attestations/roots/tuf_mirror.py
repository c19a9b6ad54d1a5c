"""The files of a TUF repository as they were fetched, in one file of ours; and what they say once they are proved.

Whoever fetches walks along a `TufChain` (`tuf_chain.py`) file by file and ends with a `VerifiedMirror`; whoever
finds a kept mirror walks along the same chain again, without a network, and believes nothing before its end.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from placet_attestations import strictjson
from placet_attestations.errors import MalformedError
from placet_attestations.limits import DEFAULT_LIMITS, Limits

_FORMAT: Final = "placet tuf mirror v1"


@dataclass(frozen=True, slots=True)
class Mirror:
    """The files of one TUF repository as they came, nothing proved: all root.json, the newest last."""

    roots: tuple[bytes, ...] = field(repr=False)
    timestamp: bytes = field(repr=False)
    snapshot: bytes = field(repr=False)
    targets: bytes = field(repr=False)
    target: bytes = field(repr=False)

    def dump(self) -> bytes:
        """As one file: replaced as a whole or not at all."""
        files = {
            name: _encode(getattr(self, name)) for name in ("timestamp", "snapshot", "targets", "target")
        }
        roots = [_encode(root) for root in self.roots]
        return json.dumps({"format": _FORMAT, "roots": roots, **files}, indent=1).encode()

    @classmethod
    def parse(cls, raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read what `dump` wrote; raises MalformedError json.*, root.tuf_mirror."""
        where = "fetched root"
        document = strictjson.loads(raw, max_bytes=limits.max_tuf_mirror_bytes, max_depth=4, where=where)
        try:
            if not isinstance(document, Mapping):
                raise TypeError
            values: dict[str, Any] = dict(document)
            roots, kind = values.pop("roots"), values.pop("format")
            if kind != _FORMAT or not isinstance(roots, list) or len(roots) > limits.max_tuf_roots:
                raise ValueError
            files = {name: base64.b64decode(text, validate=True) for name, text in values.items()}
            return cls(roots=tuple(base64.b64decode(text, validate=True) for text in roots), **files)
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedError(
                "root.tuf_mirror",
                "what was fetched of a TUF repository cannot be read",
                where=where,
                hint="remove the file, and fetch it again: placet trust refresh",
            ) from error


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of the four top-level roles."""

    root: int
    timestamp: int
    snapshot: int
    targets: int


@dataclass(frozen=True, slots=True)
class VerifiedMirror:
    """A mirror whose chain holds. `until` is when the first of its four roles expires, or has expired."""

    mirror: Mirror
    versions: Versions
    until: datetime

    @property
    def target(self) -> bytes:
        """The target's bytes."""
        return self.mirror.target


def verify_mirror(
    mirror: Mirror, bootstrap: bytes, target: str, *, limits: Limits = DEFAULT_LIMITS
) -> VerifiedMirror:
    """Walk along the chain from a root.json that somebody chose to the target; raises what `TufChain` raises."""
    from placet_attestations.roots.tuf_chain import TufChain

    chain = TufChain(bootstrap, target, limits=limits)
    for root in mirror.roots:
        chain.add_root(root)
    chain.set_timestamp(mirror.timestamp)
    chain.set_snapshot(mirror.snapshot)
    chain.set_targets(mirror.targets)
    return chain.finish(mirror.target)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
