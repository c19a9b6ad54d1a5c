from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from placet_api.errors import ConfigurationError
from placet_api.settings import TABLE, Setting, Settings, Value, load, resolve

SAMPLES: dict[type, tuple[Any, Any, Any]] = {
    str: ("option", "variable", "file"),
    int: (3, "4", 5),
    float: (3.5, "4.5", 5.5),
}


def nested(key: str, value: object) -> dict[str, Any]:
    """`opa.path` as it stands in the file: a group and a key in it."""
    group, dot, name = key.partition(".")
    return {group: {name: value}} if dot else {key: value}


def refusal(file: dict[str, Any]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        resolve({}, {}, file, "placet.yaml")
    return caught.value


@pytest.mark.parametrize(
    "setting", [s for s in TABLE if s.kind is not list and not s.secret], ids=lambda setting: setting.key
)
def test_option_beats_variable_beats_file_beats_default(setting: Setting) -> None:
    option, variable, file = SAMPLES[setting.kind]
    layers: list[tuple[dict[str, Value], dict[str, str], dict[str, Any] | None, Value, str]] = [
        ({setting.key: option}, {setting.variable: variable}, nested(setting.key, file), option, "option"),
        (
            {setting.key: None},
            {setting.variable: variable},
            nested(setting.key, file),
            None,
            setting.variable,
        ),
        ({}, {}, nested(setting.key, file), file, "placet.yaml"),
        ({}, {}, None, setting.default, "default"),
    ]
    for options, variables, tree, value, source in layers:
        settings = resolve(options, variables, tree, "placet.yaml")
        expected = setting.kind(variable) if source == setting.variable else value
        assert settings.values[setting.key] == expected
        assert settings.sources[setting.key] == source


@pytest.mark.parametrize("setting", [s for s in TABLE if s.kind is list], ids=lambda setting: setting.key)
def test_a_list_stands_in_the_file_only(setting: Setting) -> None:
    found = resolve({}, {setting.variable: "[]"}, nested(setting.key, [1]), "placet.yaml")
    assert (found.items(setting.key), found.sources[setting.key]) == ([1], "placet.yaml")
    assert resolve({}, {}, None, "placet.yaml").items(setting.key) == []
    assert refusal(nested(setting.key, "text")).code == "settings.type"


@pytest.mark.parametrize("setting", [s for s in TABLE if s.secret], ids=lambda setting: setting.key)
def test_a_secret_stands_in_no_file(setting: Setting) -> None:
    assert resolve({}, {setting.variable: "x"}, None, "placet.yaml").text(setting.key) == "x"
    assert refusal(nested(setting.key, "x")).code == "settings.secret"


def test_each_setting_has_a_variable_of_its_own_and_words() -> None:
    assert len({setting.variable for setting in TABLE}) == len(TABLE)
    assert all(setting.words for setting in TABLE)
    assert {s.variable for s in TABLE if s.key == "opa.path"} == {"PLACET_OPA_PATH"}


def test_a_key_that_is_near_nothing_gets_the_list_and_not_a_command_that_dies_of_it() -> None:
    hint = refusal({"zzzzzzzz": 1}).hint or ""
    assert hint.startswith("the settings are anchors, client.…, ")
    assert "doctor" not in hint


@pytest.mark.parametrize(
    ("file", "key", "hint"),
    [
        ({"stroe": "x"}, "stroe", "did you mean store?"),
        ({"opa": {"pth": "x"}}, "opa.pth", "did you mean opa.path?"),
        ({"log": {"log.key": "x"}}, "log.log.key", "did you mean log.key?"),
        ({"listen": 1}, "listen", "did you mean http.listen or kubernetes.listen?"),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(file: dict[str, Any], key: str, hint: str) -> None:
    error = refusal(file)
    assert (error.code, error.hint, error.where) == ("settings.unknown", hint, "placet.yaml")
    assert key in error.message


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ({"store": 5}, "store must be text, not 5"),
        ({"store": ["a"]}, "store must be text"),
        ({"store": True}, "store must be text"),
        ({"limits": {"facts": "many"}}, "a whole number above 0"),
        ({"limits": {"facts": 1.5}}, "a whole number above 0, not 1.5"),
        ({"limits": {"facts": 0}}, "a whole number above 0"),
        ({"limits": {"facts": -1}}, "a whole number above 0"),
        ({"limits": {"facts": True}}, "a whole number above 0"),
        ({"limits": {"facts": [1]}}, "a whole number above 0"),
        ({"limits": {"facts": float("inf")}}, "a whole number above 0"),
        ({"opa": {"timeout": "soon"}}, "a number above 0"),
        ({"opa": {"timeout": float("nan")}}, "a number above 0"),
        ({"opa": {"timeout": float("inf")}}, "a number above 0"),
        ({"opa": {"timeout": 0}}, "a number above 0"),
        ({"opa": {"timeout": 10**400}}, "a number above 0"),
        ({"opa": "here"}, "opa holds settings, not 'here'"),
        ({"log": ["key"]}, "log holds settings"),
    ],
)
def test_a_value_of_another_type_is_refused(file: dict[str, Any], words: str) -> None:
    error = refusal(file)
    assert error.code == "settings.type"
    assert words in error.message
    assert error.where is not None
    assert error.where.startswith("placet.yaml: ")


def test_a_variable_of_another_type_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigurationError, match=r"opa\.timeout must be a number .*PLACET_OPA_TIMEOUT"):
        resolve({}, {"PLACET_OPA_TIMEOUT": "soon"}, None, "placet.yaml")


def test_a_group_without_anything_in_it_says_nothing() -> None:
    settings = resolve({}, {}, {"opa": None, "log": {}}, "placet.yaml")
    assert settings.sources["opa.path"] == settings.sources["log.key"] == "default"


def test_a_dotted_key_is_the_same_setting_and_is_not_given_twice() -> None:
    assert resolve({}, {}, {"opa.path": "here"}, "placet.yaml").text("opa.path") == "here"
    error = refusal({"opa.path": "here", "opa": {"path": "there"}})
    assert (error.code, error.message) == ("settings.twice", "setting opa.path is given twice")


def test_a_setting_that_must_have_a_value_says_how_to_give_one() -> None:
    settings = resolve({}, {}, {"store": None, "opa": {"timeout": None}}, "placet.yaml")
    for ask in (lambda: settings.text("store"), lambda: settings.number("opa.timeout")):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert caught.value.code == "settings.missing"
        assert caught.value.hint is not None
        assert caught.value.hint.startswith("set PLACET_")


def test_values_are_read_by_their_kind() -> None:
    settings = Settings({"store": "s", "trust": None, "opa.timeout": 2}, {})
    assert settings.text("store") == "s"
    assert settings.optional("trust") is None
    assert settings.optional("opa.timeout") == "2"
    assert settings.number("opa.timeout") == 2.0


def test_a_file_is_read_when_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "placet.yaml"
    assert load({}, {}, None).text("trust") == "trust.yaml"
    assert load({}, {}, file).sources["trust"] == "default"
    file.write_text("trust: who.yaml\nsigning: {default: dev}\n")
    settings = load({}, {}, file)
    assert settings.text("trust") == "who.yaml"
    assert settings.sources["signing.default"] == "placet.yaml"
