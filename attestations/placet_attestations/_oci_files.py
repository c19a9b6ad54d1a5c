"""The files of an image layout on disk: no link followed, read up to a bound, checked for shape."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from placet_attestations._files import read_open
from placet_attestations._hashing import FOLDER_FLAGS, OPEN_FLAGS, FileHasher, HashedFile, refuse
from placet_attestations._oci_names import BLOBS
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.strictjson import JsonObject, JsonValue, loads

_HINTS = {
    "not_a_layout": "give the folder that holds oci-layout, index.json and blobs/",
    "version": "write the layout with a tool of OCI image-spec 1.0 or 1.1",
    "shape": "write the layout again with the tool that made it",
    "manifests": "copy the one image that is meant into a layout of its own",
    "digest": "only sha256 digests are accepted: sha256:<64 hex digits>",
    "blob_missing": "the layout is incomplete: copy the image again",
    "blob_size": "the layout was changed or cut short after it was written: copy the image again",
    "blob_digest": "the layout was changed after it was written: copy the image again",
}


class LayoutFiles:
    """An open layout; holds two descriptors until it is left."""

    def __init__(self, path: Path, limits: Limits, hasher: FileHasher) -> None:
        self._path = path
        self._limits = limits
        self._hasher = hasher
        self._open: list[int] = []

    def __enter__(self) -> Self:
        try:
            self._open.append(os.open(self._path, FOLDER_FLAGS))
        except (OSError, ValueError) as error:
            if self._path.is_file() and not self._path.is_symlink():
                raise self.malformed("not_a_layout", f"{self._path} is a file") from error
            refuse(error, str(self._path), "", None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in reversed(self._open):
            os.close(descriptor)
        self._open.clear()

    def document(self, name: str) -> JsonObject:
        """A JSON object at the top of the layout."""
        return self.parse(self._read(name, f"{self._path}/", self._open[0], "not_a_layout"), name)

    def parse(self, raw: bytes, name: str) -> JsonObject:
        """The JSON object that these bytes are."""
        limits = self._limits
        value = loads(
            raw,
            max_bytes=limits.max_oci_document_bytes,
            max_depth=limits.max_json_depth,
            where=f"{name} of {self._path}",
        )
        if not isinstance(value, dict):
            raise self.malformed("shape", f"{name} is not a JSON object")
        return value

    def manifest(self, digest: Digest, size: int) -> bytes:
        """The manifest's bytes, compared with its descriptor."""
        raw = self._read(digest.hex, f"{self._path}/{BLOBS}/", self._blobs(), "blob_missing")
        self._compare(digest, size, (Digest.of(raw).hex, len(raw)))
        return raw

    def check_blob(self, digest: Digest, size: int) -> None:
        """Hash a blob again and compare it with its descriptor."""
        folder, shown = self._blobs(), f"{self._path}/{BLOBS}/"
        try:
            os.stat(digest.hex, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError as error:
            raise self.malformed("blob_missing", f"the blob {digest} is missing") from error
        self._compare(digest, size, self._hasher.hash(digest.hex, shown, folder))

    def descriptor(self, value: JsonValue, name: str, media_type: str | None = None) -> tuple[Digest, int]:
        """Digest and size of a content descriptor, which must be of the media type when one is given."""
        if not isinstance(value, dict):
            raise self.malformed("shape", f"{name} is not a descriptor")
        found, text, size = value.get("mediaType"), value.get("digest"), value.get("size")
        if not isinstance(found, str) or not isinstance(text, str) or type(size) is not int or size < 0:
            raise self.malformed("shape", f"{name} lacks mediaType, digest or size")
        if media_type is not None and found != media_type:
            raise self.unsupported(f"{name} is of media type {found!a}, not {media_type}")
        try:
            return Digest.parse(text), size
        except MalformedError as error:
            raise self.malformed("digest", f"{name}: {error.message}") from error

    def versioned(self, document: JsonObject, name: str, media_type: str) -> JsonObject:
        """The document, if it says schemaVersion 2 and does not say another media type."""
        version = document.get("schemaVersion")
        if type(version) is not int or version != 2:
            raise self.malformed("version", f"{name} does not say schemaVersion 2")
        if document.get("mediaType", media_type) != media_type:
            raise self.unsupported(f"{name} is of another media type than {media_type}")
        return document

    def array(self, document: JsonObject, key: str, name: str) -> list[JsonValue]:
        """A member that must be an array."""
        value = document.get(key)
        if not isinstance(value, list):
            raise self.malformed("shape", f"{key} of {name} is not an array")
        return value

    def malformed(self, code: str, message: str) -> MalformedError:
        """An error about this layout."""
        return MalformedError(f"oci.{code}", message, where=str(self._path), hint=_HINTS[code])

    def unsupported(self, message: str) -> UnsupportedError:
        """An error about a kind of image that this version does not identify."""
        return UnsupportedError(
            "oci.media_type",
            message,
            where=str(self._path),
            hint="copy one platform's image, as an OCI image manifest, into a layout of its own",
        )

    def _compare(self, digest: Digest, size: int, found: HashedFile) -> None:
        digits, count = found
        if count != size:
            raise self.malformed("blob_size", f"the blob {digest} has {count:,} bytes instead of {size:,}")
        if digits != digest.hex:
            raise self.malformed("blob_digest", f"the blob {digest} holds other bytes, of sha256:{digits}")

    def _blobs(self) -> int:
        if len(self._open) == 1:
            for name in BLOBS.split("/"):
                self._descend(name)
        return self._open[-1]

    def _descend(self, name: str) -> None:
        try:
            self._open.append(os.open(name, FOLDER_FLAGS, dir_fd=self._open[-1]))
        except FileNotFoundError as error:
            raise self.malformed("blob_missing", f"there is no folder {BLOBS}") from error
        except OSError as error:
            refuse(error, name, f"{self._path}/", self._open[-1])

    def _read(self, name: str, shown: str, folder: int, missing: str) -> bytes:
        try:
            descriptor = os.open(name, OPEN_FLAGS, dir_fd=folder)
        except FileNotFoundError as error:
            raise self.malformed(missing, f"{shown}{name} is missing") from error
        except OSError as error:
            refuse(error, name, shown, folder)
        try:
            return read_open(descriptor, shown + name, self._limits.max_oci_document_bytes)
        finally:
            os.close(descriptor)
