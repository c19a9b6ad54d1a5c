from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations import requests, strictjson
from placet_attestations.bundle import make_bundle
from placet_attestations.errors import AttestationError, UnsupportedError, VerificationError
from placet_attestations.limits import Limits
from placet_attestations.requests import Actor, authenticate, sign_request
from placet_attestations.signing import sign_payload
from placet_attestations.statement import PAYLOAD_TYPE
from placet_attestations.times import format_time
from placet_attestations.trust import TrustPolicy
from placet_attestations.verify import verify
from tests.builders import NOW, TEAM, a_digest, a_key, a_trust_policy

TRUST = a_trust_policy()
ASKED: dict[str, Any] = {
    "gate": "promote/production",
    "subject": a_digest("model"),
    "context": {"ticket": "CHG-1042"},
}
SECOND = timedelta(seconds=1)


def request(by: str = "dev", now: datetime = NOW, **changes: Any) -> bytes:
    return sign_request(a_key(by), now=now, **{**ASKED, **changes})


def answer(raw: bytes, trust: TrustPolicy = TRUST, now: datetime = NOW, **changes: Any) -> Actor:
    return authenticate(raw, trust, now=now, **{**ASKED, **changes})


def code_of(raw: bytes, trust: TrustPolicy = TRUST, now: datetime = NOW, **changes: Any) -> str:
    with pytest.raises(AttestationError) as caught:
        answer(raw, trust, now, **changes)
    assert caught.value.hint
    return caught.value.code


def signed(payload: bytes, kind: str = requests.PAYLOAD_TYPE, times: int = 1) -> bytes:
    """Any payload, well signed by dev."""
    envelope = json.loads(strictjson.dumps(sign_payload(kind, payload, a_key("dev")).to_json()))
    envelope["signatures"] *= times
    return json.dumps(envelope).encode()


def body(**changes: Any) -> bytes:
    members = {"version": 1, **ASKED, "time": format_time(NOW), "nonce": "n", **changes}
    return json.dumps({key: value for key, value in members.items() if value is not ...}).encode()


def test_the_caller_is_who_signed() -> None:
    assert answer(request()) == Actor("dev", "dev@example.org", ("gate",))
    assert answer(request("approver")).roles == ("approver", "risk-officer")


def test_two_requests_are_never_the_same_bytes() -> None:
    bodies = [json.loads(request())["payload"] for _ in range(2)]
    assert bodies[0] != bodies[1]
    assert json.loads(request())["payloadType"] == "application/vnd.placet.gate-request.v1+json"


def test_a_given_nonce_is_used() -> None:
    one, two = (json.loads(request(nonce="fixed"))["payload"] for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    "changes",
    [
        {"gate": "promote/staging"},
        {"subject": a_digest("other")},
        {"context": {}},
        {"context": {"ticket": "CHG-1043"}},
        {"context": {"ticket": "CHG-1042", "more": 1}},
    ],
)
def test_another_question_is_a_mismatch(changes: dict[str, Any]) -> None:
    assert code_of(request(), **changes) == "request.mismatch"
    assert code_of(request(**changes)) == "request.mismatch"


def test_true_is_not_one() -> None:
    assert code_of(request(context={"x": True}), context={"x": 1}) == "request.mismatch"


@given(
    st.dictionaries(
        st.text(max_size=5), st.integers(-100, 100) | st.text(max_size=5) | st.booleans(), max_size=3
    )
)
def test_any_context_is_bound(context: dict[str, Any]) -> None:
    assert answer(request(context=context), context=context).id == "dev"
    assert code_of(request(context=context), context={**context, "one more": 1}) == "request.mismatch"


@pytest.mark.parametrize("late", [-60, 0, 60])
def test_clocks_may_differ_by_a_minute(late: int) -> None:
    assert answer(request(), now=NOW + late * SECOND).id == "dev"


@pytest.mark.parametrize("late", [-61, 61, 86_400])
def test_an_old_or_early_request_is_expired(late: int) -> None:
    assert code_of(request(), now=NOW + late * SECOND) == "request.expired"
    assert answer(request(), now=NOW + late * SECOND, skew=timedelta(days=2)).id == "dev"


def test_a_stranger_is_nobody() -> None:
    assert code_of(request("stranger")) == "request.actor_unknown"
    assert code_of(request(), a_trust_policy(signers=())) == "request.actor_unknown"


def test_a_changed_request_is_nobodys() -> None:
    document = json.loads(request())
    document["payload"] = json.loads(request(gate="register"))["payload"]
    assert code_of(json.dumps(document).encode(), gate="register") == "request.actor_unknown"


@pytest.mark.parametrize(
    ("since", "code"),
    [("always", "trust.signer_revoked"), ("2026-11-23T21:30:00Z", "trust.signer_revoked")],
)
def test_a_revoked_caller_is_refused(since: str, code: str) -> None:
    assert code_of(request(), a_trust_policy(revoked=[{"signer": "dev", "from": since}])) == code


def test_a_revocation_that_lies_ahead_does_not_count_yet() -> None:
    trust = a_trust_policy(revoked=[{"signer": "dev", "from": "2026-11-23T21:30:01Z"}])
    assert answer(request(), trust).id == "dev"


@pytest.mark.parametrize("valid", [{"until": "2026-11-23"}, {"from": "2026-11-24"}])
def test_a_caller_outside_its_window_is_refused(valid: dict[str, str]) -> None:
    team = [{**entry, "valid": valid} if entry["id"] == "dev" else entry for entry in TEAM]
    assert code_of(request(), a_trust_policy(signers=team)) == "trust.signer_expired"


def test_a_request_is_no_statement_and_a_statement_is_no_request() -> None:
    envelope = sign_payload(requests.PAYLOAD_TYPE, body(), a_key("dev"))
    with pytest.raises(UnsupportedError):
        verify(make_bundle(envelope, a_key("dev").public_key), TRUST)
    assert code_of(signed(body(), PAYLOAD_TYPE)) == "dsse.payload_type"


def test_a_request_has_one_signature() -> None:
    assert code_of(signed(body(), times=2)) == "request.shape"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"no json", "json.syntax"),
        (b"[]", "request.shape"),
        (body(version=2), "request.shape"),
        (body(nonce=...), "request.shape"),
        (body(nonce=""), "request.shape"),
        (body(nonce=5), "request.shape"),
        (body(time=5), "request.shape"),
        (body(extra=1), "request.shape"),
        (body(context=...), "request.shape"),
        (body(time="today"), "time.syntax"),
        (body().replace(b'"gate"', b'"subject"', 1), "json.duplicate_key"),
    ],
)
def test_a_good_signature_does_not_make_a_good_request(payload: bytes, code: str) -> None:
    assert code_of(signed(payload)) == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"", "json.syntax"), (b"{}", "dsse.no_signature"), (b" " * 70_000, "json.too_large")],
)
def test_bytes_that_are_no_request(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


def test_the_limits_are_the_callers() -> None:
    with pytest.raises(AttestationError) as caught:
        answer(request(), limits=Limits(max_request_bytes=20))
    assert caught.value.code == "json.too_large"


def test_errors_say_where() -> None:
    with pytest.raises(
        VerificationError, match=r"the gate that was signed is not the one .* \(gate request\)"
    ):
        answer(request(), gate="register")
