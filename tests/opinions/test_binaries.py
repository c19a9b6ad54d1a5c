from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from placet_build.errors import BuildError
from tests.build.fake_go import FakeGo
from tests.opinions.binaries import NPM_PACKAGE, Node, cosign, sigstore_js

# In npm's stead: it notes that it was called, and leaves one package.
_NPM = """#!/bin/sh
echo called >> '{folder}/calls'
[ '{failure}' ] && {{ echo '{failure}' >&2; exit 1; }}
mkdir -p node_modules/@sigstore && echo text > node_modules/@sigstore/index.js
"""


def fake_node(folder: Path, failure: str = "") -> Node:
    program = folder / "node"
    program.write_text(_NPM.format(folder=folder, failure=failure))
    program.chmod(0o755)
    return Node(program, folder / "npm-cli.js")


def test_cosign_is_compiled_once_and_again_when_damaged(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go")
    environ = go.environ(tmp_path / "home")
    program = cosign(environ)
    assert cosign(environ) == program
    assert go.calls().count("build") == 1
    program.write_text("damaged")
    assert cosign(environ) == program
    assert go.calls().count("build") == 2


def test_packages_are_installed_once_and_again_when_damaged(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    node = fake_node(tmp_path)
    entry = sigstore_js(environ, node)
    assert sigstore_js(environ, node) == entry
    assert (tmp_path / "calls").read_text().count("called") == 1
    (entry / "node_modules" / "@sigstore" / "index.js").write_text("damaged")
    assert sigstore_js(environ, node) == entry
    assert (tmp_path / "calls").read_text().count("called") == 2


def test_what_cannot_be_installed_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with pytest.raises(BuildError, match="the registry is away"):
        sigstore_js(environ, fake_node(tmp_path, "the registry is away"))
    assert [path.name for path in (tmp_path / ".cache/placet/sigstore-js").iterdir()] == [".lock"]


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    text = (NPM_PACKAGE / "package-lock.json").read_text()
    packages = {name: item for name, item in json.loads(text)["packages"].items() if name}
    assert len(packages) == 4
    assert all(item["integrity"].startswith("sha512-") for item in packages.values())
    assert "://" not in text
