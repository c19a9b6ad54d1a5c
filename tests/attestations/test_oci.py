"""Image layouts: what is written is read back, and a layout that was tampered with has no identity."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError, MalformedError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.oci import identify_layout, is_layout, write_layout

CREATED = "2026-11-23T21:30:00Z"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.bin").write_bytes(b"weights" * 1000)
    (source / "run.sh").write_bytes(b"#!/bin/sh\n")
    (source / "run.sh").chmod(0o700)
    return {
        "opt/model/model.bin": source / "model.bin",
        "opt/run.sh": source / "run.sh",
        "opt/" + "é" * 90: source / "run.sh",
    }


@pytest.fixture
def layout(tmp_path: Path, files: dict[str, Path]) -> Path:
    write_layout(tmp_path / "image", files, created=CREATED)
    return tmp_path / "image"


def test_what_is_written_is_identified(tmp_path: Path, files: dict[str, Path]) -> None:
    digest = write_layout(tmp_path / "image", files, created=CREATED)
    identity = identify_layout(tmp_path / "image")
    assert identity.digest == digest
    assert (identity.form, identity.files) == ("oci-layout", 3)
    blobs = {f"blobs/sha256/{path.name}": path for path in (tmp_path / "image/blobs/sha256").iterdir()}
    assert [entry.path for entry in identity.entries] == sorted(blobs)
    for entry in identity.entries:
        data = blobs[entry.path].read_bytes()
        assert (entry.digest, entry.size) == (Digest.of(data), len(data))
    assert identity.bytes == sum(path.stat().st_size for path in blobs.values())
    assert is_layout(tmp_path / "image")
    assert not is_layout(tmp_path)


def document(layout: Path, digest: str | None = None) -> dict[str, Any]:
    path = layout / "index.json" if digest is None else layout / "blobs/sha256" / Digest.parse(digest).hex
    value = json.loads(path.read_bytes())
    assert isinstance(value, dict)
    return value


def test_the_layout_follows_the_specification(layout: Path) -> None:
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = document(layout)
    assert index["schemaVersion"] == 2
    assert index["manifests"][0]["platform"] == {"architecture": "amd64", "os": "linux"}
    manifest = document(layout, index["manifests"][0]["digest"])
    config = document(layout, manifest["config"]["digest"])
    (layer,) = manifest["layers"]
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
    assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}
    assert (config["os"], config["architecture"], config["created"]) == ("linux", "amd64", CREATED)
    assert len(config["history"]) == 1


def test_the_layer_holds_the_files_and_nothing_of_this_machine(layout: Path, files: dict[str, Path]) -> None:
    manifest = document(layout, document(layout)["manifests"][0]["digest"])
    with tarfile.open(layout / "blobs/sha256" / Digest(manifest["layers"][0]["digest"]).hex) as archive:
        members = {member.name: member for member in archive.getmembers()}
        assert list(members) == ["opt", "opt/model", "opt/model/model.bin", "opt/run.sh", "opt/" + "é" * 90]
        for name, source in files.items():
            content = archive.extractfile(name)
            assert content is not None
            assert content.read() == source.read_bytes()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {(0, 0, "", "", 0)}
    assert [oct(members[name].mode) for name in members] == ["0o755", "0o755", "0o644", "0o755", "0o755"]


def test_the_same_files_give_the_same_image(tmp_path: Path, files: dict[str, Path]) -> None:
    one = write_layout(tmp_path / "one", files, created=CREATED)
    for path in files.values():
        os.utime(path, (0, 0))
    (tmp_path / "two").mkdir()
    assert write_layout(tmp_path / "two", dict(reversed(files.items())), created=CREATED) == one
    assert write_layout(tmp_path / "three", files, created="2026-11-23T21:30:01Z") != one
    arm = write_layout(tmp_path / "four", files, created=CREATED, architecture="arm64")
    assert arm != one


def test_a_known_image_never_changes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    digest = write_layout(tmp_path / "image", {"data/a": tmp_path / "a"}, created=CREATED)
    assert digest.hex == "fc799ad66b06a8eb262e71b78bfce8b54fd08ceee164a667232c38484011a4a9"


@pytest.mark.parametrize(
    "created", ["", "2026-11-23", "2026-11-23T21:30:00", "2026-11-23T21:30:00+01:00", f"{CREATED}\n"]
)
def test_created_must_be_a_time(tmp_path: Path, files: dict[str, Path], created: str) -> None:
    with pytest.raises(MalformedError) as caught:
        write_layout(tmp_path / "image", files, created=created)
    assert caught.value.code == "oci.created"


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ([], "tree.empty"),
        (["/etc/passwd"], "oci.path"),
        (["../a"], "oci.path"),
        (["a/./b"], "oci.path"),
        ([""], "oci.path"),
        (["a/.wh.b"], "oci.path"),
        (["a", "a/b"], "oci.path"),
        (["a/b/c", "a/b"], "oci.path"),
        (["new\nline"], "tree.name"),
    ],
)
def test_paths_that_an_image_cannot_carry(
    tmp_path: Path, files: dict[str, Path], names: Sequence[str], code: str
) -> None:
    source = files["opt/run.sh"]
    with pytest.raises((IdentityError, MalformedError)) as caught:
        write_layout(tmp_path / "image", dict.fromkeys(names, source), created=CREATED)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.symlink_to("run.sh"), "tree.symlink"),
        (os.mkfifo, "tree.special_file"),
        (os.mkdir, "tree.special_file"),
        (lambda path: None, "tree.missing"),
    ],
)
def test_only_regular_files_are_packaged(
    tmp_path: Path, files: dict[str, Path], make: Callable[[Path], object], code: str
) -> None:
    odd = files["opt/run.sh"].with_name("odd")
    make(odd)
    with pytest.raises(IdentityError, match="odd") as caught:
        write_layout(tmp_path / "image", {**files, "odd": odd}, created=CREATED)
    assert caught.value.code == code
    assert leftovers(tmp_path) == []


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name not in {"source", "taken"}]


def cut(path: Path) -> None:
    os.truncate(path, 10)


def extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("meddle", [cut, extend])
def test_a_file_that_changes_while_it_is_packaged(
    tmp_path: Path, files: dict[str, Path], meddle: Callable[[Path], None]
) -> None:
    def read(fd: int, views: Sequence[memoryview]) -> int:
        meddle(files["opt/model/model.bin"])
        return os.readv(fd, views)

    with pytest.raises(IdentityError, match=r"model\.bin changed") as caught:
        write_layout(tmp_path / "image", files, created=CREATED, read=read)
    assert caught.value.code == "file.changed"
    assert leftovers(tmp_path) == []


def test_an_empty_file_is_packaged(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    write_layout(tmp_path / "image", {"empty": tmp_path / "empty"}, created=CREATED)
    assert identify_layout(tmp_path / "image").files == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.symlink_to("nowhere"),
        lambda path: (path.mkdir(), (path / "file").touch()),
    ],
    ids=["file", "link", "full folder"],
)
def test_nothing_is_overwritten(
    tmp_path: Path, files: dict[str, Path], make: Callable[[Path], object]
) -> None:
    make(tmp_path / "taken")
    with pytest.raises(IdentityError) as caught:
        write_layout(tmp_path / "taken", files, created=CREATED)
    assert caught.value.code == "oci.destination"
    assert leftovers(tmp_path) == []


def test_a_place_that_cannot_be_written(tmp_path: Path, files: dict[str, Path]) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(IdentityError) as caught:
        write_layout(tmp_path / "taken" / "image", files, created=CREATED)
    assert caught.value.code == "oci.unwritable"


# -- layouts that are not what they claim --------------------------------------------------


def put(layout: Path, value: object) -> dict[str, Any]:
    """Write a blob and return its descriptor, without a media type."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    digest = Digest.of(data)
    (layout / "blobs/sha256" / digest.hex).write_bytes(data)
    return {"digest": digest, "size": len(data)}


