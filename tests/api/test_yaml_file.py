from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from placet_api.errors import ConfigurationError
from placet_api.yaml_file import MAX_BYTES, read_mapping
from placet_attestations.errors import IdentityError, MalformedError


def read(tmp_path: Path, text: str | bytes) -> dict[str, Any]:
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_mapping(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\n\n", {}),
        ("# nothing but words\n", {}),
        ("a: 1\nb: {c: [x, true, 1.5]}", {"a": 1, "b": {"c": ["x", True, 1.5]}}),
        ('{"a": "json too"}', {"a": "json too"}),
        ("from: 2026-01-01\nto: 2026-01-01T00:00:00Z", {"from": "2026-01-01", "to": "2026-01-01T00:00:00Z"}),
        ("yes: no", {"yes": "no"}),
        ("version: '1'\nnothing:", {"version": "1", "nothing": None}),
    ],
)
def test_what_people_write_is_read_and_dates_stay_text(
    tmp_path: Path, text: str, expected: dict[str, Any]
) -> None:
    assert read(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "line", "code", "words"),
    [
        ("a: 1\na: 2", 2, "yaml.duplicate_key", '"a" stands twice'),
        ("a:\n  b: 1\n  b: 2", 3, "yaml.duplicate_key", '"b" stands twice'),
        ("a: &x 1\nb: *x", 2, "yaml.alias", "aliases"),
        ("? [a]\n: b", 1, "yaml.type", "a key must be text"),
        ("<<: {a: 1}", 1, "yaml.type", "a key must be text"),
        ("a:\n  !!python/object/apply:os.system [ls]", 2, "yaml.tag", "is not accepted"),
        ("b: 1\na: !!binary aGk=", 2, "yaml.tag", "is not accepted"),
        ("a: ]", 1, "yaml.syntax", "not YAML"),
        ("a: b: c", 1, "yaml.syntax", "mapping values are not allowed"),
        ("a: 1\n---\nb: 2", 2, "yaml.syntax", "a second document"),
        ("a:\n\t- 1", 2, "yaml.syntax", "not YAML"),
        pytest.param("a: " + "[" * 50000, 1, "yaml.too_deep", "nested deeper", id="deep"),
        ("a: 12345678901234567890", 1, "yaml.number", "beyond 2^53 - 1"),
        ("a: 1e999", 1, "yaml.not_finite", "too large"),
        (b"a: \x01", 1, "yaml.syntax", "a character that YAML does not allow"),
        (b"a: \xff\xfe", 1, "yaml.encoding", "not UTF-8"),
    ],
)
def test_what_could_be_misread_is_refused_at_its_line(
    tmp_path: Path, text: str | bytes, line: int, code: str, words: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        read(tmp_path, text)
    assert caught.value.code == code
    assert caught.value.where == f"{tmp_path / 'file.yaml'}:{line}"
    assert words in caught.value.message


@pytest.mark.parametrize("text", ["- a", "just text", "5", "[]", "~"])
def test_the_top_level_is_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    assert caught.value.code == "yaml.shape"


def test_a_file_that_is_none_or_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(IdentityError):
            read_mapping(path)
    with pytest.raises(MalformedError) as caught:
        read(tmp_path, b"a: " + b"x" * MAX_BYTES)
    assert caught.value.code == "file.too_large"
