"""What the `roots:` of trust.yaml become: where a root comes from, what is in use, and how old that is.

Files and state only: nothing here fetches. A root that TUF keeps fresh is read from the state folder and
verified again from its bootstrap each time (`tuf_chain.py`), because a file is not to be believed for lying
there. Two digests: `pin` is what somebody chose and stays the same when TUF brings a newer root, so that
anchors need not follow; `digest` is what signatures are checked against now, which a remembered verdict must
follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from placet_attestations._files import read_bounded
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError, IdentityError, MalformedError, VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots.shipped_roots import shipped_root
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.times import format_time

if TYPE_CHECKING:
    from placet_attestations.roots.pki_root import PkiRoot

Staleness: TypeAlias = Literal["fresh", "warn", "error"]


@dataclass(frozen=True, slots=True)
class Shipped:
    """One of the roots that come with Placet, by its id there; with `refresh`, kept fresh by its own TUF."""

    id: str
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class RootFile:
    """A `trusted_root.json`, or a `.jsonl` of several. `checked` is when somebody last saw that it is current."""

    path: Path
    without_log: bool = False
    checked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tuf:
    """A target of somebody's TUF repository; `bootstrap` is a file of its root.json, of any version."""

    url: str
    bootstrap: Path
    target: str = "trusted_root.json"


@dataclass(frozen=True, slots=True)
class Pki:
    """An X.509 authority of one's own, and perhaps its time stamp authority: PEM files."""

    authority: Path
    timestamps: Path | None = None
    usage: Literal["code-signing", "any"] = "code-signing"
    checked: datetime | None = None


RootSource: TypeAlias = Shipped | RootFile | Tuf | Pki
"""Paths in it count from the folder that `load_root` is given."""


@dataclass(frozen=True, slots=True)
class LoadedRoot:
    """A root as it is in use. A bundle is good under it when it is good under one of `roots`: none, nothing is.

    `as_of` is the last moment for which somebody vouched for it, None when nobody can say; it lies ahead for what
    TUF keeps fresh. `problem` is why something other than hoped for is in use, or nothing.
    """

    id: str
    roots: tuple[TrustedRoot | PkiRoot, ...] = field(repr=False)
    digest: Digest
    pin: Digest
    as_of: datetime | None = None
    problem: AttestationError | None = field(default=None, compare=False)
    source: RootSource | None = None


def load_root(
    id: str, source: RootSource, *, folder: Path, state: Path | None, limits: Limits = DEFAULT_LIMITS
) -> LoadedRoot:
    """Read a root. `folder` is that of trust.yaml, `state` where fetched roots are kept (None: nowhere).

    Raises, for what was chosen and is not there or not readable: IdentityError file.*; MalformedError root.*,
    json.*, UnsupportedError root.type; VerificationError root.shipped; for a PKI what `PkiRoot.load` raises.
    What lies in `state` raises nothing: it is left out, and `problem` says why.
    """
    match source:
        case Shipped():
            return _shipped(id, source, state, limits)
        case RootFile():
            return _file(id, source, folder, limits)
        case Tuf():
            bootstrap = read_bounded(folder / source.bootstrap, limits.max_tuf_bytes)
            pin = _tuf_pin(source.url, source.target, bootstrap)
            nothing = LoadedRoot(id, (), Digest.of(b""), pin, source=source)
            return _kept(nothing, bootstrap, source.target, state, limits)
        case Pki():
            from placet_attestations.roots.pki_root import PkiRoot

            timestamps = None if source.timestamps is None else folder / source.timestamps
            root = PkiRoot.load(folder / source.authority, timestamps, source.usage, limits)
            return LoadedRoot(id, (root,), root.digest, root.digest, source.checked, source=source)


def stale(root: LoadedRoot, now: datetime, warn: timedelta | None, error: timedelta | None) -> Staleness:
    """How a root's age is to be taken: `error` when it is older than that, else `warn`; None for never.

    A root of which nobody can say how old it is counts as fresh. In state `error` it must not be used.
    """
    if root.as_of is None:
        return "fresh"
    age = now - root.as_of
    if error is not None and age > error:
        return "error"
    return "warn" if warn is not None and age > warn else "fresh"


def unless_stale(root: LoadedRoot, now: datetime, error: timedelta | None) -> LoadedRoot:
    """The root, or in its place one under which nothing is good, with the reason, once its age is an `error`.

    Its pin stays, for it is still what was chosen; its age too, so that it is known when a newer one may come.
    """
    if stale(root, now, None, error) != "error":
        return root
    assert root.as_of is not None
    assert error is not None
    message = (
        f"nobody vouched for the root {root.id} in the {(now - root.as_of).days} days since "
        f"{format_time(root.as_of)}, and it is used for {error / timedelta(days=1):g} days"
    )
    problem = VerificationError(
        "root.stale", message, hint="placet trust refresh, or renew its file; roots.error_days sets the days"
    )
    return replace(root, roots=(), digest=Digest.of(b""), problem=problem)


