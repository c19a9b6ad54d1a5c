"""Files of signed things: known by name or content, read once, each piece with where it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from placet_api.bundle_files import find_bundles, read_bundles
from placet_attestations.errors import IdentityError, MalformedError
from placet_attestations.limits import Limits
from tests.builders import a_bundle

RAW = a_bundle()


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "a.sigstore.json",
        "a.sigstore",
        "a.jsonl",
        "a.intoto.jsonl",
        "a.publish.attestation",
        "a.whl.provenance",
        "model.sig",
    ],
)
def test_files_are_known_by_their_names(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, b"whatever")
    assert find_bundles(path) == read_bundles(path) == [(str(path), b"whatever")]


def test_other_files_are_known_by_what_they_say(tmp_path: Path) -> None:
    path = write(tmp_path, "answer.json", json.dumps({"attestations": [{"bundle": {}}] * 2}).encode())
    assert find_bundles(path) == [(f"{path}#1", b"{}"), (f"{path}#2", b"{}")]
    path = write(tmp_path, "lines", RAW + b"\r\n\r\n{}\r\n")
    assert find_bundles(path) == [(f"{path}:1", RAW), (f"{path}:3", b"{}")]
    assert find_bundles(write(tmp_path, "other.sig", b"whatever")) is None
    assert find_bundles(write(tmp_path, "other.json", b"{}")) is None


def test_what_cannot_be_read_is_no_file_of_bundles_unless_it_is_called_so(tmp_path: Path) -> None:
    small = Limits(max_container_bytes=10)
    assert find_bundles(write(tmp_path, "large", RAW), small) is None
    with pytest.raises(MalformedError) as caught:
        find_bundles(write(tmp_path, "large.sigstore.json", RAW), small)
    assert caught.value.code == "file.too_large"
    assert find_bundles(tmp_path / "nowhere") is None
    assert find_bundles(tmp_path) is None
    with pytest.raises(IdentityError):
        read_bundles(tmp_path / "nowhere")
