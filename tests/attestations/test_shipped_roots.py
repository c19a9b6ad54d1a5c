from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, VerificationError
from placet_attestations.roots.shipped_roots import FOLDER, SHIPPED, shipped_root
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.times import parse_time

IDS = ("public-good", "staging")


@pytest.mark.parametrize("name", IDS)
def test_a_shipped_root_is_sigstores_own(name: str) -> None:
    root = shipped_root(name)
    theirs = files("sigstore") / "_store" / quote(root.url, safe="")
    assert root.read_trusted_root() == (theirs / "trusted_root.json").read_bytes()
    assert root.read_tuf_root() == (theirs / "root.json").read_bytes()
    assert TrustedRoot.parse(root.read_trusted_root()).digest == root.trusted_root


def test_its_readme_says_the_same_digests_and_the_same_day() -> None:
    readme = (FOLDER / "README.md").read_text()
    for root in SHIPPED.values():
        assert root.trusted_root.hex in readme
        assert root.tuf_root.hex in readme
        assert f"{root.vouched:%Y-%m-%d}" in readme
        tuf = json.loads(root.read_tuf_root())
        assert parse_time(tuf["signed"]["expires"]) == root.vouched
    names = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    assert names == {f"{name}.{kind}_root.json" for name in IDS for kind in ("trusted", "tuf")}


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "roots")
    for name in ("trusted", "tuf"):
        path = folder / f"staging.{name}_root.json"
        path.write_bytes(path.read_bytes() + b"\n")
    root = shipped_root("staging")
    for read in (root.read_trusted_root, root.read_tuf_root):
        with pytest.raises(VerificationError) as caught:
            read(folder=folder)
        assert caught.value.code == "root.shipped"
    assert (
        Digest.of(shipped_root("public-good").read_tuf_root(folder=folder)) == SHIPPED["public-good"].tuf_root
    )


def test_an_unknown_one_says_what_there_is() -> None:
    with pytest.raises(MalformedError, match="public-good") as caught:
        shipped_root("public-goods")
    assert caught.value.code == "root.unknown"
