from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.digests import Digest
from placet_attestations.strictjson import dumps
from placet_engine.decision import Asked, Decision, Failure, decided, denied_by_error, uuid7
from placet_engine.policy.answer import parse_answer
from placet_engine.policy.port import Result
from tests.builders import NOW, a_digest
from tests.engine.houses import GATE, JUDGE, MODEL, an_answer

ASKED = Asked(
    id=uuid7(NOW, bytes(10)),
    gate=GATE,
    subject=MODEL,
    time=NOW,
    dry_run=False,
    context={"ticket": "CHG-1"},
    environment="production",
    actor={"id": "dev", "principal": "dev@example.org"},
    kind="model",
    name="churn-model",
    counts={"artifacts": 4, "statements": 2, "findings": 0},
)
FACTS = b'{"version":1}'
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def answered(*failed: str, asked: Asked = ASKED, **changes: Any) -> Decision:
    answer = an_answer({"gate": asked.gate, "subject": asked.subject}, *failed, **changes)
    assert isinstance(answer, Result)
    return decided(asked, JUDGE, FACTS, answer.raw, parse_answer(answer.raw))


@given(MOMENTS, st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7_with_its_moment(now: datetime, entropy: bytes) -> None:
    text = uuid7(now, entropy)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)
    parsed = uuid.UUID(text)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == int(now.timestamp() * 1000)


def test_all_74_random_bits_get_into_the_id() -> None:
    random_bits = 0xFFF << 64 | (1 << 62) - 1
    assert uuid.UUID(uuid7(NOW, bytes(10))).int & random_bits == 0
    assert uuid.UUID(uuid7(NOW, b"\xff" * 10)).int & random_bits == random_bits


@given(MOMENTS, MOMENTS)
def test_ids_are_in_the_order_of_their_milliseconds(one: datetime, other: datetime) -> None:
    earlier, later = sorted([one, other])
    if later - earlier >= timedelta(milliseconds=1):
        assert uuid7(earlier, b"\xff" * 10) < uuid7(later, bytes(10))


def test_ids_of_one_moment_differ() -> None:
    assert len({uuid7(NOW) for _ in range(1000)}) == 1000


def test_the_document_is_canonical_and_every_field_is_a_view_of_it() -> None:
    decision = answered("change.approved", "data.origin_known")
    assert decision.document == dumps(json.loads(decision.document))
    body = json.loads(decision.document)
    assert body == decision.body
    assert (body["id"], body["gate"], body["verdict"]) == (decision.id, decision.gate, decision.verdict)
    assert (body["would"], body["mode"], body["cause"]) == (decision.would, decision.mode, decision.cause)
    assert body["subject"] == {"digest": MODEL, "kind": "model", "name": "churn-model"}
    assert body["time"] == "2026-11-23T21:30:00Z"
    assert (body["environment"], body["actor"]) == (
        "production",
        {"id": "dev", "principal": "dev@example.org"},
    )
    assert body["lineage"] == {"artifacts": 4, "statements": 2, "findings": 0}
    assert [check["code"] for check in body["checks"]] == ["change.approved", "data.origin_known"]
    assert decision.reasons == ("change.approved", "data.origin_known")
    assert not decision.allowed


def test_a_decision_records_what_it_rests_on() -> None:
    body = json.loads(answered().document)
    assert body["digests"]["input"] == Digest.of(FACTS)
    raw = an_answer({"gate": GATE, "subject": MODEL})
    assert isinstance(raw, Result)
    assert body["digests"]["answer"] == Digest.of(raw.raw)
    assert body["policy"] == {"revision": JUDGE.policy_revision, "archive": JUDGE.policy_archive}
    assert body["versions"] == {"opa": "1.22.2", "placet": "0.1.0"}
    anchors = dict(body["anchors"])
    assert anchors.pop("digest") == JUDGE.anchors.digest == Digest.of(dumps(anchors))


@pytest.mark.parametrize("name", list(JUDGE.anchors.as_json()))
def test_each_anchor_changes_their_digest(name: str) -> None:
    changes: dict[str, Any] = {name: "another"}
    assert replace(JUDGE.anchors, **changes).digest != JUDGE.anchors.digest


def test_an_allow_has_no_reasons_and_says_what_it_uses_up() -> None:
    decision = answered(reserve=[a_digest("approval")])
    assert (decision.allowed, decision.verdict, decision.would) == (True, "allow", "allow")
    assert (decision.reasons, decision.cause) == ((), "policy")
    assert decision.body["reserve"] == [a_digest("approval")]


def test_a_gate_that_only_warns_allows_and_says_that_it_would_not() -> None:
    decision = answered("data.origin_known", verdict="allow", mode="warn")
    assert (decision.verdict, decision.would, decision.mode) == ("allow", "deny", "warn")
    assert decision.reasons == ("data.origin_known",)


def test_an_error_denies_whatever_is_known() -> None:
    failure = Failure("opa.timeout", "OPA did not answer in time", "ask again")
    decision = denied_by_error(ASKED, JUDGE, failure, FACTS)
    body = json.loads(decision.document)
    assert (body["verdict"], body["would"], body["mode"], body["cause"]) == (
        "deny",
        "deny",
        "enforce",
        "error",
    )
    assert body["error"] == {
        "code": "opa.timeout",
        "message": "OPA did not answer in time",
        "hint": "ask again",
    }
    assert (body["checks"], body["waivers"], body["obligations"], body["reserve"]) == ([], [], [], [])
    assert body["digests"] == {"input": Digest.of(FACTS), "answer": None}
    assert (decision.allowed, decision.reasons, decision.cause) == (False, ("opa.timeout",), "error")


def test_an_error_before_anything_was_known_has_its_document_too() -> None:
    asked = Asked(ASKED.id, GATE, MODEL, NOW, dry_run=True, context={})
    body = json.loads(denied_by_error(asked, JUDGE, Failure("gate.unknown", "no such gate")).document)
    assert (body["subject"], body["actor"], body["environment"]) == ({"digest": MODEL}, None, None)
    assert (body["lineage"], body["dry_run"], body["error"]["hint"]) == ({}, True, None)
    assert body["digests"] == {"input": None, "answer": None}


def test_allowed_is_the_verdict_allow_and_nothing_else() -> None:
    for verdict in ("deny", "Allow", "", "allow "):
        assert not replace(answered(), verdict=verdict).allowed  # type: ignore[arg-type]
