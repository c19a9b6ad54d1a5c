from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from placet_api.admission.words import MAX_BYTES, Refused, problem, refusal

ONE = Refused('spec.containers[0] "app"', "app:1", (("image.tag_only", "pin it by digest"),))


def test_one_image() -> None:
    assert refusal([ONE]) == (
        '1 image is refused\nspec.containers[0] "app": app:1\n  image.tag_only: pin it by digest'
    )


def test_reasons_and_the_decision() -> None:
    reasons = [(f"a.{number}", "because") for number in range(5)]
    text = refusal([Refused("x", "app\x1b[31m", reasons, "0190"), ONE])
    assert text.splitlines() == [
        "2 images are refused",
        "x: app\\x1b[31m",
        "  a.0: because",
        "  a.1: because",
        "  a.2: because",
        "  … and 2 more reasons",
        "  the decision, and what is missing:  placet log show 0190",
        'spec.containers[0] "app": app:1',
        "  image.tag_only: pin it by digest",
    ]


def test_what_does_not_fit_is_counted() -> None:
    text = refusal([ONE] * 200)
    assert len(text.encode()) <= MAX_BYTES
    shown = text.count("tag_only")
    assert text.endswith(f"… and {200 - shown} more")


def test_one_block_that_does_not_fit_is_cut() -> None:
    wide = Refused("é" * 500, "漢" * 500, [("漢" * 200, "漢" * 500)] * 4, "漢" * 200)
    alone = refusal([wide])
    assert len(alone.encode()) <= MAX_BYTES
    assert alone.endswith("…")
    assert refusal([wide, ONE]).endswith("… and 1 more")


def test_problems() -> None:
    assert problem("a.b", "why\x00", "do this") == "a.b: why\\x00\n  do this"
    assert len(problem("a.b", "漢" * 2000).encode()) <= MAX_BYTES


@given(st.lists(st.builds(Refused, st.text(), st.text(), st.lists(st.tuples(st.text(), st.text())))))
def test_any_text_is_bounded_and_printable(refused: list[Refused]) -> None:
    text = refusal(refused)
    assert len(text.encode()) <= MAX_BYTES
    assert all(letter.isprintable() or letter == "\n" for letter in text)
