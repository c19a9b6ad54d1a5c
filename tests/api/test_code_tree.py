from __future__ import annotations

import os
from pathlib import Path

import pytest

from placet_api.code_tree import identify_code
from placet_api.errors import UsageError
from placet_api.local import Local
from placet_attestations.errors import IdentityError
from placet_attestations.trees import identify
from tests.api.projects import git


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    (folder / "train.py").write_text("print()\n")
    (folder / "lib" / "a.py").write_text("A = 1\n")
    return folder


@pytest.fixture
def repository(tree: Path) -> Path:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "first")
    return tree


def test_a_folder_without_git_is_all_its_files_but_placets_own(tree: Path) -> None:
    before = identify_code(tree)
    assert before == Local(str(tree), identify(tree).digest, "code")
    (tree / ".placet").mkdir()
    (tree / ".placet" / "placet.db").write_text("state")
    assert identify_code(tree).digest == before.digest
    (tree / "new.py").write_text("")
    assert identify_code(tree).digest != before.digest


def test_in_git_the_tracked_files_count_as_they_lie_on_the_disk(repository: Path) -> None:
    before = identify_code(repository)
    assert before.commit is not None
    assert len(before.commit) == 40
    (repository / "model.bin").write_text("not tracked")
    assert identify_code(repository) == before
    (repository / "train.py").write_text("changed, not committed\n")
    changed = identify_code(repository)
    assert changed.digest != before.digest
    assert changed.commit == before.commit
    (repository / "train.py").unlink()
    assert identify_code(repository).digest not in (before.digest, changed.digest)


def test_a_folder_in_a_repository_is_its_own_files(repository: Path) -> None:
    assert identify_code(repository / "lib").digest == identify(repository / "lib").digest


def test_a_repository_without_a_commit_has_none(tree: Path) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", "train.py")
    found = identify_code(tree)
    assert found.commit is None
    assert found.digest != identify(tree / "lib").digest


def test_nothing_tracked_is_no_code(tree: Path) -> None:
    git(tree, "init", "--quiet")
    with pytest.raises(UsageError) as caught:
        identify_code(tree)
    assert caught.value.code == "code.empty"


def test_a_tracked_link_is_refused_and_not_followed(repository: Path) -> None:
    (repository / "link.py").symlink_to("/etc/hostname")
    git(repository, "add", ".")
    with pytest.raises(IdentityError):
        identify_code(repository)


@pytest.mark.parametrize("name", [b"bad\xff.py", b"new\nline.py"])
def test_a_tracked_name_that_no_manifest_can_carry_is_refused(repository: Path, name: bytes) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(repository), name))).write_text("")  # noqa: PTH118
    git(repository, "add", ".")
    with pytest.raises(IdentityError) as caught:
        identify_code(repository)
    assert caught.value.code == "tree.name"


def test_without_git_on_the_machine_every_file_counts(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert identify_code(repository / "lib").digest == identify(repository / "lib").digest
    assert identify_code(repository).commit is None


def test_a_repository_that_git_cannot_read_has_no_silent_other_identity(repository: Path) -> None:
    (repository / ".git" / "index").write_text("no index")
    with pytest.raises(UsageError) as caught:
        identify_code(repository)
    assert caught.value.code == "code.git"
