"""Strict JSON: what is refused and why, what comes back unchanged."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import IdentityError, MalformedError
from placet_attestations.strictjson import MAX_INTEGER, dumps, loads, read_bounded

MIB = 1024 * 1024


def load(text: str | bytes, **options: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return loads(data, max_bytes=options.pop("max_bytes", MIB), **options)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "json.syntax"),
        ("hello", "json.syntax"),
        ("{'a': 1}", "json.syntax"),
        ('{"a": 1,}', "json.syntax"),
        ('{"a": 1} x', "json.syntax"),
        ("[1, 2", "json.syntax"),
        ('"no end', "json.syntax"),
        ('"a\nb"', "json.syntax"),
        ("// a comment\n1", "json.syntax"),
        ("\ufeff{}", "json.syntax"),
        ("\\[", "json.syntax"),
        ("01", "json.syntax"),
        ('{"a": 1, "b": 2, "a": 1}', "json.duplicate_key"),
        ('[{"x": {"a": 1, "\\u0061": 2}}]', "json.duplicate_key"),
        ("NaN", "json.not_finite"),
        ('{"a": [Infinity]}', "json.not_finite"),
        ("-Infinity", "json.not_finite"),
        ("1e999", "json.not_finite"),
        ("-1e999", "json.not_finite"),
        ("9007199254740992", "json.number"),
        ("-9007199254740992", "json.number"),
        ("9" * 10_000, "json.number"),
        ('"\\ud800"', "json.surrogate"),
        ('{"\\udc00 a": 1}', "json.surrogate"),
        ('"\\udc00\\ud800"', "json.surrogate"),
        (b'"\xff"', "json.invalid_utf8"),
        (b'"\xed\xa0\x80"', "json.invalid_utf8"),
        (b"\x80", "json.invalid_utf8"),
    ],
    ids=lambda value: ascii(value)[:40] if len(value) < 100 else "long",
)
def test_refuses(text: str | bytes, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        load(text, where="bundle.json")
    assert caught.value.code == code
    assert caught.value.where == "bundle.json"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (" [true, false] ", [True, False]),
        ('{"a": {"b": []}}', {"a": {"b": []}}),
        (str(MAX_INTEGER), MAX_INTEGER),
        (str(-MAX_INTEGER), -MAX_INTEGER),
        ("-0", 0),
        ("1e308", 1e308),
        ("1e-999", 0.0),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\\\ud800"', "\\ud800"),
        ('"[[[[{{{{"', "[[[[{{{{"),
        ('"\\"[[[["', '"[[[['),
        ('{"a": 1, "b": {"a": 2}}', {"a": 1, "b": {"a": 2}}),
    ],
)
def test_accepts(text: str, value: object) -> None:
    assert load(text, max_depth=3) == value


def test_an_error_says_where_in_the_text() -> None:
    with pytest.raises(MalformedError, match="line 2, column 3"):
        load("{\n  x: 1}")
    with pytest.raises(MalformedError, match='the key "who" stands twice'):
        load('{"who": "a", "who": "b"}')
    with pytest.raises(MalformedError) as caught:
        load("[" + "9" * 100_000 + "]")
    assert len(str(caught.value)) < 200


def test_the_size_is_refused_before_anything_else() -> None:
    with pytest.raises(MalformedError) as caught:
        load(b"\xff" * 101, max_bytes=100)
    assert caught.value.code == "json.too_large"
    assert caught.value.where is None
    assert load(b"1" + b" " * 99, max_bytes=100) == 1


def test_a_hundred_megabytes_are_read_or_refused() -> None:
    data = b'["' + b"[" * (100 * MIB - 4) + b'"]'
    with pytest.raises(MalformedError) as caught:
        loads(data, max_bytes=16 * MIB)
    assert caught.value.code == "json.too_large"
    value = loads(data, max_bytes=100 * MIB)
    assert isinstance(value, list)
    assert len(str(value[0])) == 100 * MIB - 4


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 100_000,
        '[{"a":' * 50_000,
        "[" * 66 + "]" * 66,
        "[" * 65 + "]" * 65,
        "[[]," * 65 + "1" + "]" * 65,
        '{"\\"":[' * 40 + "1" + "]}" * 40,
        "[" * 65 + '"unterminated',
    ],
    ids=lambda text: text[:12],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        load(text)
    assert caught.value.code == "json.too_deep"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 64 + "]" * 64,
        "[" + ",".join(["[[]]"] * 1000) + "]",
        '["' + "[" * 1000 + '"]',
        '{"' + "{" * 100 + '": {"\\\\": "' + "\\" * 100 + "[" * 100 + '"}}',
    ],
    ids=lambda text: text[:12],
)
def test_nesting_up_to_the_limit_is_read(text: str) -> None:
    assert load(text) == json.loads(text)


@pytest.mark.parametrize("text", ["[" * 40 + "]" * 80, "]" * 100 + "[" * 100, "[]" * 100 + "]"])
def test_unbalanced_brackets_are_a_syntax_error(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        load(text)
    assert caught.value.code == "json.syntax"


def test_a_limit_beyond_what_the_scanner_can_do() -> None:
    with pytest.raises(MalformedError) as caught:
        load("[" * 200_000 + "]" * 200_000, max_depth=1_000_000)
    assert caught.value.code == "json.too_deep"
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(MalformedError) as caught:
        dumps(value)
    assert caught.value.code == "json.too_deep"


class Stranger:
    """Nothing that JSON knows."""


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("nan"), "json.not_finite"),
        ({"a": [float("inf")]}, "json.not_finite"),
        ("\ud800", "json.surrogate"),
        ({"\udfff": 1}, "json.surrogate"),
        (Stranger(), "json.type"),
        (b"bytes", "json.type"),
        ({"a": {1, 2}}, "json.type"),
        ({1: "a", "b": 2}, "json.type"),
    ],
)
def test_dumps_refuses(value: Any, code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        dumps(value)
    assert caught.value.code == code


def test_dumps_refuses_a_circle() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(MalformedError) as caught:
        dumps(circle)
    assert caught.value.code == "json.not_finite"


def test_dumps_takes_every_mapping_and_sequence() -> None:
    value = MappingProxyType({"b": (1, 2), "a": range(2)})
    assert dumps(value) == b'{"a":[0,1],"b":[1,2]}'


def test_dumps_is_compact_sorted_and_utf8() -> None:
    assert dumps({"é": "ü", "a": [1, 2.5, None, True], "Z": {}}) == (
        '{"Z":{},"a":[1,2.5,null,true],"é":"ü"}'.encode()
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    data = dumps(value)
    again = load(data)
    assert again == value
    assert dumps(again) == data


@given(VALUES, st.booleans())
def test_agrees_with_a_lenient_reader_about_good_documents(value: Any, escape: bool) -> None:
    text = json.dumps(value, ensure_ascii=escape, indent=1)
    assert load(text) == value == json.loads(text)


@given(st.text(alphabet='[]{}":,\\ 1a\n', max_size=40), st.integers(1, 6))
def test_never_reads_deeper_than_allowed(text: str, max_depth: int) -> None:
    try:
        value = load(text, max_depth=max_depth)
    except MalformedError as error:
        if error.code == "json.too_deep":
            assert text.count("[") + text.count("{") > max_depth
    else:
        assert depth(value) <= max_depth
        assert value == json.loads(text)


@given(VALUES)
def test_depth_is_judged_exactly(value: Any) -> None:
    deep = depth(value)
    assert load(dumps(value), max_depth=deep) == value
    if deep:
        with pytest.raises(MalformedError) as caught:
            load(dumps(value), max_depth=deep - 1)
        assert caught.value.code == "json.too_deep"


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_an_error_of_ours(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        value = load(data)
        assert value == json.loads(data)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def test_read_bounded_reads_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"x" * 100)
    assert read_bounded(path, 100) == b"x" * 100
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_bounded(link, 100) == b"x" * 100
    with pytest.raises(MalformedError) as caught:
        read_bounded(path, 99)
    assert caught.value.code == "file.too_large"


def test_read_bounded_does_not_read_a_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(100 * MIB)
    with pytest.raises(MalformedError) as caught:
        read_bounded(path, 16 * MIB)
    assert caught.value.code == "file.too_large"


def test_read_bounded_trusts_no_size(tmp_path: Path) -> None:
    # A file of /proc says that it is empty.
    assert read_bounded(Path("/proc/self/status"), MIB)
    with pytest.raises(MalformedError) as caught:
        read_bounded(Path("/proc/self/status"), 10)
    assert caught.value.code == "file.too_large"


@pytest.fixture
def odd_files(tmp_path: Path) -> dict[str, Path]:
    fifo, loop, long = tmp_path / "fifo", tmp_path / "loop", tmp_path / ("n" * 300)
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    server.close()
    return {
        "device": Path("/dev/zero"),
        "directory": tmp_path,
        "fifo": fifo,
        "loop": loop,
        "missing": tmp_path / "missing",
        "no path": tmp_path / "a\0b",
        "long name": long,
        "socket": tmp_path / "socket",
    }


@pytest.mark.parametrize(
    ("which", "code", "words"),
    [
        ("device", "file.special", "a character device"),
        ("directory", "file.special", "a directory"),
        ("fifo", "file.special", "a named pipe"),
        ("socket", "file.special", "a socket or a device"),
        ("loop", "file.unreadable", "symbolic links"),
        ("long name", "file.unreadable", "too long"),
        ("missing", "file.missing", "does not exist"),
        ("no path", "file.missing", "cannot be a path"),
    ],
)
def test_read_bounded_refuses(odd_files: dict[str, Path], which: str, code: str, words: str) -> None:
    with pytest.raises(IdentityError, match=words) as caught:
        read_bounded(odd_files[which], MIB)
    assert caught.value.code == code
    assert caught.value.hint
