"""Keep what was compiled: a folder a pin and toolchain in the user's cache, re-hashed when used."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from placet_build.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from placet_build.module import GoModule

_SUMS = "SHA256SUMS"
_SCRATCH = ".scratch-"


@dataclass(frozen=True, slots=True)
class OpaFiles:
    """What goes into the wheel: the program, its own licence, and the licences of what is linked into it."""

    binary: Path
    licence: Path
    third_party: Path

    @classmethod
    def under(cls, folder: Path) -> OpaFiles:
        """The three files by their names in `folder`, whether they exist yet or not."""
        return cls(folder / "placet-opa", folder / "LICENSE", folder / "THIRD_PARTY_LICENSES")


def cache_root(environ: Mapping[str, str], name: str) -> Path:
    """Placet's folder for what is compiled under `name`, created; BuildError when it cannot be written."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG rule: a relative path there is to be ignored.
    home = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".cache"
    root = home / "placet" / name
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        hint = "set XDG_CACHE_HOME to a folder of yours"
        raise BuildError(f"the cache {root} cannot be written: {error}", hint) from error
    return root


def cache_key(module: GoModule, go_version: str, platform: str, flags: tuple[str, ...]) -> str:
    """The name of the entry: a hash of all that decides the bytes of what is compiled."""
    words = (go_version, platform, *flags)
    parts = (module.go_mod, module.go_sum, *(word.encode() for word in words))
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(digests).hexdigest()


def intact(entry: Path) -> bool:
    """Whether the files in `entry` are those recorded, each with its hash; if not, the caller compiles anew."""
    try:
        return set((entry / _SUMS).read_text("utf-8").splitlines()) == set(_sums(entry))
    except OSError:
        return False


@contextlib.contextmanager
def filling(root: Path, key: str) -> Iterator[Path]:
    """A scratch folder whose `result` becomes entry `key` in one rename when the block ends well.

    The caller holds the lock.
    """
    scratch = root / f"{_SCRATCH}{key}"
    result = scratch / "result"
    try:
        result.mkdir(parents=True)
        yield scratch
        (result / _SUMS).write_text("".join(f"{row}\n" for row in _sums(result)), "utf-8")
        # Whatever stands there failed its check, or the caller would not be here.
        shutil.rmtree(root / key, ignore_errors=True)
        result.rename(root / key)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the cache's lock: of two builds at once, the second waits and then finds the work done."""
    with (root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Only the holder has scratch folders, so any that stands here was left by a build that was killed.
        for left in root.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _sums(folder: Path) -> list[str]:
    files = (path for path in sorted(folder.iterdir()) if path.name != _SUMS)
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
