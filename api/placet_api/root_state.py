"""What is kept of TUF repositories: one file for each root, replaced as a whole by one process at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from placet_api.errors import BusyError
from placet_attestations.errors import AttestationError, StoreError
from placet_attestations.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from placet_attestations.roots.tuf_mirror import VerifiedMirror

_LOCK: Final = "lock"
_BESIDE: Final = ".new"
_PAUSE: Final = 0.05


@contextmanager
def held(state: Path, id: str, patience: float = 0.0) -> Iterator[None]:
    """Be the one process that refreshes this root. Raises `BusyError` roots.busy, StoreError root.unwritable."""
    from placet_attestations.roots.loading import mirror_path

    folder = mirror_path(state, id).parent
    until = time.monotonic() + patience
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        while not _locked(descriptor):
            if time.monotonic() >= until:
                raise BusyError(
                    "roots.busy", f"another process refreshes the root {id}", hint="it fetches the same"
                )
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)  # and the lock with it, as when the process is killed


def kept(
    state: Path, id: str, bootstrap: bytes, target: str, limits: Limits = DEFAULT_LIMITS
) -> VerifiedMirror | None:
    """What is kept of a root, verified from the bootstrap; None when there is nothing that holds."""
    from placet_attestations.roots.loading import mirror_path
    from placet_attestations.roots.tuf_mirror import Mirror, verify_mirror
    from placet_attestations.strictjson import read_bounded

    try:
        raw = read_bounded(mirror_path(state, id), limits.max_tuf_mirror_bytes)
        return verify_mirror(Mirror.parse(raw, limits), bootstrap, target, limits=limits)
    except AttestationError:
        return None


def replace(state: Path, id: str, data: bytes) -> None:
    """Write it beside, flush it, rename it; for whoever holds the lock. Raises StoreError root.unwritable.

    Whatever happens in the middle, the old one stays.
    """
    from placet_attestations.roots.loading import mirror_path

    path = mirror_path(state, id)
    try:
        for left in path.parent.glob(f"*{_BESIDE}"):  # of one who was killed, for only its holder writes
            left.unlink()
        descriptor, beside = tempfile.mkstemp(suffix=_BESIDE, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(beside).unlink()
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(path, error) from error


def fetched_at(state: Path, id: str) -> float | None:
    """When it was last replaced (seconds of the system's clock): says when to ask again, proves nothing."""
    from placet_attestations.roots.loading import mirror_path

    try:
        return mirror_path(state, id).stat().st_mtime
    except OSError:
        return None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        "root.unwritable",
        f"a fetched root cannot be kept: {error.strerror}",
        where=str(path),
        hint="free space or mend permissions; what was fetched before goes on",
    )
