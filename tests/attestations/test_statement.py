from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError, UnsupportedError
from placet_attestations.limits import Limits
from placet_attestations.predicate_types import PREDICATE_TYPES
from placet_attestations.predicates import validate
from placet_attestations.statement import STATEMENT_TYPE, OtherSubject, Statement, Subject
from tests.builders import a_digest, a_statement, a_subject

HEX = "5" * 64


def document(**changes: Any) -> bytes:
    """The bytes of a good statement, with top-level members replaced (or left out: `predicate=...`)."""
    members = {
        "_type": STATEMENT_TYPE,
        "predicateType": "https://example.org/x/v1",
        "subject": [{"name": "a", "digest": {"sha256": HEX}}],
        "predicate": {"x": 1},
        **changes,
    }
    return json.dumps({key: value for key, value in members.items() if value is not ...}).encode()


def code_of(raw: bytes) -> str:
    with pytest.raises(MalformedError) as caught:
        Statement.parse(raw)
    assert caught.value.hint
    return caught.value.code


def test_the_bytes_are_kept_as_they_came() -> None:
    raw = document().replace(b" ", b"   ")
    assert Statement.parse(raw).raw == raw


def test_a_statement_says_its_subjects_and_predicate() -> None:
    statement = Statement.parse(document(subject=[{"digest": {"sha256": HEX, "gitCommit": "beef"}}]))
    assert statement.subjects == (Subject("", Digest.from_hex(HEX)),)
    assert statement.predicate_type == "https://example.org/x/v1"
    assert statement.predicate == {"x": 1}


def test_unknown_members_are_ignored() -> None:
    assert Statement.parse(document(extra=[1])).predicate == {"x": 1}


def test_annotations_are_kept() -> None:
    subject = {"name": None, "digest": {"sha256": HEX}, "annotations": {"placet.dev/kind": "model"}}
    assert Statement.parse(document(subject=[subject])).subjects[0].annotations == {
        "placet.dev/kind": "model"
    }


def test_two_subjects_without_a_name_are_two_artifacts() -> None:
    digests = [{"digest": {"sha256": HEX}}, {"digest": {"sha256": "6" * 64}}]
    assert len(Statement.parse(document(subject=digests)).subjects) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"_type": ...}, "statement.shape"),
        ({"_type": 1}, "statement.shape"),
        ({"_type": "https://in-toto.io/Statement/v0.2"}, "statement.type"),
        ({"predicateType": ...}, "statement.predicate_type"),
        ({"predicateType": ""}, "statement.predicate_type"),
        ({"predicateType": "training"}, "statement.predicate_type"),
        ({"predicateType": "https://example.org/a b"}, "statement.predicate_type"),
        ({"predicateType": "https://example.org/\u202e"}, "statement.predicate_type"),
        ({"predicate": [1]}, "statement.predicate"),
        ({"predicate": False}, "statement.predicate"),
        ({"predicate": ""}, "statement.predicate"),
        ({"subject": ...}, "statement.no_subject"),
        ({"subject": []}, "statement.no_subject"),
        ({"subject": {"digest": {"sha256": HEX}}}, "statement.no_subject"),
        ({"subject": ["a"]}, "statement.subject"),
        ({"subject": [{"name": 1, "digest": {"sha256": HEX}}]}, "statement.subject"),
        ({"subject": [{"name": "a"}]}, "statement.subject"),
        ({"subject": [{"name": "a", "digest": HEX}]}, "statement.subject"),
        ({"subject": [{"name": "a", "digest": {}}]}, "statement.subject"),
        ({"subject": [{"name": "a", "digest": {"sha512": 7}}]}, "statement.subject"),
        ({"subject": [{"name": "a", "digest": {"sha256": None, "sha512": HEX}}]}, "statement.subject"),
        ({"subject": [{"name": "a", "digest": {"sha256": HEX, "x": 1}}]}, "statement.subject"),
        ({"subject": [{"digest": {"sha256": HEX}, "annotations": []}]}, "statement.subject"),
        ({"subject": [{"digest": {"sha256": 5}}]}, "statement.subject"),
        ({"subject": [{"digest": {"sha256": "5" * 63}}]}, "digest.short"),
        ({"subject": [{"digest": {"sha256": ""}}]}, "digest.short"),
        ({"subject": [{"digest": {"sha256": "A" * 64}}]}, "digest.syntax"),
        ({"subject": [{"digest": {"sha256": "x" * 64}}]}, "digest.syntax"),
        ({"subject": [{"digest": {"sha256": "5" * 65}}]}, "digest.syntax"),
    ],
)
def test_a_statement_that_is_not_one_is_refused(changes: dict[str, Any], code: str) -> None:
    assert code_of(document(**changes)) == code


def test_version_01_is_read_alike() -> None:
    statement = Statement.parse(document(_type="https://in-toto.io/Statement/v0.1"))
    assert statement.subjects == (Subject("a", Digest.from_hex(HEX)),)


