"""Fetching what TUF says of a root, and keeping it: the only place where roots meet the network.

Never inside a request: `placet trust refresh` and the service's keeper call it. What is kept is one file for each
root, replaced by a rename, so that whoever reads sees the old one or the new one whole; a lock beside it lets one
process at a time compare with the old one and replace it. It is verified when it is fetched, and again by everybody
who reads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from placet_api.errors import HOUSE_ERRORS, ConfigurationError, ServiceError, UsageError
from placet_api.root_state import held, kept, replace
from placet_attestations.errors import AttestationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from placet_api.project import Project
    from placet_attestations.roots.loading import LoadedRoot
    from placet_attestations.roots.tuf_chain import TufChain, Wanted
    from placet_attestations.roots.tuf_mirror import VerifiedMirror

Get: TypeAlias = "Callable[[Wanted], bytes | None]"
"""One file of a repository, None when it has no such file. Raises `ServiceError`."""

_T = TypeVar("_T")
NEVER: Final = "never"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found; `before` is None when nothing (usable) was kept."""

    id: str
    before: VerifiedMirror | None
    after: VerifiedMirror


@dataclass(frozen=True, slots=True)
class Fetching:
    """The settings of refreshing: what may be fetched, and how."""

    allowed: bool
    hours: float
    seconds: float
    ca: Path | None
    warn: timedelta | None
    error: timedelta | None

    @classmethod
    def of(cls, project: Project) -> Fetching:
        """From the settings `roots.*`; raises `ConfigurationError` roots.refresh."""
        settings = project.settings
        word = settings.text("roots.refresh")
        if word not in ("auto", NEVER):
            raise ConfigurationError(
                "roots.refresh", f"roots.refresh is {word!r}", where="roots.refresh", hint="auto or never"
            )
        warn, error = (
            None if settings.values[key] is None else timedelta(days=settings.number(key))
            for key in ("roots.warn_days", "roots.error_days")
        )
        return cls(
            word != NEVER,
            settings.number("roots.refresh_hours"),
            settings.number("roots.timeout"),
            project.optional_path("roots.ca"),
            warn,
            error,
        )


def refresh(
    root: LoadedRoot,
    *,
    folder: Path,
    state: Path,
    getting: Callable[[str], Get],
    now: datetime,
    patience: float = 0.0,
    limits: Limits = DEFAULT_LIMITS,
) -> Refreshed:
    """Fetch the newest of one root, verify it, keep it. `folder` is that of trust.yaml.

    `getting` makes a `Get` of a URL. Another process that refreshes the same root is waited for `patience` seconds.
    Whatever is raised, what was kept stays: `UsageError` roots.not_tuf; `BusyError` roots.busy; `ServiceError` roots.*;
    VerificationError root.tuf_*, MalformedError root.*, json.*; StoreError root.unwritable.
    """
    from placet_attestations.roots.loading import tuf_of
    from placet_attestations.roots.trusted_root import TrustedRoot
    from placet_attestations.roots.tuf_chain import TufChain

    found = tuf_of(root, folder, limits)
    if found is None:
        raise UsageError(
            "roots.not_tuf",
            f"the root {root.id} is not kept fresh by TUF",
            where=root.id,
            hint="refresh: true for a root that came with Placet, or tuf: URL in trust.yaml",
        )
    url, bootstrap, target = found
    with held(state, root.id, patience):
        before = kept(state, root.id, bootstrap, target, limits)
        chain = TufChain(bootstrap, target, None if before is None else before.mirror, limits=limits)
        after = walk(chain, getting(url), now)
        # One that cannot be read must not replace one that can.
        TrustedRoot.parse(after.target, limits=limits)
        replace(state, root.id, after.mirror.dump())
    return Refreshed(root.id, before, after)


def walk(chain: TufChain, get: Get, now: datetime) -> VerifiedMirror:
    """Fetch file by file, each proved before the next is asked for; nothing that has expired is taken."""
    kept = chain.before
    while (data := get(chain.wanted_root())) is not None:
        chain.add_root(data)
    chain.check_current(now)
    chain.set_timestamp(_there(get, chain.wanted_timestamp()))
    chain.check_current(now)
    _take(
        chain.set_snapshot,
        lambda: _there(get, chain.wanted_snapshot()),
        None if kept is None else kept.snapshot,
    )
    chain.check_current(now)
    _take(
        chain.set_targets, lambda: _there(get, chain.wanted_targets()), None if kept is None else kept.targets
    )
    chain.check_current(now)
    return _take(
        chain.finish, lambda: _there(get, chain.wanted_target()), None if kept is None else kept.target
    )


def _take(take: Callable[[bytes], _T], fetch: Callable[[], bytes], kept: bytes | None) -> _T:
    """Take what is kept where it is still what was announced, and fetch it where it is not."""
    if kept is not None:
        with suppress(AttestationError):
            return take(kept)
    return take(fetch())


def over_https(
    ca: Path | None, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Callable[[str], Get]:
    """Repositories over HTTPS (plain HTTP to loopback only), without redirects; `seconds` for all files together."""

    def getting(url: str) -> Get:
        until = clock() + seconds

        def get(wanted: Wanted) -> bytes | None:
            return _download(url, wanted, ca, until - clock())

        return get

    return getting


def _download(url: str, wanted: Wanted, ca: Path | None, seconds: float) -> bytes | None:
    from placet_api.client.connection import Connection

    if seconds <= 0:
        raise _unreachable(url, "it takes longer than roots.timeout")
    try:
        reply = Connection(url, None, ca, seconds, max_body=wanted.max_bytes).ask(f"/{wanted.path}")
    except HOUSE_ERRORS as error:
        raise _unreachable(url, error.message) from error
    if reply.status in (403, 404):  # object stores say 403 for what they do not have (as python-tuf takes it)
        return None
    if reply.status != 200:
        raise _unreachable(url, f"HTTP {reply.status} for {wanted.path}")
    return reply.body


def _there(get: Get, wanted: Wanted) -> bytes:
    data = get(wanted)
    if data is None:
        raise ServiceError(
            "roots.incomplete",
            f"the TUF repository has no {wanted.path}",
            hint="is the URL that of a TUF repository? Ask who keeps it",
        )
    return data


def _unreachable(url: str, why: str) -> ServiceError:
    return ServiceError(
        "roots.unreachable",
        f"the TUF repository gave no answer that can be used: {why}",
        where=url,
        hint="what was fetched before goes on; is the URL reachable from here? (settings roots.ca, roots.timeout)",
    )
