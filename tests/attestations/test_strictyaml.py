from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import MalformedError
from placet_attestations.strictyaml import Node, load


def read(text: str | bytes, max_bytes: int = 1_000_000) -> Node:
    data = text.encode() if isinstance(text, str) else text
    return load(data, file="x.yaml", code="x", max_bytes=max_bytes)


def plain(node: Node) -> Any:
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return node.value


def error_of(text: str | bytes, **options: Any) -> tuple[str, str | None]:
    with pytest.raises(MalformedError) as caught:
        read(text, **options)
    return caught.value.code, caught.value.where


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(
    st.recursive(
        TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_is_read_as_it_is_written(value: Any) -> None:
    assert plain(read(json.dumps(value))) == value


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_arbitrary_text_is_a_tree_or_malformed(text: str | bytes) -> None:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        assert isinstance(read(data), Node)
    except MalformedError as error:
        assert error.code.startswith("x.")  # noqa: PT017  # most texts are refused, and that is half of the rule


def test_lines_count_from_one_and_a_member_is_found_by_its_key() -> None:
    root = read("# words\na: 1\nb:\n  - x\n  - y\n")
    assert isinstance(root.value, dict)
    assert {key: node.line for key, node in root.value.items()} == {"a": 2, "b": 3}
    assert [item.where for item in root.value["b"].items("b")] == ["x.yaml:4", "x.yaml:5"]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "x.empty", 1),
        ("# only words\n", "x.empty", 1),
        ("a: 1\na: 2\n", "x.duplicate_key", 2),
        ("a:\n  b: 1\n  'b': 2\n", "x.duplicate_key", 3),
        ("a: &x 1\nb: *x\n", "x.alias", 2),
        ("a: &x [*x]\n", "x.alias", 1),
        ("b: *nothing\n", "x.alias", 1),
        ("a: {}\nb:\n  <<: {}\n", "x.type", 3),
        ("a: !!python/object/apply:os.system ['true']\n", "x.tag", 1),
        ("a: !custom 1\n", "x.tag", 1),
        ("a: !!str 1\n", "x.tag", 1),
        ("a: !!binary aGk=\n", "x.tag", 1),
        ("a: 1\n---\nb: 2\n", "x.syntax", 2),
        ("a: [1\nb: 2\n", "x.syntax", 2),
        ("a: 1\n b: 2\n", "x.syntax", 2),
        ("\tx: 1\n", "x.syntax", 1),
        ("a: \x07\n", "x.syntax", 1),
        ("[a]: 1\n", "x.type", 1),
        ("? {a: 1}\n: 1\n", "x.type", 1),
        ("~: 1\n", "x.type", 1),
    ],
)
def test_what_does_not_say_what_it_seems_to_say_is_refused(text: str, code: str, line: int) -> None:
    assert error_of(text) == (code, f"x.yaml:{line}")


def test_a_billion_laughs_end_at_the_first() -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert error_of("\n".join(lines)) == ("x.alias", "x.yaml:2")


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 200_000, "- " * 100_000, "? " * 100_000])
def test_deep_nesting_ends_early(text: str) -> None:
    assert error_of(text, max_bytes=2_000_000) == ("x.too_deep", "x.yaml:1")


def test_size_and_encoding_are_bounded() -> None:
    assert error_of("a: 1", max_bytes=3)[0] == "x.too_large"
    assert error_of(b"a: \xff")[0] == "x.encoding"
    assert error_of("a: 1".encode("utf-16"))[0] == "x.encoding"


def test_members_are_checked_against_what_is_known() -> None:
    root = read("colour: red\nsize: 5\n")
    assert set(root.members("a thing", required=["colour"], optional=["size"])) == {"colour", "size"}
    with pytest.raises(
        MalformedError, match='a thing has an unknown key "colour"; did you mean "color"'
    ) as caught:
        root.members("a thing", required=["size"], optional=["color"])
    assert (caught.value.code, caught.value.where) == ("x.unknown_key", "x.yaml:1")
    with pytest.raises(MalformedError, match="a thing has no shape") as caught:
        root.members("a thing", required=["shape"], optional=["colour", "size"])
    assert caught.value.code == "x.missing_key"
    with pytest.raises(MalformedError, match="a thing must be a mapping"):
        read("[1]").members("a thing")


def test_lists_may_have_to_hold_something() -> None:
    assert read("[]").items("a list") == ()
    for text in ("[]", "a: 1", "a"):
        with pytest.raises(MalformedError) as caught:
            read(text).items("a list", least=1)
        assert caught.value.code == "x.type"


@pytest.mark.parametrize("text", ["yes", "'null'", "123", "2026-01-01", "'~'", "x y"])
def test_text_is_what_is_written(text: str) -> None:
    assert read(text).text("it") == text.strip("'")


@pytest.mark.parametrize("text", ["~", "null", "''", "[]", "{}", "a: 1"])
def test_nothing_is_not_text(text: str) -> None:
    with pytest.raises(MalformedError, match="it must be text"):
        read(text).text("it")


def test_numbers_and_booleans_stand_without_quotes() -> None:
    assert read("12").integer("it") == 12
    assert read("true").boolean("it") is True
    assert read("false").boolean("it") is False
    for text in ("'12'", "-1", "1.0", "0x10", "012", "1_000", "9" * 40, "[]", "٣"):
        with pytest.raises(MalformedError, match="it must be a whole number"):
            read(text).integer("it")
    for text in ("yes", "True", "on", "'true'", "1", "[]"):
        with pytest.raises(MalformedError, match="it must be true or false"):
            read(text).boolean("it")
