"""YAML scalars by the core schema of YAML 1.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import MAX_INTEGER, JsonValue, dumps
from placet_attestations.strictyaml import load
from placet_attestations.yaml_values import to_json


def read(text: str) -> JsonValue:
    return to_json(load(text.encode(), file="x.yaml", code="yaml", max_bytes=1 << 20))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("+7", 7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("yes", "yes"),
        ("on", "on"),
        ("2026-01-01", "2026-01-01"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ('"1"', "1"),
        ("'true'", "true"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: JsonValue) -> None:
    read_value = read(f"key: {text}")
    assert read_value == {"key": value}
    assert isinstance(read_value, dict)
    assert type(read_value["key"]) is type(value)


def test_an_absent_value_is_null() -> None:
    assert read("key:\nother: [a, {b: 2}]\n") == {"key": None, "other": ["a", {"b": 2}]}


@pytest.mark.parametrize("text", [str(MAX_INTEGER + 1), "9" * 40, f"-{MAX_INTEGER + 1}"])
def test_refuses_an_integer_that_json_readers_round(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read(f"a: 1\nkey: {text}")
    assert caught.value.code == "yaml.number"
    assert caught.value.where == "x.yaml:2"


def test_refuses_a_number_that_is_infinite() -> None:
    with pytest.raises(MalformedError) as caught:
        read("key: 1e999")
    assert caught.value.code == "yaml.not_finite"


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), min_size=1), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(
    st.dictionaries(
        st.text(st.characters(min_codepoint=0x61, max_codepoint=0x7A), min_size=1), _json, max_size=4
    )
)
def test_json_is_yaml(value: dict[str, JsonValue]) -> None:
    assert dumps(read(dumps(value).decode())) == dumps(value)
