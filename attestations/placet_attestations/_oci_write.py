"""Writing an image layout of one layer: the same files and time give the same digests everywhere.

The layer is an uncompressed tar, since gzip output differs between versions of zlib; owner, times and umask
of the sources are left out, only the owner's execute bit stays.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from placet_attestations._hashing import OPEN_FLAGS, FileHasher, Reader, changed, open_or_refuse, refuse_kind
from placet_attestations._names import is_relative_posix, refuse_bad_names
from placet_attestations._oci_names import (
    BLOBS,
    IMAGE_CONFIG,
    IMAGE_INDEX,
    IMAGE_LAYER,
    IMAGE_MANIFEST,
    INDEX_FILE,
    LAYOUT_FILE,
    LAYOUT_VERSION,
)
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError, MalformedError
from placet_attestations.strictjson import JsonObject, JsonValue, dumps

Descriptor: TypeAlias = dict[str, str | int]

_CREATED = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ")
_WHITEOUT = ".wh."  # in a layer such a name deletes a file of a lower one (image-spec, layer.md)


def write_layout(
    dest: Path,
    files: Mapping[str, Path],
    *,
    created: str,
    architecture: str = "amd64",
    operating_system: str = "linux",
    read: Reader = os.readv,
) -> Digest:
    """Write an image layout with one layer and return the digest of its manifest.

    `files` maps POSIX paths in the image to regular files on disk; `created` is RFC 3339 in UTC, to the
    second. `dest` must not exist or be an empty folder; it appears complete or not at all. Raises
    IdentityError oci.destination, oci.unwritable, tree.empty, tree.name, file.changed and what `hash_file`
    raises; MalformedError oci.created, oci.path. `read` is for tests (see `digests.hash_file`).
    """
    if not _CREATED.fullmatch(created):
        raise MalformedError(
            "oci.created", f"{created!a} is not a time", hint="write it as 2026-11-23T21:30:00Z"
        )
    _check_paths(files)
    try:
        if dest.is_symlink() or (dest.exists() and (not dest.is_dir() or any(dest.iterdir()))):
            raise IdentityError(
                "oci.destination", f"{dest} exists and is not an empty folder", hint="name a new folder"
            )
        dest.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.parent))
        try:
            layer = _layer(work, files, read)
            digest = _documents(work, layer, created, {"architecture": architecture, "os": operating_system})
            work.chmod(0o755)
            work.rename(dest)  # a crash before this leaves a hidden folder beside dest, and no dest
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    except OSError as error:
        raise IdentityError(
            "oci.unwritable",
            f"{dest} cannot be written: {error.strerror}",
            hint="check permissions and free space",
        ) from error
    return digest


def _check_paths(files: Mapping[str, Path]) -> None:
    if not files:
        raise IdentityError("tree.empty", "an image needs a file", hint="name at least one file to package")
    refuse_bad_names(files)
    for path in files:
        parts = path.split("/")
        if not is_relative_posix(path) or any(part.startswith(_WHITEOUT) for part in parts):
            raise MalformedError(
                "oci.path",
                f"{path!a} is not a path that an image layer can carry",
                hint="write a relative path without '.', '..' and '.wh.' names",
            )
        if any("/".join(parts[:depth]) in files for depth in range(1, len(parts))):
            raise MalformedError(
                "oci.path",
                f"{path!a} lies below another file of the image",
                hint="rename one of the two",
            )


def _documents(root: Path, layer: Descriptor, created: str, platform: Mapping[str, str]) -> Digest:
    """Write what describes the layer, and return the digest of the manifest."""
    blobs = root / BLOBS
    config = _blob(
        blobs,
        IMAGE_CONFIG,
        {
            **platform,
            "created": created,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            "history": [{"created": created, "created_by": "placet"}],
        },
    )
    manifest = _blob(
        blobs,
        IMAGE_MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": config,
            "layers": [layer],
            "annotations": {"org.opencontainers.image.created": created},
        },
    )
    index: JsonObject = {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [{**manifest, "platform": dict(platform)}],
    }
    (root / INDEX_FILE).write_bytes(dumps(index))
    (root / LAYOUT_FILE).write_bytes(dumps({"imageLayoutVersion": LAYOUT_VERSION}))
    return Digest.parse(str(manifest["digest"]))


def _blob(blobs: Path, media_type: str, document: JsonValue) -> Descriptor:
    """Write a JSON blob and return its descriptor."""
    data = dumps(document)
    digest = Digest.of(data)
    (blobs / digest.hex).write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def _layer(root: Path, files: Mapping[str, Path], read: Reader) -> Descriptor:
    """Write the layer and return its descriptor. Folders come before what they hold."""
    blobs = root / BLOBS
    blobs.mkdir(parents=True)
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    unnamed = blobs / "layer"
    with tarfile.open(unnamed, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folders | files.keys()):
            if path in files:
                _add_file(archive, path, files[path], read)
            else:
                archive.addfile(_member(path, tarfile.DIRTYPE, 0o755))
    digits, size = FileHasher().hash(str(unnamed), "")
    unnamed.rename(blobs / digits)
    return {"mediaType": IMAGE_LAYER, "digest": Digest.from_hex(digits), "size": size}


def _add_file(archive: tarfile.TarFile, path: str, source: Path, read: Reader) -> None:
    shown = str(source)
    descriptor = open_or_refuse(shown, OPEN_FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            refuse_kind(before.st_mode, shown)
        member = _member(path, tarfile.REGTYPE, 0o755 if before.st_mode & stat.S_IXUSR else 0o644)
        member.size = before.st_size
        archive.addfile(member, _Steady(descriptor, shown, read))
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if _version(before) != _version(after):
        raise changed(shown)


def _version(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


class _Steady(io.RawIOBase):
    """What `tarfile` reads a member from: as many bytes as it asks for, or `file.changed`."""

    def __init__(self, descriptor: int, shown: str, read: Reader) -> None:
        self._descriptor = descriptor
        self._shown = shown
        self._read = read

    def read(self, size: int = -1) -> bytes:
        view = memoryview(bytearray(size))
        if self._read(self._descriptor, (view,)) != size:
            raise changed(self._shown)
        return bytes(view)


def _member(path: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """A header that says nothing of this machine: TarInfo starts with owner 0, no names, mtime 0."""
    member = tarfile.TarInfo(path)
    member.type = kind
    member.mode = mode
    return member
