"""The roots of a project, for people and programs: `placet trust roots`, `placet trust refresh`, `placet doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from placet_api.errors import HOUSE_ERRORS, HouseError, UsageError
from placet_api.root_refresh import Fetching, Refreshed, over_https, refresh
from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.roots.loading import LoadedRoot, Pki, RootFile, Shipped, Tuf, stale, tuf_of
from placet_attestations.roots.trusted_root import TrustedRoot, Window
from placet_attestations.suggest import did_you_mean
from placet_attestations.times import format_time
from placet_attestations.trust import load_trust

if TYPE_CHECKING:
    from placet_api.project import Project


@dataclass(frozen=True, slots=True)
class Seen:
    """One root as it is in use; `state` is fresh, warn or error."""

    id: str
    source: str
    digest: str
    pin: str
    as_of: datetime | None
    state: str
    problem: AttestationError | None
    parts: tuple[tuple[str, str, Window], ...]  # kind, name, window

    @property
    def as_of_words(self) -> str:
        """Until when it was vouched for."""
        return "of unknown age" if self.as_of is None else f"as of {format_time(self.as_of)}"


def seen(project: Project, now: datetime | None = None) -> tuple[Seen, ...]:
    """The roots of trust.yaml, with what was fetched; raises what reading trust.yaml raises, and roots.refresh."""
    ages, at = Fetching.of(project), now or datetime.now(UTC)
    trust = load_trust(project.path("trust"), state=project.fetched_roots)
    return tuple(
        Seen(
            root.id,
            _source(root),
            root.digest,
            root.pin,
            root.as_of,
            stale(root, at, ages.warn, ages.error) if root.roots else "error",
            root.problem,
            tuple(part for each in root.roots if isinstance(each, TrustedRoot) for part in _parts(each)),
        )
        for root in trust.roots
    )


def as_json(root: Seen) -> dict[str, Any]:
    """For programs."""
    return {
        "id": root.id,
        "source": root.source,
        "digest": root.digest,
        "pin": root.pin,
        "as_of": None if root.as_of is None else format_time(root.as_of),
        "state": root.state,
        "problem": None if root.problem is None else root.problem.code,
        "parts": [
            {"kind": kind, "name": name, "start": format_time(window.start), "end": _time(window.end)}
            for kind, name, window in root.parts
        ],
    }


def words(root: Seen) -> str:
    """For people: a line, and one for each authority and log."""
    lines = [f"{root.id}: {root.state}, {root.as_of_words}; {root.source}", f"  {root.digest}"]
    if root.problem is not None:
        lines.append(f"  note: {root.problem} ({root.problem.code})")
    for kind, name, window in root.parts:
        lines.append(f"  {kind:<16} {name}  {format_time(window.start)} to {_time(window.end) or 'now'}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Done:
    """How the refresh of one root went: `refreshed`, or `error`."""

    id: str
    refreshed: Refreshed | None
    error: HouseError | None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        if self.refreshed is None:
            assert self.error is not None
            return {"id": self.id, "error": {"code": self.error.code, "detail": str(self.error)}}
        before, after = self.refreshed.before, self.refreshed.after
        versions = after.versions
        return {
            "id": self.id,
            "before": None if before is None else Digest.of(before.target),
            "after": Digest.of(after.target),
            "until": format_time(after.until),
            "versions": {name: getattr(versions, name) for name in versions.__slots__},
        }

    def words(self) -> str:
        """For people."""
        if self.error is not None:
            hint = f"\n  {self.error.hint}" if self.error.hint else ""
            return f"{self.id}: not refreshed: {self.error} ({self.error.code}){hint}"
        told = self.as_json()
        old = "" if told["before"] in (None, told["after"]) else f"{told['before']} -> "
        versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
        return f"{self.id}: {old}{told['after']}\n  until {told['until']}; {versions}"


def refresh_all(project: Project, ids: Iterable[str], now: datetime | None = None) -> tuple[Done, ...]:
    """Refresh these roots, or all that TUF keeps fresh. Raises `UsageError` roots.offline, roots.unknown,
    roots.not_tuf, and what reading trust.yaml raises.
    """
    settings, wanted = Fetching.of(project), tuple(dict.fromkeys(ids))
    if not settings.allowed:
        raise UsageError(
            "roots.offline", "roots.refresh is never: nothing is fetched here", hint="set roots.refresh: auto"
        )
    folder = project.path("trust").parent
    roots = load_trust(project.path("trust"), state=project.fetched_roots).roots
    known = {root.id: root for root in roots}
    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, sorted(known))
            raise UsageError(
                "roots.unknown", f"trust.yaml has no root {name[:60]!a}{hint}", hint="placet trust roots"
            )
        if tuf_of(known[name], folder) is None:
            raise UsageError(
                "roots.not_tuf", f"the root {name} is not kept fresh by TUF", hint="placet trust roots"
            )
    chosen = [known[name] for name in wanted] or [root for root in roots if tuf_of(root, folder)]
    return tuple(_refreshed(root, project, settings, now) for root in chosen)


def _refreshed(root: LoadedRoot, project: Project, settings: Fetching, now: datetime | None) -> Done:
    try:
        done = refresh(
            root,
            folder=project.path("trust").parent,
            state=project.fetched_roots,
            getting=over_https(settings.ca, settings.seconds),
            now=now or datetime.now(UTC),
            patience=settings.seconds,
        )
    except HOUSE_ERRORS as error:
        return Done(root.id, None, error)
    return Done(root.id, done, None)


def _source(root: LoadedRoot) -> str:
    match root.source:
        case Shipped(id=name, refresh=True):
            return f"shipped ({name}), kept fresh by TUF"
        case Shipped(id=name):
            return f"shipped ({name})"
        case RootFile(path=path):
            return f"file {path}"
        case Tuf(url=url):
            return f"TUF {url}"
        case Pki(authority=path):
            return f"authority {path}"
        case None:
            return "unknown"


def _parts(root: TrustedRoot) -> Iterable[tuple[str, str, Window]]:
    yield from (("authority", each.uri, each.window) for each in root.authorities)
    yield from (("time stamps", each.uri, each.window) for each in root.timestampers)
    yield from (("log", each.url, each.window) for each in root.logs)
    yield from (("certificate log", each.url, each.window) for each in root.certificate_logs)


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else format_time(instant)
