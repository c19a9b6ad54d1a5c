"""Questions to the file system that cannot fail: a name that no file can have is the name of no file."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Whether anything lies there, a dangling symbolic link included."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def is_file(path: Path) -> bool:
    """Whether a regular file lies there, or a link to one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
