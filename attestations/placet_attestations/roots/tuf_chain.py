"""One walk through a TUF repository, file by file, each proved before the next: the only file that imports tuf.

The steps and their order are those of the specification's client workflow (TUF 1.0, section 5), as python-tuf's
own client takes them. That client brings its own network, folder and clock, none of which this room has: so the
checks of one file are python-tuf's (its form, signatures, lengths, hashes), and what is compared between files is
here; a test holds the two clients against each other.

Differences, each on purpose: what has expired still verifies, and the result says until when it was vouched for
(whoever fetches asks `check_current`, whoever reads decides by age); a key under two ids counts once towards a
threshold; and the target must stand in the top-level targets, for delegations are not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import quote

from placet_attestations.errors import AttestationError, MalformedError, VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots.tuf_mirror import Mirror, VerifiedMirror, Versions
from placet_attestations.x509._foreign import foreign

if TYPE_CHECKING:
    from tuf.api.metadata import (  # type: ignore[attr-defined]
        Metadata,
        MetaFile,
        Root,
        Signed,
        Snapshot,
        TargetFile,
        Targets,
        Timestamp,
    )

Role: TypeAlias = Literal["root", "timestamp", "snapshot", "targets"]
_AFRESH: Final = "fetch it again: placet trust refresh; if that does not help, ask who keeps the repository"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch next: where, from the repository's URL on, and how many bytes it has at most."""

    path: str
    max_bytes: int


