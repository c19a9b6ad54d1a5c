"""Three other verifiers over the same bundles: every difference has a reason, and every reason a difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.opinions import binaries
from tests.opinions.cosign_opinion import cosign
from tests.opinions.differences import LAXER, STRICTER, explained
from tests.opinions.made_by_certificates import certificate_questions
from tests.opinions.made_by_keys import key_questions
from tests.opinions.npm_opinion import npm
from tests.opinions.placet_opinion import placet
from tests.opinions.questions import Answer, Question
from tests.opinions.sigstore_python_opinion import sigstore_python
from tests.opinions.vector_questions import vector_questions

pytestmark = pytest.mark.conformance

Table = Mapping[str, Sequence[Answer]]


def ask_all(questions: Sequence[Question], scratch: Path) -> Table:
    return {
        "placet": placet(questions),
        "sigstore-python": sigstore_python(questions),
        "npm": npm(binaries.node(), binaries.sigstore_js(), questions),
        "cosign": cosign(binaries.cosign(), scratch, questions),
    }


def differing(questions: Sequence[Question], table: Table) -> dict[tuple[str, str], str]:
    return {
        (who, question.name): answer.word
        for who, answers in table.items()
        for question, answer, ours in zip(questions, answers, table["placet"], strict=True)
        if answer.word not in ("cannot", ours.word)
    }


def test_every_difference_has_a_reason(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    questions = [*vector_questions(), *key_questions(), *certificate_questions()]
    assert len({question.name for question in questions}) == len(questions)
    table = ask_all(questions, tmp_path)
    found, reasons = differing(questions, table), explained()
    said = {question.name: index for index, question in enumerate(questions)}
    new = {
        (who, name): (word, table[who][said[name]].reason, table["placet"][said[name]].reason)
        for (who, name), word in found.items()
        if reasons.get((who, name)) != word
    }
    assert new == {}
    assert {item for item in reasons if item not in found} == set()
    for line in lines(questions, table, found):
        record_property("conformance", line)


def lines(questions: Sequence[Question], table: Table, found: Mapping[tuple[str, str], str]) -> list[str]:
    """The table for a person."""
    rows = [f"opinions: {len(questions)} bundles; each row: accepts, refuses, cannot be asked, not as Placet"]
    for who, answers in table.items():
        count = Counter(answer.word for answer in answers)
        other = sum(teller == who for teller, _ in found)
        rows.append(
            f"opinions: {who:16} {count['accepts']:4} {count['refuses']:4} {count['cannot']:4} {other:4}"
        )
    for title, differences in (("accepted here, refused", STRICTER), ("refused here, accepted", LAXER)):
        rows.extend(
            f"opinions: {title} by {', '.join(item.who)} ({len(item.questions)}): {item.reason}"
            for item in differences
        )
    return rows