def with_index(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def tamper(layout: Path) -> None:
        index = document(layout)
        change(index)
        (layout / "index.json").write_text(json.dumps(index))

    return tamper


def with_manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Changes the manifest, and the index with it, as somebody would who can write both."""

    def tamper(layout: Path) -> None:
        index = document(layout)
        manifest = document(layout, index["manifests"][0]["digest"])
        change(manifest)
        index["manifests"][0].update(put(layout, manifest))
        (layout / "index.json").write_text(json.dumps(index))

    return tamper


def of_config(**members: object) -> Callable[[Path], None]:
    return with_manifest(lambda manifest: manifest["config"].update(members))


def blob(layout: Path, kind: str) -> Path:
    index = document(layout)
    descriptor = index["manifests"][0]
    if kind != "manifest":
        manifest = document(layout, descriptor["digest"])
        descriptor = manifest["config"] if kind == "config" else manifest["layers"][0]
    return layout / "blobs/sha256" / Digest(descriptor["digest"]).hex


def flip(kind: str) -> Callable[[Path], None]:
    def tamper(layout: Path) -> None:
        path = blob(layout, kind)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    return tamper


def longer(kind: str) -> Callable[[Path], None]:
    def tamper(layout: Path) -> None:
        path = blob(layout, kind)
        path.write_bytes(path.read_bytes() + b" ")

    return tamper


def missing(kind: str) -> Callable[[Path], None]:
    return lambda layout: blob(layout, kind).unlink()


def link(kind: str) -> Callable[[Path], None]:
    def tamper(layout: Path) -> None:
        path = blob(layout, kind)
        path.rename(layout.with_name("elsewhere"))
        path.symlink_to(layout.with_name("elsewhere"))

    return tamper


def link_blobs(layout: Path) -> None:
    (layout / "blobs").rename(layout.with_name("elsewhere"))
    (layout / "blobs").symlink_to(layout.with_name("elsewhere"))


def without_blobs(layout: Path) -> None:
    (layout / "blobs").rename(layout.with_name("elsewhere"))


def text(name: str, content: bytes) -> Callable[[Path], None]:
    def tamper(layout: Path) -> None:
        (layout / name).write_bytes(content)

    return tamper


HEX = "0" * 64
UP = "sha256:../../../etc/passwd"
TAMPERED: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "no marker": (lambda layout: (layout / "oci-layout").unlink(), "oci.not_a_layout"),
    "no index": (lambda layout: (layout / "index.json").unlink(), "oci.not_a_layout"),
    "marker is a list": (text("oci-layout", b"[]"), "oci.shape"),
    "marker of another version": (text("oci-layout", b'{"imageLayoutVersion":"2.0.0"}'), "oci.version"),
    "index is not JSON": (text("index.json", b"hello"), "json.syntax"),
    "index twice": (text("index.json", b'{"schemaVersion":2,"schemaVersion":2}'), "json.duplicate_key"),
    "index version 1": (with_index(lambda index: index.update(schemaVersion=1)), "oci.version"),
    "index version true": (with_index(lambda index: index.update(schemaVersion=True)), "oci.version"),
    "index version 2.0": (with_index(lambda index: index.update(schemaVersion=2.0)), "oci.version"),
    "index of another type": (with_index(lambda index: index.update(mediaType="a/b")), "oci.media_type"),
    "no manifests": (with_index(lambda index: index.pop("manifests")), "oci.shape"),
    "no manifest": (with_index(lambda index: index.update(manifests=[])), "oci.manifests"),
    "two manifests": (
        with_index(lambda index: index.update(manifests=index["manifests"] * 2)),
        "oci.manifests",
    ),
    "descriptor is a string": (with_index(lambda index: index.update(manifests=["x"])), "oci.shape"),
    "descriptor of an index": (
        with_index(lambda index: index["manifests"][0].update(mediaType=index["mediaType"])),
        "oci.media_type",
    ),
    "manifest digest climbs out": (
        with_index(lambda index: index["manifests"][0].update(digest=UP)),
        "oci.digest",
    ),
    "manifest version 1": (with_manifest(lambda manifest: manifest.update(schemaVersion=1)), "oci.version"),
    "manifest of another type": (
        with_manifest(lambda manifest: manifest.update(mediaType="a/b")),
        "oci.media_type",
    ),
    "no layers": (with_manifest(lambda manifest: manifest.pop("layers")), "oci.shape"),
    "too many layers": (
        with_manifest(lambda manifest: manifest.update(layers=manifest["layers"] * 1025)),
        "oci.shape",
    ),
    "no config": (with_manifest(lambda manifest: manifest.pop("config")), "oci.shape"),
    "config digest climbs out": (of_config(digest=UP), "oci.digest"),
    "config digest of sha512": (of_config(digest=f"sha512:{HEX}{HEX}"), "oci.digest"),
    "config digest short": (of_config(digest="sha256:00"), "oci.digest"),
    "config digest missing": (of_config(digest=None), "oci.shape"),
    "config size negative": (of_config(size=-1), "oci.shape"),
    "config size true": (of_config(size=True), "oci.shape"),
    "config size a lie": (of_config(size=7), "oci.blob_size"),
    "config absent": (of_config(digest=f"sha256:{HEX}"), "oci.blob_missing"),
    "no blobs": (without_blobs, "oci.blob_missing"),
    "blobs is a link": (link_blobs, "tree.symlink"),
    **{f"{kind} flipped": (flip(kind), "oci.blob_digest") for kind in ("manifest", "config", "layer")},
    **{f"{kind} longer": (longer(kind), "oci.blob_size") for kind in ("manifest", "config", "layer")},
    **{f"{kind} missing": (missing(kind), "oci.blob_missing") for kind in ("manifest", "config", "layer")},
    **{f"{kind} a link": (link(kind), "tree.symlink") for kind in ("manifest", "config", "layer")},
}


@pytest.mark.parametrize("flaw", TAMPERED)
def test_a_layout_that_is_not_what_it_claims(layout: Path, flaw: str) -> None:
    tamper, code = TAMPERED[flaw]
    tamper(layout)
    with pytest.raises((MalformedError, IdentityError)) as caught:
        identify_layout(layout)
    assert caught.value.code == code
    assert caught.value.hint
    assert isinstance(caught.value, UnsupportedError) == (code == "oci.media_type")


def test_documents_are_bounded(layout: Path) -> None:
    with pytest.raises(MalformedError) as caught:
        identify_layout(layout, limits=Limits(max_oci_document_bytes=20))
    assert caught.value.code == "file.too_large"


def test_layers_are_bounded(layout: Path) -> None:
    identify_layout(layout, limits=Limits(max_oci_layers=1))
    with pytest.raises(MalformedError, match="the limit is 0") as caught:
        identify_layout(layout, limits=Limits(max_oci_layers=0))
    assert caught.value.code == "oci.shape"


def test_blobs_that_the_manifest_does_not_name_are_no_part_of_the_image(layout: Path) -> None:
    before = identify_layout(layout)
    put(layout, {"signature": "of something"})
    assert identify_layout(layout) == before


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "tree.missing"),
        (lambda path: path.write_bytes(b""), "oci.not_a_layout"),
        (lambda path: path.symlink_to("."), "tree.symlink"),
        (lambda path: path.mkdir(), "oci.not_a_layout"),
    ],
)
def test_a_path_that_is_no_layout(tmp_path: Path, make: Callable[[Path], object], code: str) -> None:
    make(tmp_path / "image")
    with pytest.raises((IdentityError, MalformedError)) as caught:
        identify_layout(tmp_path / "image")
    assert caught.value.code == code
    assert not is_layout(tmp_path / "image")
