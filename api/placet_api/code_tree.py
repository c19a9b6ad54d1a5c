"""The identity of a source tree: what git tracks, as it lies on the disk, or every file where git knows nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from placet_api.errors import UsageError
from placet_api.local import Local
from placet_api.project import STATE
from placet_attestations.digests import Digest, hash_file
from placet_attestations.trees import Entry, identify, manifest_text


def identify_code(path: Path) -> Local:
    """Directory identity (design.md section 3) over the tracked files as they lie there, with the commit.

    Outside a git work tree: every file but Placet's own state. Raises `IdentityError`, `UsageError`.
    """
    listed = _git(path, "ls-files", "-z")
    if listed is None or listed.returncode != 0:
        if listed is not None and _in_work_tree(path):
            # Another identity in silence would be worse than none: "dubious ownership", a broken index.
            raise UsageError(
                "code.git",
                "git knows this folder, and does not say what it tracks",
                where=str(path),
                hint=f"see what it says:  git -C {path} ls-files",
            )
        entries = tuple(entry for entry in identify(path).entries if not entry.path.startswith(f"{STATE}/"))
        commit = None
    else:
        names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
        entries = tuple(_entry(path, name) for name in names if (path / name).exists())
        head = _git(path, "rev-parse", "HEAD")
        commit = None if head is None or head.returncode != 0 else head.stdout.decode().strip()
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


def _in_work_tree(path: Path) -> bool:
    here = path.resolve()
    return any((folder / ".git").exists() for folder in (here, *here.parents))


def _git(path: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    """What git said; None where there is no git, or none that answers."""
    try:
        return subprocess.run(
            ["git", "-C", str(path), *arguments],  # noqa: S607 - git is the user's own
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
