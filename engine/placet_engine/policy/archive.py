"""An OPA bundle archive whose bytes depend on its files alone.

A tar of sorted plain files inside gzip. The gzip stream stores without compressing, so that the bytes do not
depend on a version of zlib; OPA reads it faster, and who keeps or sends it compresses the whole.
"""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from placet_engine.errors import PolicyError
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS, PolicyLimits

MANIFEST: Final = ".manifest"
SIGNATURES: Final = ".signatures.json"
"""What is about the files and not one of them: neither has a part in the revision."""

ROOT: Final = "placet"
"""The one root that a policy set owns in OPA's data document."""

_STORED = 0xFFFF
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, unknown system
_HINT = "build it with  placet policy build"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file of a policy set: its path inside the bundle (`placet/main/main.rego`) and its bytes."""

    path: str
    data: bytes


def write_archive(files: Iterable[PolicyFile], revision: str, *, signatures: bytes | None = None) -> bytes:
    """The bundle archive of `files`, with a manifest that names `revision`, and OPA's signature if it is given."""
    manifest = json.dumps({"revision": revision, "roots": [ROOT], "rego_version": 1}, sort_keys=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in (
            PolicyFile(MANIFEST, manifest.encode()),
            *(() if signatures is None else (PolicyFile(SIGNATURES, signatures),)),
            *sorted(files, key=lambda file: file.path.encode()),
        ):
            info = tarfile.TarInfo(file.path)
            info.size = len(file.data)
            tar.addfile(info, io.BytesIO(file.data))
    return _gzip_stored(buffer.getvalue())


def read_archive(data: bytes, limits: PolicyLimits = DEFAULT_POLICY_LIMITS) -> tuple[PolicyFile, ...]:
    """The files of a bundle archive without its manifest and its signature, sorted by path; errors as `unpack`."""
    found = unpack(data, limits)
    return tuple(found[path] for path in sorted(found.keys() - {MANIFEST, SIGNATURES}))


def unpack(data: bytes, limits: PolicyLimits = DEFAULT_POLICY_LIMITS) -> dict[str, PolicyFile]:
    """Everything in a bundle archive, by path.

    Raises PolicyError policy.archive (not a gzipped tar, special members, a path twice), policy.too_large.
    """
    tar_bytes = _gunzip(data, limits)
    found: dict[str, PolicyFile] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tar_bytes), mode="r:") as tar:
            for member in tar:
                path = member.name.removeprefix("/").removeprefix("./")
                if member.isdir():
                    continue
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None or path in found or ".." in path.split("/"):
                    raise _broken(f"{member.name!r} is not a plain file, leads elsewhere, or comes twice")
                found[path] = PolicyFile(path, stream.read())
    except tarfile.TarError as error:
        raise _broken(f"not a tar archive: {error}") from error
    if len(found) > limits.max_policy_files:
        raise _too_large(f"more than {limits.max_policy_files:,} files")
    return found


def _gunzip(data: bytes, limits: PolicyLimits) -> bytes:
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        tar_bytes = inflate.decompress(data, limits.max_policy_bytes + 1)
    except zlib.error as error:
        raise _broken(f"not a gzip stream: {error}") from error
    if len(tar_bytes) > limits.max_policy_bytes:
        raise _too_large(f"more than {limits.max_policy_bytes:,} bytes")
    if not inflate.eof or inflate.unused_data:
        raise _broken("the gzip stream is cut short, or something follows it")
    return tar_bytes


def _gzip_stored(data: bytes) -> bytes:
    """RFC 1952 around RFC 1951 stored blocks."""
    parts = [_GZIP_HEAD]
    for start in range(0, len(data), _STORED):
        block = data[start : start + _STORED]
        last = start + _STORED >= len(data)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(parts)


def _broken(what: str) -> PolicyError:
    return PolicyError("policy.archive", f"not a policy archive: {what}", hint=_HINT)


def _too_large(what: str) -> PolicyError:
    return PolicyError(
        "policy.too_large", f"the policy archive holds {what}", hint="keep bulk data out of it"
    )