@pytest.mark.parametrize("predicate", [..., None])
def test_no_predicate_is_an_empty_one(predicate: Any) -> None:
    assert Statement.parse(document(predicate=predicate)).predicate == {}


@pytest.mark.parametrize("kind", sorted(PREDICATE_TYPES))
def test_no_type_that_is_known_here_may_be_empty(kind: str) -> None:
    # Otherwise a statement that says nothing would pass for one of its type.
    with pytest.raises(MalformedError):
        validate(Statement.parse(document(predicateType=PREDICATE_TYPES[kind], predicate=None)))


def test_subjects_without_sha256_are_kept_apart() -> None:
    npm = {"name": "pkg:npm/x@1.0.0", "digest": {"sha512": "ab" * 64}}
    commit = {"uri": "pkg:github/acme/x@v1", "digest": {"sha1": "43" * 20, "gitCommit": "43" * 20}}
    both = {"name": "a", "digest": {"sha256": HEX, "sha512": "ab" * 64}}
    statement = Statement.parse(document(subject=[npm, both, commit]))
    assert statement.subjects == (Subject("a", Digest.from_hex(HEX)),)
    assert statement.others == (
        OtherSubject("pkg:npm/x@1.0.0", {"sha512": "ab" * 64}),
        OtherSubject("", {"sha1": "43" * 20, "gitCommit": "43" * 20}),
    )
    alone = Statement.parse(document(subject=[npm]))
    assert (alone.subjects, len(alone.others)) == ((), 1)
    assert (
        code_of(document(subject=[npm, both, {**both, "name": npm["name"]}])) == "statement.subject_duplicate"
    )


def test_two_subjects_of_one_name_are_refused_and_both_are_named() -> None:
    twice = [{"name": "train.csv", "digest": {"sha256": digit * 64}} for digit in "56"]
    with pytest.raises(MalformedError, match=r"subjects 0 and 1 have the same name 'train\.csv'") as caught:
        Statement.parse(document(subject=twice))
    assert caught.value.code == "statement.subject_duplicate"


def test_the_place_of_a_bad_digest_is_named() -> None:
    subjects = [{"name": "a", "digest": {"sha256": HEX}}, {"name": "b", "digest": {"sha256": "12"}}]
    with pytest.raises(MalformedError) as caught:
        Statement.parse(document(subject=subjects))
    assert caught.value.where == "statement, subject 1"


def test_another_version_is_unsupported_and_not_forged() -> None:
    with pytest.raises(UnsupportedError):
        Statement.parse(document(_type="https://in-toto.io/Statement/v2"))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[]", "statement.shape"),
        (b"not json", "json.syntax"),
        (document().replace(b'"predicate"', b'"predicateType"'), "json.duplicate_key"),
        (document(predicate={"x": float("nan")}), "json.not_finite"),
        (document().replace(b'"a"', b'"\xff"'), "json.invalid_utf8"),
    ],
)
def test_json_is_read_strictly(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


def test_the_number_of_subjects_is_bounded() -> None:
    statement = a_statement(subjects=[a_subject("a"), a_subject("b")])
    with pytest.raises(MalformedError) as caught:
        Statement.parse(statement.raw, Limits(max_subjects=1))
    assert caught.value.code == "statement.too_many_subjects"


def test_the_size_of_a_statement_is_bounded() -> None:
    with pytest.raises(MalformedError) as caught:
        Statement.parse(document(), Limits(max_statement_bytes=10))
    assert caught.value.code == "json.too_large"


FINITE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SUBJECTS = st.lists(
    st.builds(
        Subject,
        st.text(max_size=10),
        st.binary(max_size=8).map(Digest.of),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda subject: subject.name,
)


@given(SUBJECTS, st.dictionaries(st.text(max_size=10), FINITE, max_size=4))
def test_what_is_built_is_what_is_read(subjects: list[Subject], predicate: dict[str, Any]) -> None:
    built = Statement.build("https://example.org/x/v1", subjects, predicate)
    again = Statement.parse(built.raw)
    assert again == built
    assert again.subjects == built.subjects == tuple(subjects)
    assert again.predicate == predicate


def test_the_same_content_is_the_same_bytes() -> None:
    one = Statement.build("https://example.org/x/v1", [a_subject()], {"b": 1, "a": 2})
    two = Statement.build("https://example.org/x/v1", [a_subject()], {"a": 2, "b": 1})
    assert one.raw == two.raw


def test_a_statement_is_its_bytes() -> None:
    one = Statement.parse(document())
    assert len({one, Statement.parse(document()), Statement.parse(document() + b" ")}) == 2


def test_what_cannot_be_read_cannot_be_built() -> None:
    with pytest.raises(MalformedError) as caught:
        Statement.build("https://example.org/x/v1", [Subject("a", a_digest()), Subject("a", a_digest())], {})
    assert caught.value.code == "statement.subject_duplicate"
