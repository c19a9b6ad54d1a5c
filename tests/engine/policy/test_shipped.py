from __future__ import annotations

from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.shipped import shipped_capabilities, shipped_policies, shipped_settings_schema


def place(folder: Path) -> Path:
    (folder / "placet" / "main").mkdir(parents=True)
    (folder / "placet" / "main" / "main.rego").write_text("package placet.main")
    return folder


def test_an_installed_policy_set_lies_beside_the_package(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    packaged = place(site / "placet_policies")
    place(tmp_path / "policies")
    assert shipped_policies(site) == packaged
    assert shipped_capabilities(site) == packaged / "capabilities.json"
    assert shipped_settings_schema(site) == packaged / "schemas" / "settings.json"


def test_in_a_checkout_it_is_the_folder_policies(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    assert shipped_policies(place(tmp_path / "policies").parent / "engine") == tmp_path / "policies"


def test_an_installation_without_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        shipped_policies(tmp_path / "site-packages")
    assert caught.value.code == "policy.missing"