def pin_of(roots: Iterable[LoadedRoot]) -> Digest:
    """The roots as one trust anchor: what was chosen, whatever a refresh brings."""
    return _together("placet roots v1", ((root.id, root.pin) for root in roots))


def digest_of(roots: Iterable[LoadedRoot]) -> Digest:
    """What is in use, as one digest: remembered verdicts, and two workers, compare by it."""
    return _together("placet roots in use v1", ((root.id, root.digest) for root in roots))


def mirror_path(state: Path, id: str) -> Path:
    """Where the fetched metadata and target of a root are kept, one file for each root."""
    return state / id / "mirror.json"


def tuf_of(root: LoadedRoot, folder: Path, limits: Limits = DEFAULT_LIMITS) -> tuple[str, bytes, str] | None:
    """URL, bootstrap root.json and target of a root that TUF keeps fresh, None for all others.

    Raises as `load_root` does for the bootstrap.
    """
    match root.source:
        case Tuf(url=url, bootstrap=path, target=target):
            return url, read_bounded(folder / path, limits.max_tuf_bytes), target
        case Shipped(id=id, refresh=True):
            found = shipped_root(id)
            return found.url, found.read_tuf_root(limits=limits), "trusted_root.json"
        case _:
            return None


def _shipped(id: str, source: Shipped, state: Path | None, limits: Limits) -> LoadedRoot:
    found = shipped_root(source.id)
    root = TrustedRoot.parse(found.read_trusted_root(limits=limits), limits=limits)
    loaded = LoadedRoot(id, (root,), root.digest, root.digest, found.vouched, source=source)
    if not source.refresh:
        return loaded
    bootstrap = found.read_tuf_root(limits=limits)
    pin = _tuf_pin(found.url, f"trusted_root.json {root.digest}", bootstrap)
    loaded = LoadedRoot(id, (root,), root.digest, pin, found.vouched, source=source)
    return _kept(loaded, bootstrap, "trusted_root.json", state, limits)


def _kept(
    otherwise: LoadedRoot, bootstrap: bytes, target: str, state: Path | None, limits: Limits
) -> LoadedRoot:
    """The root that was fetched, when it holds and is no older than the one to use otherwise."""
    from placet_attestations.roots.tuf_mirror import Mirror, verify_mirror

    problem: AttestationError
    try:
        if state is None:
            raise _not_fetched(otherwise.id)
        try:
            raw = read_bounded(mirror_path(state, otherwise.id), limits.max_tuf_mirror_bytes)
        except IdentityError as error:
            raise (_not_fetched(otherwise.id) if error.code == "file.missing" else error) from error
        verified = verify_mirror(Mirror.parse(raw, limits), bootstrap, target, limits=limits)
        root = TrustedRoot.parse(verified.target, limits=limits)
    except AttestationError as error:
        problem = error
    else:
        if otherwise.as_of is None or otherwise.as_of <= verified.until:
            return LoadedRoot(
                otherwise.id, (root,), root.digest, otherwise.pin, verified.until, source=otherwise.source
            )
        problem = IdentityError(
            "root.tuf_older",
            f"what was fetched for {otherwise.id} is older than the root that came with Placet",
            hint="placet trust refresh",
        )
    return replace(otherwise, problem=problem)


def _file(id: str, source: RootFile, folder: Path, limits: Limits) -> LoadedRoot:
    raw = read_bounded(folder / source.path, limits.max_root_bytes)
    lines = [line for line in raw.splitlines() if line.strip()] if source.path.suffix == ".jsonl" else [raw]
    if not 0 < len(lines) <= limits.max_roots:
        raise MalformedError(
            "root.count",
            f"{len(lines)} trusted roots in one file, and it may hold 1 to {limits.max_roots}",
            where=source.path.name,
            hint="each is tried for each bundle: keep the ones that are needed",
        )
    roots = tuple(_parsed(line, source.without_log, limits) for line in lines)
    if source.without_log and not any(root.without_log for root in roots):
        raise MalformedError(
            "root.without_log",
            "without_log is for an instance that has no transparency log, and each root here lists one",
            where=source.path.name,
            hint="remove without_log, or give the trusted root of that instance",
        )
    digest = Digest.of(raw)
    return LoadedRoot(id, roots, digest, digest, source.checked, source=source)


def _parsed(raw: bytes, without_log: bool, limits: Limits) -> TrustedRoot:
    root = TrustedRoot.parse(raw, limits=limits)
    if without_log and not root.logs:
        return TrustedRoot.parse(raw, without_log=True, limits=limits)
    return root


def _tuf_pin(url: str, target: str, bootstrap: bytes) -> Digest:
    lines = ("placet tuf root v1", url.rstrip("/"), target, Digest.of(bootstrap), "")
    return Digest.of("\n".join(lines).encode())


def _together(what: str, digests: Iterable[tuple[str, Digest]]) -> Digest:
    lines = [what, *sorted(f"{name} {digest}" for name, digest in digests), ""]
    return Digest.of("\n".join(lines).encode())


def _not_fetched(id: str) -> IdentityError:
    return IdentityError(
        "root.tuf_missing", f"nothing was fetched yet for the root {id}", hint="placet trust refresh"
    )
