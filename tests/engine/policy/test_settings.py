from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.archive import PolicyFile
from placet_engine.policy.bundle import PolicySet, load_policy_archive, load_policy_set
from placet_engine.policy.settings_overlay import (
    check_codes,
    check_settings,
    did_you_mean,
    merge,
    read_settings,
    settings_file,
)
from tests.engine.policy.toy import SCHEMA, write_toy


def yaml_settings(text: str) -> Any:
    return read_settings(PolicyFile("placet/settings/data.yaml", text.encode()))


def test_objects_merge_key_by_key_and_the_rest_is_replaced() -> None:
    base: Any = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    over: Any = {"a": {"y": [3]}, "b": {"n": 1}, "c": 2, "d": None}
    assert merge(base, over) == {"a": {"x": 1, "y": [3]}, "b": {"n": 1}, "c": 2, "d": None}
    assert base["a"] == {"x": 1, "y": [1, 2]}


def test_an_overlay_changes_settings_revision_and_nothing_else(toy: Path, policy_set: PolicySet) -> None:
    changed = load_policy_set(toy, overlay={"gates": {"register": {"mode": "warn"}}})
    assert changed.settings() == {
        "limit": 3,
        "gates": {"register": {"collections": ["base"], "mode": "warn"}},
        "unwaivable": ["first.there"],
    }
    assert changed.revision != policy_set.revision
    assert changed.settings_sha256 != policy_set.settings_sha256
    assert [file.path for file in changed.files][-1] == "placet/settings/data.json"
    assert load_policy_archive(changed.archive).revision == changed.revision
    assert load_policy_archive(policy_set.archive, overlay={"limit": 4}).settings()["limit"] == 4


def test_the_same_overlay_gives_the_same_revision(toy: Path) -> None:
    one = load_policy_set(
        toy, overlay={"limit": 5, "gates": {"recheck": {"mode": "warn", "collections": []}}}
    )
    two = load_policy_set(
        toy, overlay={"gates": {"recheck": {"collections": [], "mode": "warn"}}, "limit": 5}
    )
    assert one.archive == two.archive


def test_an_empty_overlay_changes_nothing(toy: Path, policy_set: PolicySet) -> None:
    assert load_policy_set(toy, overlay={}).revision == policy_set.revision


def test_an_overlay_makes_settings_where_there_were_none(tmp_path: Path) -> None:
    folder = write_toy(tmp_path, {"placet/settings/data.yaml": None})
    assert load_policy_set(folder).settings() == {}
    assert load_policy_set(folder).settings_sha256 is None
    assert load_policy_set(folder, overlay={"limit": 1}).settings() == {"limit": 1}


