from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_api.paths import exists, is_file
from placet_api.printable import printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain — é ✓ 漢", "plain — é ✓ 漢"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("half\udcff", "half\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_is_not_printable_is_shown(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_line_ends_stay_where_a_text_has_lines() -> None:
    assert printable("a\nb\x1bc", lines=True) == "a\nb\\x1bc"
    assert printable(Path("a")) == "a"


@given(st.text(st.characters(exclude_categories=())))
def test_the_result_is_one_printable_line_that_every_stream_takes(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()


def test_a_name_that_no_file_can_have_is_the_name_of_no_file(tmp_path: Path) -> None:
    for name in ("n" * 5000, "nul\0byte", "missing"):
        assert not exists(tmp_path / name)
        assert not is_file(tmp_path / name)
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert [name for name in ("file", "link", "dangling", "pipe") if exists(tmp_path / name)] == [
        "file", "link", "dangling", "pipe",
    ]  # fmt: skip
    assert [name for name in ("file", "link", "dangling", "pipe") if is_file(tmp_path / name)] == [
        "file", "link",
    ]  # fmt: skip
