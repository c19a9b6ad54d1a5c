from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import loads
from placet_engine.policy.wire import WireError, read_body, refusal_text

PROVENANCE = b'"provenance":{"version":"1.22.2","bundles":{"b.tar.gz":{"revision":"r1"}}}'


def test_the_result_is_cut_out_as_it_was_written() -> None:
    raw = '{ "b" : 1.50, "a":"\\u00e9é" }'.encode()
    body = read_body(b"{" + PROVENANCE + b' , "result" : ' + raw + b' ,"metrics":{}}\n')
    assert body.result == raw
    assert body.revisions == {"b.tar.gz": "r1"}


def test_the_result_may_come_first_and_may_be_any_value() -> None:
    for raw in (b"null", b"false", b"3", b'"}"', b"[]", b"{}"):
        assert read_body(b'{"result":' + raw + b"," + PROVENANCE + b"}").result == raw


def test_undefined_is_no_result() -> None:
    assert read_body(b"{" + PROVENANCE + b"}").result is None
    assert read_body(b" {\n} ").revisions == {}


@pytest.mark.parametrize(
    ("provenance", "revisions"),
    [
        ({}, {}),
        ({"bundles": {}}, {}),
        (
            {"bundles": {"a": {}, "b": {"revision": 3}, "c": 1, "d": {"revision": "r"}}},
            {"a": "", "b": "", "c": "", "d": "r"},
        ),
    ],
)
def test_a_bundle_without_a_revision_has_none(provenance: Any, revisions: dict[str, str]) -> None:
    assert read_body(json.dumps({"provenance": provenance}).encode()).revisions == revisions


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b'{"result":1',
        b'{"result":1,}',
        b'{"result"}',
        b'{"result":}',
        b"{1:2}",
        b'{"result":1}{}',
        b'{"result":1} x',
        b'{"result":NaN}',
        b'{"result":1,"result":2}',
        b'{"resul\\u0074":1,"result":2}',
        b'{"result":"\xff"}',
        b'{"result":' + b"[" * 100_000 + b"}",
        b'{"provenance":[]}',
        b'{"provenance":{"bundles":[]}}',
        b'{"provenance":{"bundles":{},"bundles":{}}}',
    ],
)
def test_a_body_that_is_not_as_promised_is_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        read_body(body)


@given(
    result=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    spaces=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_the_slice_is_what_an_ordinary_reader_reads(
    result: Any, spaces: int | None, ascii_only: bool
) -> None:
    text = json.dumps({"a": result, "result": result}, indent=spaces, ensure_ascii=ascii_only)
    try:
        body = text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no server can send
        return
    raw = read_body(body).result
    assert raw is not None
    assert raw in body
    assert json.loads(raw) == result


def test_a_refusal_is_told_in_the_words_of_opa() -> None:
    body = {
        "code": "internal_error",
        "message": "error(s) occurred while evaluating query",
        "errors": [
            {"code": "eval_conflict_error", "message": "must not", "location": {"file": "a.rego", "row": 3}},
            {"code": "eval_cancel_error", "message": "stopped"},
        ],
    }
    assert refusal_text(json.dumps(body).encode(), 500) == (
        "error(s) occurred while evaluating query; a.rego:3: eval_conflict_error: must not; "
        "eval_cancel_error: stopped"
    )
    assert refusal_text(json.dumps(body).encode(), 8) == "error(s)"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no reason given"),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>"),
        (b"[1]", "[1]"),
        (b'{"message":"m","errors":[1]}', '{"message":"m","errors":[1]}'),
        (b'{"message":"m","errors":null}', '{"message":"m","errors":null}'),
        (b"\xff", "�"),
    ],
)
def test_a_refusal_by_somebody_else_is_told_as_it_came(body: bytes, words: str) -> None:
    assert refusal_text(body, 500) == words


def test_the_usual_body_is_taken_apart_as_any_other() -> None:
    raw = b'{"checks":[],"text":",\\"result\\":{}"}'
    usual = b"{" + PROVENANCE + b',"result":' + raw + b"}\n"
    assert read_body(usual) == read_body(usual.replace(b',"result"', b' ,"result"', 1))
    assert read_body(usual).result == raw
    warned = usual[:-2] + b',"warning":{"code":"api_usage_warning"}}\n'
    assert read_body(warned) == read_body(usual)


def test_a_provenance_that_holds_a_result_of_its_own_misleads_nobody() -> None:
    inside = b'{"provenance":{"bundles":{},"x":{},"result":{"verdict":"allow"}},"result":{"verdict":"deny"}}'
    assert read_body(inside).result == b'{"verdict":"deny"}'


def test_what_follows_a_result_is_no_answer_to_anybody() -> None:
    more = b"{" + PROVENANCE + b',"result":{"verdict":"deny"},"result":{"verdict":"allow"}}'
    with pytest.raises(MalformedError):
        loads(read_body(more).result or b"", max_bytes=1000)