class TufChain:
    """Call `add_root` as often as there are newer ones, then `set_timestamp`, `set_snapshot`, `set_targets`, `finish`.

    Each raises MalformedError root.tuf_shape, root.tuf_size; VerificationError root.tuf_signature, root.tuf_version
    (a version that goes back, or is not the one announced), root.tuf_hash, root.tuf_target (there is none); and the
    walk is over then.
    """

    _timestamp: Timestamp
    _snapshot: Snapshot
    _targets: Targets

    def __init__(
        self,
        bootstrap: bytes,
        target: str,
        before: Mirror | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`before` is what was verified from this bootstrap the last time: versions may not go below its, as far as
        its signatures still hold under the newest root (a new key for a role is how a repository recovers).
        """
        self._limits = limits
        self._target = target
        self.before = before
        self._root = self._read(bootstrap, "root")
        _check_signatures(self._root.signed, self._root, "root")
        self._roots: list[bytes] = []
        for known in () if before is None else before.roots:
            self.add_root(known)

    def wanted_root(self) -> Wanted:
        """The root.json after the newest known; there need not be one."""
        return Wanted(f"{self._root.signed.version + 1}.root.json", self._limits.max_tuf_bytes)

    def add_root(self, data: bytes) -> None:
        """Take the next root.json: signed by the one before and by itself. One that is not newer is passed over."""
        new = self._read(data, "root")
        known = self._root.signed.version
        if new.signed.version <= known:
            return
        if new.signed.version != known + 1:
            raise _unbelieved("version", f"root.json {new.signed.version} does not follow on {known}")
        if len(self._roots) >= self._limits.max_tuf_roots:
            raise MalformedError(
                "root.tuf_size",
                f"more than {self._limits.max_tuf_roots} root.json since the bootstrap",
                hint="take a newer root.json of the repository as bootstrap",
            )
        _check_signatures(self._root.signed, new, "root")
        _check_signatures(new.signed, new, "root")
        self._root = new
        self._roots.append(data)

    def wanted_timestamp(self) -> Wanted:
        """The timestamp, the only file without a version in its name."""
        return Wanted("timestamp.json", self._limits.max_tuf_timestamp_bytes)

    def set_timestamp(self, data: bytes) -> None:
        """Take the timestamp; one of the same version as before is dropped for the one before."""
        new = self._signed(data, "timestamp")
        if (old := self._earlier("timestamp")) is not None:
            _not_below("timestamp.json", new.version, old.version)
            _not_below("snapshot.json", new.snapshot_meta.version, old.snapshot_meta.version)
            if new.version == old.version and self.before is not None:
                new, data = old, self.before.timestamp
        self._timestamp, self._timestamp_bytes = new, data

    def wanted_snapshot(self) -> Wanted:
        """The snapshot that the timestamp names."""
        meta = self._timestamp.snapshot_meta
        return self._wanted("snapshot", meta.version, meta.length)

    def set_snapshot(self, data: bytes) -> None:
        """Take the snapshot that the timestamp names; it may list nothing older than before, and nothing less."""
        meta = self._timestamp.snapshot_meta
        _check_content(meta, data, "snapshot.json")
        new = self._signed(data, "snapshot")
        _announced("snapshot.json", new.version, meta.version)
        if (old := self._earlier("snapshot")) is not None:
            for name, listed in old.meta.items():
                _not_below(name, new.meta[name].version if name in new.meta else 0, listed.version)
        self._snapshot, self._snapshot_bytes = new, data

    def wanted_targets(self) -> Wanted:
        """The targets that the snapshot names."""
        meta = self._snapshot.meta["targets.json"]  # python-tuf makes no snapshot without one
        return self._wanted("targets", meta.version, meta.length)

    def set_targets(self, data: bytes) -> None:
        """Take the targets that the snapshot names; the target must stand in them."""
        meta = self._snapshot.meta["targets.json"]
        _check_content(meta, data, "targets.json")
        new = self._signed(data, "targets")
        _announced("targets.json", new.version, meta.version)
        if self._target not in new.targets:
            raise _unbelieved("target", f"the repository has no target {self._target[:120]!a} of its own")
        self._targets, self._targets_bytes = new, data

    def wanted_target(self) -> Wanted:
        """The target's file."""
        info = self._info
        path = info.get_prefixed_paths()[0] if self._root.signed.consistent_snapshot else info.path
        return Wanted(f"targets/{quote(path)}", min(info.length, self._limits.max_tuf_bytes))

    def check_current(self, now: datetime) -> None:
        """For whoever fetches: nothing taken so far has expired. Raises VerificationError root.tuf_expired."""
        for role in ("root", "timestamp", "snapshot", "targets"):
            signed: Signed | None = self._root.signed if role == "root" else getattr(self, f"_{role}", None)
            if signed is not None and signed.is_expired(now):
                until = signed.expires.strftime("%Y-%m-%d %H:%M")
                raise _unbelieved("expired", f"{role}.json of the repository expired on {until} UTC")

    def finish(self, data: bytes) -> VerifiedMirror:
        """Take the target itself; what was proved."""
        _check_content(self._info, data, self._target)
        taken = (self._root.signed, self._timestamp, self._snapshot, self._targets)
        files = (self._timestamp_bytes, self._snapshot_bytes, self._targets_bytes, data)
        return VerifiedMirror(
            Mirror(tuple(self._roots), *files),
            Versions(*(signed.version for signed in taken)),
            min(signed.expires.astimezone(UTC) for signed in taken),
        )

    @property
    def _info(self) -> TargetFile:
        return self._targets.targets[self._target]

    def _wanted(self, role: Role, version: int, length: int | None) -> Wanted:
        prefix = f"{version}." if self._root.signed.consistent_snapshot else ""
        most = self._limits.max_tuf_bytes
        return Wanted(f"{prefix}{role}.json", most if length is None else min(length, most))

    def _earlier(self, role: Literal["timestamp", "snapshot"]) -> Any:
        """What was taken the last time, as far as the newest root still vouches for it."""
        if self.before is None:
            return None
        try:
            return self._signed(getattr(self.before, role), role)
        except AttestationError:
            return None

    def _signed(self, data: bytes, role: Role) -> Any:
        metadata = self._read(data, role)
        _check_signatures(self._root.signed, metadata, role)
        return metadata.signed

    def _read(self, data: bytes, role: Role) -> Metadata[Any]:
        limits = self._limits
        most = limits.max_tuf_timestamp_bytes if role == "timestamp" else limits.max_tuf_bytes
        if len(data) > most:
            raise MalformedError(
                "root.tuf_size",
                f"{role}.json of the repository has {len(data):,} bytes, the limit is {most:,}",
                hint=_AFRESH,
            )
        with foreign(lambda why: _malformed(role, why)):
            from tuf.api.metadata import Metadata

            metadata: Metadata[Any] = Metadata.from_bytes(data)
            if metadata.signed.type != role:
                raise _malformed(role, f"it is of type {metadata.signed.type}")
            return metadata


def _check_signatures(delegator: Root, metadata: Metadata[Any], role: Role) -> None:
    """Enough keys of the role, each counted once whatever it is called."""
    with foreign(lambda why: _unbelieved("signature", f"the signatures of {role}.json: {why}")):
        found = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        distinct = {key.keyval.get("public", keyid) for keyid, key in found.signed.items()}
    if not found or len(distinct) < found.threshold:
        raise _unbelieved(
            "signature", f"{role}.json has good signatures of {len(distinct)} of {found.threshold} keys"
        )


def _check_content(info: MetaFile | TargetFile, data: bytes, name: str) -> None:
    with foreign(lambda why: _unbelieved("hash", f"{name[:120]!a} is not what was announced: {why}")):
        info.verify_length_and_hashes(data)


def _announced(name: str, version: int, announced: int) -> None:
    if version != announced:
        raise _unbelieved("version", f"{name} has version {version}, and {announced} was announced")


def _not_below(name: str, version: int, before: int) -> None:
    if version < before:
        raise _unbelieved(
            "version",
            f"{name[:120]!a} goes back to version {version or 'none'}, and {before} was seen before",
        )


def _unbelieved(code: str, what: str) -> VerificationError:
    return VerificationError(f"root.tuf_{code}", what, where="TUF repository", hint=_AFRESH)


def _malformed(role: Role, why: str) -> MalformedError:
    return MalformedError(
        "root.tuf_shape", f"{role}.json of the repository cannot be read: {why}", hint=_AFRESH
    )