def test_an_overlay_holds_json_only(toy: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy_set(toy, overlay={"limit": float("nan")})
    assert caught.value.code == "settings.invalid"


def test_settings_stand_in_one_file() -> None:
    files = [PolicyFile(f"placet/settings/data.{kind}", b"{}") for kind in ("json", "yaml")]
    with pytest.raises(PolicyError, match=r"data\.json and placet/settings/data\.yaml"):
        settings_file(files)
    assert settings_file(files[:1]) is files[0]
    assert settings_file([]) is None


def test_json_settings_are_read_strictly() -> None:
    assert read_settings(PolicyFile("placet/settings/data.json", b'{"a":1}')) == {"a": 1}
    for bad in (b"[]", b'{"a":1,"a":2}', b"{"):
        with pytest.raises(PolicyError) as caught:
            read_settings(PolicyFile("placet/settings/data.json", bad))
        assert caught.value.code == "settings.invalid"


def test_yaml_settings_are_read() -> None:
    text = 'a: 1\nb: [x, 2.5, null, true]\n"*": {c.d: "2026-01-01"}\n'
    assert yaml_settings(text) == {"a": 1, "b": ["x", 2.5, None, True], "*": {"c.d": "2026-01-01"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 'the key "a" stands twice, first in line 1 (placet/settings/data.yaml:3)'),
        ("a: &x {b: 1}\nc: *x\n", "aliases (*name) are not accepted (placet/settings/data.yaml:2)"),
        ("a: !!binary aGk=\n", "is not accepted"),
        ("a: !!python/object:os.system x\n", "is not accepted"),
        ("a: [1\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        ("a: 1e999\n", "too large"),
        ("- a\n", "settings are not an object"),
        ("", "the file is empty"),
        ("a: " + "[" * 3000, "nested deeper than"),
    ],
)
def test_yaml_that_means_several_things_is_refused(text: str, words: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(words)) as caught:
        yaml_settings(text)
    assert caught.value.code == "settings.invalid"


def test_yaml_that_is_no_text_is_refused() -> None:
    with pytest.raises(PolicyError):
        read_settings(PolicyFile("placet/settings/data.yaml", b"a: \xff\xfe"))


GOOD: Any = {"limit": 3, "gates": {"register": {"collections": [], "x_own": 1}}, "unwaivable": []}


def test_good_settings_pass() -> None:
    check_settings(GOOD, SCHEMA.encode())


@pytest.mark.parametrize(
    ("overlay", "where", "message", "hint"),
    [
        ({"limitt": 4}, "settings.limitt", "unknown setting settings.limitt", "did you mean 'limit'?"),
        ({"zzz": 4}, "settings.zzz", "unknown setting settings.zzz", "known: gates, limit, unwaivable"),
        (
            {"gates": {"register": {"mod": "warn"}}},
            "settings.gates.register.mod",
            "unknown setting settings.gates.register.mod",
            "did you mean 'mode'?",
        ),
        ({"gates": {"regster": {}}}, "settings.gates.regster", "unknown setting", "did you mean 'register'?"),
        ({"limit": "4"}, "settings.limit", "'4' is not of type 'integer'", "placet policy show"),
        (
            {"gates": {"recheck": {"mode": "off"}}},
            "settings.gates.recheck.mode",
            "'off' is not one of",
            "placet",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_meant(
    overlay: dict[str, Any], where: str, message: str, hint: str
) -> None:
    merged: Any = merge(GOOD, overlay)
    with pytest.raises(PolicyError) as caught:
        check_settings(merged, SCHEMA.encode())
    error = caught.value
    assert (error.code, error.where) == ("settings.invalid", where)
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize("schema", [b"", b"{", b'{"type": "nonsense"}', b"\xff", b"[]"])
def test_a_schema_that_is_none_is_refused(schema: bytes) -> None:
    with pytest.raises(PolicyError) as caught:
        check_settings(GOOD, schema)
    assert caught.value.code == "settings.schema"


def test_a_schema_elsewhere_is_never_fetched() -> None:
    schema = json.dumps({"$ref": "https://127.0.0.1:1/schema.json"}).encode()
    with pytest.raises(PolicyError) as caught:
        check_settings(GOOD, schema)
    assert caught.value.code == "settings.schema"


RULES = {"first.there": ("base",), "second.there": ("extra",)}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"unwaivable": "all", "gates": []},
        {"gates": {"a": 1, "b": {"collections": ["extra"]}}, "unwaivable": ["first.there"]},
    ],
)
def test_settings_that_name_what_exists_pass(settings: dict[str, Any]) -> None:
    check_codes(settings, RULES)


@pytest.mark.parametrize(
    ("settings", "where", "hint"),
    [
        ({"unwaivable": ["first.their"]}, "settings.unwaivable", "did you mean 'first.there'?"),
        ({"gates": {"b": {"collections": ["bass"]}}}, "settings.gates.b.collections", "did you mean 'base'?"),
    ],
)
def test_settings_that_name_what_no_rule_has_are_refused(
    settings: dict[str, Any], where: str, hint: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        check_codes(settings, RULES)
    assert (caught.value.where, caught.value.hint) == (where, hint)


def test_a_hint_exists_even_when_nothing_is_known() -> None:
    assert "placet policy show" in did_you_mean("x", [])
