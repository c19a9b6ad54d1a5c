from __future__ import annotations

from pathlib import Path

import pytest

from placet_api.errors import ConfigurationError
from placet_api.project import anywhere, find_root, open_project


def test_a_project_is_found_upwards_by_its_file_or_its_state(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    assert find_root(deep) is None
    (tmp_path / ".placet").mkdir()
    assert find_root(deep) == tmp_path
    (tmp_path / "a" / "placet.yaml").write_text("")
    assert find_root(deep) == tmp_path / "a"
    (deep / "placet.yaml").mkdir()  # a folder of that name is no settings file
    assert find_root(deep) == tmp_path / "a"


def test_where_there_is_none_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_project(tmp_path, {}, {})
    assert caught.value.code == "project.missing"
    assert caught.value.hint == "start a project here:  placet init"
    assert anywhere(tmp_path, {}, {}).root == tmp_path


def test_paths_count_from_where_they_were_written(tmp_path: Path) -> None:
    here = tmp_path / "deep"
    here.mkdir()
    (tmp_path / "placet.yaml").write_text("trust: a.yaml\nstore: sqlite:///x/s.db\n")
    variables = {"PLACET_POLICIES": "p", "PLACET_LOG_KEY": "/abs/key"}
    project = open_project(here, {"settings": "s.yaml"}, variables)
    assert project.path("trust") == tmp_path / "a.yaml"
    assert project.kept_head() == tmp_path / "x" / "s.db.head"
    assert project.path("log.key") == Path("/abs/key")
    assert project.optional_path("policies") == here / "p"
    assert project.optional_path("settings") == here / "s.yaml"
    assert project.optional_path("opa.path") is None
    assert project.database() == tmp_path / "x" / "s.db"
    assert anywhere(here, {"store": "sqlite:///s.db"}, {}).database() == here / "s.db"
    assert anywhere(here, {}, {"PLACET_LOG_HEAD": "h"}).kept_head() == here / "h"
    assert project.cache == tmp_path / ".placet" / "cache"


def test_a_home_directory_that_nobody_has_is_a_wrong_setting(tmp_path: Path) -> None:
    project = anywhere(tmp_path, {}, {"PLACET_TRUST": "~nobody-of-this-name/trust.yaml"})
    with pytest.raises(ConfigurationError) as caught:
        project.path("trust")
    assert (caught.value.code, caught.value.where) == ("settings.home", "PLACET_TRUST")


def test_another_store_than_sqlite_is_refused_without_its_password(tmp_path: Path) -> None:
    project = anywhere(tmp_path, {"store": "postgresql://me:secret@host/db"}, {})
    with pytest.raises(ConfigurationError) as caught:
        project.database()
    assert caught.value.code == "store.scheme"
    assert "secret" not in str(caught.value)
