"""OCI image layouts (image-spec 1.1, image-layout.md): identify one on disk, write a small one from files.

An image is identified by the digest of its manifest, which binds its configuration and layers by digest; so
each blob that the manifest names is read and hashed again here. Blobs that it does not name are no part of
the image.
"""

from __future__ import annotations

from pathlib import Path

from placet_attestations._hashing import FileHasher
from placet_attestations._oci_files import LayoutFiles
from placet_attestations._oci_names import (
    BLOBS,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    INDEX_FILE,
    LAYOUT_FILE,
    LAYOUT_VERSION,
)
from placet_attestations._oci_write import write_layout
from placet_attestations.digests import Digest
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.trees import Identity

__all__ = ["identify_layout", "is_layout", "write_layout"]


def is_layout(path: Path) -> bool:
    """Whether a path looks like an image layout: a directory with a regular file `oci-layout` in it."""
    marker = path / LAYOUT_FILE
    return marker.is_file() and not marker.is_symlink()


def identify_layout(
    path: Path, *, limits: Limits = DEFAULT_LIMITS, hasher: FileHasher | None = None
) -> Identity:
    """The identity of the one image in a layout: its manifest's digest, all blobs it names hashed again.

    Rows are those blobs, the manifest among them. Raises MalformedError oci.not_a_layout, oci.version,
    oci.shape, oci.manifests (not exactly one), oci.digest, oci.blob_missing, oci.blob_size,
    oci.blob_digest, json.*; UnsupportedError oci.media_type (an index of several platforms, another
    manifest format); IdentityError as `trees.identify`.

    1. The marker says that this is a layout of a known version.
    2. The index names exactly one image manifest.
    3. The manifest's bytes are those of its descriptor, and are the bytes that are parsed.
    4. So are the configuration and each layer that the manifest names.
    """
    with LayoutFiles(path, limits, hasher or FileHasher()) as files:
        # 1.
        if files.document(LAYOUT_FILE).get("imageLayoutVersion") != LAYOUT_VERSION:
            raise files.malformed("version", f"{LAYOUT_FILE} is not of version {LAYOUT_VERSION}")
        # 2.
        index = files.versioned(files.document(INDEX_FILE), INDEX_FILE, IMAGE_INDEX)
        manifests = files.array(index, "manifests", INDEX_FILE)
        if len(manifests) != 1:
            raise files.malformed("manifests", f"{INDEX_FILE} names {len(manifests)} manifests, not one")
        digest, size = files.descriptor(manifests[0], f"manifests[0] of {INDEX_FILE}", IMAGE_MANIFEST)
        # 3.
        raw = files.manifest(digest, size)
        manifest = files.versioned(files.parse(raw, "the manifest"), "the manifest", IMAGE_MANIFEST)
        layers = files.array(manifest, "layers", "the manifest")
        if len(layers) > limits.max_oci_layers:
            raise files.malformed(
                "shape",
                f"the manifest names {len(layers):,} layers, the limit is {limits.max_oci_layers:,}",
            )
        # 4.
        blobs = [files.descriptor(manifest.get("config"), "config of the manifest")]
        blobs += [files.descriptor(layer, f"layers[{n}] of the manifest") for n, layer in enumerate(layers)]
        for blob, blob_size in blobs:
            files.check_blob(blob, blob_size)
    return _identity(digest, {digest: size, **dict(blobs)})


def _identity(digest: Digest, blobs: dict[Digest, int]) -> Identity:
    rows = tuple((f"{BLOBS}/{blob.hex}", (blob.hex, blobs[blob])) for blob in sorted(blobs))
    return Identity(digest, "oci-layout", len(rows), sum(blobs.values()), rows)
