from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.strictjson import dumps
from placet_engine.errors import LimitError, LogError
from placet_engine.log.entry import (
    Columns,
    DecisionRecord,
    Payload,
    Reservation,
    columns,
    decision_draft,
    evidence_draft,
    format_time,
    parse_leaf,
    parse_time,
    string_map,
)
from placet_engine.log.limits import LogLimits
from tests.engine.log.making import MODEL, NOW, bundle, decision, decision_id, evidence

EARLY, LATE = datetime(1000, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis adds the zones
LEAF: dict[str, Any] = {"v": 1, "type": "decision", "time": "2026-11-23T21:30:00.000000Z", "id": "0193"}


def test_the_leaf_of_evidence() -> None:
    draft = evidence(1)
    assert json.loads(draft.leaf) == {
        "v": 1,
        "type": "evidence",
        "time": "2026-11-23T21:30:00.000000Z",
        "bundle": bundle(1),
        "predicateType": "https://placet.dev/attestation/dataset/v1",
    }
    assert draft.columns == Columns("evidence", NOW, None, None, None, None, bundle(1))
    assert draft.strict_clock
    assert draft.time == NOW


def test_the_leaf_of_a_decision_commits_to_its_payloads_and_holds_none() -> None:
    draft = decision(7, reserve={"sha256:77": "production"})
    leaf = json.loads(draft.leaf)
    assert leaf["reserve"] == {"sha256:77": "production"}
    assert leaf["reasons"] == ["data.origin_known"]
    assert leaf["commitments"] == {name: payload.commitment for name, payload in draft.payloads.items()}
    assert set(leaf["commitments"]) == {"decision", "input", "answer"}
    assert draft.columns == Columns(
        "decision", NOW, decision_id(7), "promote/production", MODEL, "deny", None
    )
    assert not draft.strict_clock


def test_a_decision_that_could_not_evaluate_has_no_answer() -> None:
    record = DecisionRecord("0193", NOW, "register", MODEL, "deny")
    assert set(decision_draft(record, b"{}").payloads) == {"decision"}


def test_equal_payloads_have_different_commitments() -> None:
    one, two = Payload.of(b"same"), Payload.of(b"same")
    assert one.commitment != two.commitment
    assert Payload(one.salt, b"same").commitment == one.commitment
    assert "same" not in repr(one)


def test_a_field_may_not_stand_in_for_a_part_of_the_leaf() -> None:
    with pytest.raises(AssertionError, match="verdict"):
        DecisionRecord("0193", NOW, "register", MODEL, "deny", fields={"verdict": "allow"})


def test_a_decision_reserves_each_key_once() -> None:
    twice = (Reservation("approval", "a"), Reservation("approval", "b"))
    with pytest.raises(AssertionError, match="once"):
        DecisionRecord("0193", NOW, "register", MODEL, "allow", twice)


def test_a_leaf_and_a_payload_have_bounds() -> None:
    with pytest.raises(LimitError) as caught:
        evidence_draft(bundle(1), "x" * 5000, NOW)
    assert caught.value.code == "log.leaf_too_large"
    record = DecisionRecord("0193", NOW, "register", MODEL, "deny")
    with pytest.raises(LimitError) as caught:
        decision_draft(record, b"", input=b"12345", limits=LogLimits(max_payload_bytes=4))
    assert caught.value.code == "log.payload_too_large"


ZONES = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(EARLY, LATE, timezones=ZONES)


@given(TIMES, TIMES)
def test_times_keep_their_order_as_text(one: datetime, other: datetime) -> None:
    assert parse_time(format_time(one)) == one
    assert (format_time(one) < format_time(other)) == (one < other)


def test_a_time_without_a_zone_is_a_mistake_in_the_program() -> None:
    with pytest.raises(AssertionError):
        format_time(datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text", ["", "2026-11-23T21:30:00Z", "2026-11-23T21:30:00.000000", "2026-11-23", "now"]
)
def test_only_the_log_s_own_spelling_is_a_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_time(text)


@pytest.mark.parametrize(
    "leaf",
    [
        b"",
        b"[]",
        b"{",
        b'{"v":1}',
        b'{"v":2,"type":"decision"}',
        b'{"v":1,"type":7}',
        b'{"v":1,"v":1,"type":"x"}',
    ],
)
def test_bytes_that_are_no_leaf(leaf: bytes) -> None:
    with pytest.raises(LogError) as caught:
        parse_leaf(leaf)
    assert caught.value.code == "log.corrupt"


@pytest.mark.parametrize(
    "change", [{"time": 1}, {"time": None}, {"time": "today"}, {"id": 7}, {"gate": []}, {"bundle": "md5:00"}]
)
def test_a_leaf_whose_columns_do_not_parse(change: dict[str, object]) -> None:
    with pytest.raises(LogError) as caught:
        columns(parse_leaf(dumps({**LEAF, **change})))  # type: ignore[dict-item]
    assert caught.value.code == "log.corrupt"


@pytest.mark.parametrize("value", [[], {"decision": 1}])
def test_a_map_of_strings_is_one(value: object) -> None:
    body = parse_leaf(dumps({**LEAF, "commitments": value}))  # type: ignore[dict-item]
    with pytest.raises(LogError) as caught:
        string_map(body, "commitments")
    assert caught.value.code == "log.corrupt"
    assert string_map(body, "reserve") == {}
