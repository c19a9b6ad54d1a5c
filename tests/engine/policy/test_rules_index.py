from __future__ import annotations

from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.binary import Binary
from placet_engine.policy.bundle import PolicySet
from placet_engine.policy.rules_index import INDEX_FILE, index_drift, rules_of, write_index
from tests.engine.policy.toy import INDEX, RULE, write_toy


def test_the_index_is_generated_from_the_words(tmp_path: Path, opa: Binary) -> None:
    folder = write_toy(tmp_path, {INDEX_FILE: None})
    assert index_drift(folder, opa) == (f"{INDEX_FILE} is missing",)
    write_index(folder, opa)
    assert (folder / INDEX_FILE).read_text(encoding="utf-8") == INDEX
    assert index_drift(folder, opa) == ()
    write_index(folder, opa)
    assert (folder / INDEX_FILE).read_text(encoding="utf-8") == INDEX


def test_the_catalogue_has_all_words(policy_set: PolicySet, opa: Binary) -> None:
    (rule,) = rules_of(policy_set, opa)
    assert (rule.code, rule.title, rule.description) == ("first.there", "There is something", "Says so.")
    assert set(rule.texts) == {
        "nothing for {subject}",
        "nothing to look at",
        "{subject} is gone",
        "seen by {signer}",
        "bring it:  placet add {path}",
    }


SECOND = "package placet.rules.first\n\n" + RULE.split("\n\n", 1)[1].replace("there", "other").replace(
    "report", "more"
)


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({INDEX_FILE: "nonsense"}, (f"{INDEX_FILE} is not an index",)),
        ({INDEX_FILE: "[]"}, (f"{INDEX_FILE} is not an index",)),
        ({INDEX_FILE: '{"rules": []}'}, (f"{INDEX_FILE} is not an index",)),
        ({INDEX_FILE: INDEX + "\n"}, (f"{INDEX_FILE} is not written as it would be generated",)),
        ({INDEX_FILE: INDEX.replace("ISO-1", "ISO-2")}, ("first.there has other words in the index",)),
        (
            {INDEX_FILE: INDEX.replace("first.there", "first.gone")},
            ("first.gone is in the index, but no rule has it", "first.there is not in the index"),
        ),
        (
            {"placet/rules/first/second.rego": SECOND},
            ("first.other is not in the index",),
        ),
    ],
)
def test_a_difference_is_named_by_its_code(
    tmp_path: Path, opa: Binary, changes: dict[str, str | None], lines: tuple[str, ...]
) -> None:
    assert index_drift(write_toy(tmp_path, changes), opa) == lines


def test_rego_that_does_not_parse_is_told_in_the_words_of_opa(tmp_path: Path, opa: Binary) -> None:
    with pytest.raises(PolicyError, match=r"main.rego:1: rego_parse_error") as caught:
        write_index(write_toy(tmp_path, {"placet/main/main.rego": "package"}), opa)
    assert caught.value.code == "policy.compile"
