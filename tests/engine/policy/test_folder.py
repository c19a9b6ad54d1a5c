from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.bundle import load_policy_set
from placet_engine.policy.limits import PolicyLimits
from tests.engine.policy.toy import write_toy


def refused(folder: Path, limits: PolicyLimits | None = None) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load_policy_set(folder, limits=limits or PolicyLimits())
    assert caught.value.hint
    return caught.value


def test_tests_schemas_and_junk_are_left_out_and_listed(tmp_path: Path) -> None:
    folder = write_toy(
        tmp_path / "full",
        {
            "README.md": "about",
            "capabilities.json": "{}",
            ".manifest": "{}",
            ".regal/config.yaml": "rules: {}",
            "checks/annotations.rego": "package checks",
            "tests/more.rego": "package tests",
            "docs/index.md": "more",
            "placet/main/main_test.rego": "package placet.main_test",
            "placet/main/notes.txt": "junk",
            "placet/main/.hidden": "junk",
            "placet/main/input.json": "{}",
            "top_test.rego": "package top_test",
        },
    )
    plain = load_policy_set(write_toy(tmp_path / "plain"))
    found = load_policy_set(folder)
    assert found.revision == plain.revision
    assert found.ignored == (
        ".manifest",
        ".regal/",
        "README.md",
        "capabilities.json",
        "checks/",
        "docs/index.md",
        "placet/main/.hidden",
        "placet/main/input.json",
        "placet/main/main_test.rego",
        "placet/main/notes.txt",
        "schemas/",
        "tests/",
        "top_test.rego",
    )
    assert len(load_policy_set(folder, limits=PolicyLimits(max_ignored=2)).ignored) == 2


def test_the_folder_itself_may_be_a_link(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(toy)
    assert load_policy_set(tmp_path / "link").revision == load_policy_set(toy).revision


@pytest.mark.parametrize("where", ["placet/rules/link.rego", "docs"])
def test_a_link_inside_is_refused(tmp_path: Path, where: str) -> None:
    folder = write_toy(tmp_path)
    (folder / where).symlink_to("/etc/hostname")
    assert refused(folder).code == "policy.symlink"


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    folder = write_toy(tmp_path)
    (folder / "placet" / "again").symlink_to(folder)
    assert refused(folder).code == "policy.symlink"


@pytest.mark.parametrize("where", ["main.rego", "acme/rules/mine.rego"])
def test_rego_that_would_never_be_asked_is_refused(tmp_path: Path, where: str) -> None:
    error = refused(write_toy(tmp_path, {where: "package acme"}))
    assert (error.code, error.where) == ("policy.outside_root", where)


@pytest.mark.parametrize("name", ["with space.rego", "n\u00e4me.rego", "new\nline.rego", "-.rego"])
def test_a_name_that_is_no_package_path_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(write_toy(tmp_path, {f"placet/{name}": "package placet.x"})).code == "policy.file_name"


def test_what_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent").code == "policy.missing"
    assert refused(tmp_path).code == "policy.empty"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_toy(tmp_path)
    os.mkfifo(folder / "placet" / "pipe.rego")
    error = refused(folder)
    assert (error.code, error.message) == ("policy.unreadable", "not a regular file")


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    folder = write_toy(tmp_path)
    os.mkfifo(folder / "placet" / "data.json")
    assert refused(folder).where == str(folder / "placet" / "data.json")


def test_a_socket_and_a_path_beyond_the_systems_limit_are_named(tmp_path: Path) -> None:
    folder = write_toy(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "placet" / "data.json"))
        assert refused(folder).code == "policy.unreadable"
    (folder / "placet" / "data.json").unlink()
    at = os.open(folder / "placet", os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=at)
        deeper = os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = deeper
    os.close(at)
    assert refused(folder).message == "cannot be read: File name too long"


def test_hidden_names_may_be_links(tmp_path: Path) -> None:
    folder = write_toy(tmp_path)
    (folder / ".cache").symlink_to("/nowhere")
    assert load_policy_set(folder).ignored == (".cache", "schemas/")


def test_sizes_are_bounded(tmp_path: Path) -> None:
    folder = write_toy(tmp_path, {"placet/a/b/c.rego": "package placet.a.b.c"})
    for limits, words in (
        (PolicyLimits(max_policy_files=2), "2 files"),
        (PolicyLimits(max_policy_bytes=100), "100 bytes"),
        (PolicyLimits(max_policy_file_bytes=300), "300 bytes"),
        (PolicyLimits(max_policy_depth=2), "2 nested folders"),
    ):
        error = refused(folder, limits)
        assert error.code == "policy.too_large"
        assert words in error.message
