"""Which files of a folder belong to a policy set.

Part of it: `placet/**/*.rego` without `*_test.rego`, and `data.json`, `data.yaml`, `data.yml` there, the
names OPA loads from a bundle. A Rego file outside `placet/` would never be asked and is refused, lest
somebody trust in it; `checks/`, `schemas/`, `tests/` and hidden names are left out; everything else is listed
as ignored.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from placet_engine.errors import PolicyError
from placet_engine.policy.archive import ROOT, PolicyFile
from placet_engine.policy.limits import PolicyLimits

DATA_FILES: Final = ("data.json", "data.yaml", "data.yml")
SETTINGS_SCHEMA: Final = "schemas/settings.json"

_BESIDE = frozenset({"checks", "schemas", "tests"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class PolicyFolder:
    """What was found: the set's files sorted by path, its settings schema, and the names of what is no part
    of it.
    """

    files: tuple[PolicyFile, ...]
    settings_schema: bytes | None
    ignored: tuple[str, ...]


def read_policy_folder(folder: Path, limits: PolicyLimits) -> PolicyFolder:
    """Read `folder`; the folder itself may be a symbolic link, nothing inside it.

    Raises PolicyError policy.missing, policy.unreadable, policy.symlink, policy.file_name,
    policy.outside_root, policy.too_large.
    """
    if not folder.is_dir():
        raise PolicyError(
            "policy.missing",
            "there is no policy folder here",
            where=str(folder),
            hint="set `policies` in placet.yaml to a folder or a bundle archive",
        )
    files: list[PolicyFile] = []
    ignored: list[str] = []
    size = 0
    for path in _walk(folder, "", limits):
        if not _belongs(path):
            ignored.append(path)
            continue
        data = _read(folder, path, limits)
        size += len(data)
        if size > limits.max_policy_bytes or len(files) == limits.max_policy_files:
            raise _too_large(
                folder, f"{limits.max_policy_files:,} files or {limits.max_policy_bytes:,} bytes"
            )
        files.append(PolicyFile(path, data))
    schema = folder / SETTINGS_SCHEMA
    return PolicyFolder(
        files=tuple(sorted(files, key=lambda file: file.path)),
        settings_schema=_read(folder, SETTINGS_SCHEMA, limits) if schema.is_file() else None,
        ignored=tuple(sorted(ignored)[: limits.max_ignored]),
    )


def _belongs(path: str) -> bool:
    """Raises for what looks like policy and would not be loaded, or could not be named in a bundle."""
    *folders, name = path.split("/")
    rego = name.endswith(".rego") and not name.endswith("_test.rego")
    if not folders or folders[0] != ROOT:
        if rego:
            raise PolicyError(
                "policy.outside_root",
                f"a Rego file outside {ROOT}/ is never asked",
                where=path,
                hint=f"move it to {ROOT}/rules/<topic>/, or into checks/ when it is about policies",
            )
        return False
    if not rego and name not in DATA_FILES:
        return False
    if not all(_NAME.fullmatch(part) for part in path.split("/")):
        raise PolicyError(
            "policy.file_name",
            "a policy file's name is not made of letters, digits, '_', '-' and '.'",
            where=ascii(path),
            hint="rename it; a package's path is its folder",
        )
    return True


def _walk(folder: Path, prefix: str, limits: PolicyLimits) -> Iterator[str]:
    """Every file of interest below `folder`, as a relative POSIX path; folders left out appear as `name/`."""
    if prefix.count("/") > limits.max_policy_depth:
        raise _too_large(folder, f"{limits.max_policy_depth} nested folders")
    try:
        found = list(os.scandir(folder / prefix))
    except OSError as error:
        raise _unreadable(folder / prefix, error) from error
    for item in found:
        path = prefix + item.name
        hidden = item.name.startswith(".")
        if item.is_symlink() and not hidden:
            raise PolicyError(
                "policy.symlink",
                "a symbolic link in a policy folder",
                where=str(folder / path),
                hint="put a copy of the file there",
            )
        if not item.is_dir(follow_symlinks=False):
            yield path
        elif hidden or (not prefix and item.name in _BESIDE):
            yield f"{path}/"
        else:
            yield from _walk(folder, f"{path}/", limits)


def _read(folder: Path, path: str, limits: PolicyLimits) -> bytes:
    try:
        # Not blocking, so that a pipe of that name is found to be none, instead of being waited for.
        descriptor = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(folder / path, error) from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PolicyError("policy.unreadable", "not a regular file", where=str(folder / path), hint=_HINT)
        data = file.read(limits.max_policy_file_bytes + 1)
    if len(data) > limits.max_policy_file_bytes:
        raise _too_large(folder / path, f"{limits.max_policy_file_bytes:,} bytes")
    return data


_HINT = "make it a readable regular file, or remove it"


def _unreadable(path: Path, error: OSError) -> PolicyError:
    return PolicyError("policy.unreadable", f"cannot be read: {error.strerror}", where=str(path), hint=_HINT)


def _too_large(path: Path, what: str) -> PolicyError:
    return PolicyError(
        "policy.too_large",
        f"larger than {what}",
        where=str(path),
        hint="keep bulk data out of the policy set",
    )
