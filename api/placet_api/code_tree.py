"""The identity of a source tree: what git tracks, as it lies on the disk, or every file where git knows nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from placet_api.artifacts import Local
from placet_api.errors import UsageError
from placet_api.project import STATE
from placet_attestations.digests import Digest, hash_file
from placet_attestations.trees import Entry, identify, manifest_text


def identify_code(path: Path) -> Local:
    """Directory identity (design.md section 3) over the tracked files as they lie there, with the commit.

    Outside a git work tree: every file but Placet's own state. Raises `IdentityError`, `UsageError` `code.empty`.
    """
    tracked = _git(path, "ls-files", "-z")
    if tracked is None:
        entries = tuple(entry for entry in identify(path).entries if not entry.path.startswith(f"{STATE}/"))
        commit = None
    else:
        names = [os.fsdecode(name) for name in tracked.split(b"\0") if name]
        entries = tuple(_entry(path, name) for name in names if (path / name).exists())
        head = _git(path, "rev-parse", "HEAD")
        commit = None if head is None else head.decode().strip()
    if not entries:
        raise UsageError(
            "code.empty",
            "no source files there",
            where=str(path),
            hint="git add them, or name another folder",
        )
    return Local(str(path), Digest.of(manifest_text(entries)), "code", commit)


def _entry(root: Path, name: str) -> Entry:
    digest, size = hash_file(root / name)
    return Entry(name, digest, size)


def _git(path: Path, *arguments: str) -> bytes | None:
    try:
        ran = subprocess.run(
            ["git", "-C", str(path), *arguments],  # noqa: S607 - git is the user's own
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout if ran.returncode == 0 else None
