"""OIDC tokens, against a real issuer over HTTP: whatever is wrong with a token, nobody is let in by it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from placet_api.errors import AccessError
from placet_api.http.callers import Caller
from placet_api.http.oidc import MAX_TOKEN, Issuer, Issuers, Mapped, fetch_bytes, parse_issuers
from tests.fakes.issuer import (
    AUDIENCE,
    DISCOVERY,
    JWKS,
    FakeIssuer,
    a_key,
    an_issuer,
    signed_with_public_key,
    unsigned,
)
from tests.tls import Authority

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GITHUB = {  # what GitHub Actions says of a job
    "sub": "repo:acme/churn:environment:production",
    "repository": "acme/churn",
    "ref": "refs/heads/main",
    "workflow_ref": "acme/churn/.github/workflows/train.yml@refs/heads/main",
    "job_workflow_ref": "acme/shared/.github/workflows/promote.yml@refs/tags/v2",
    "environment": "production",
}
WANTED = {
    "repository": "acme/churn",
    "ref": "refs/heads/main",
    "workflow_ref": "acme/churn/.github/workflows/*@refs/heads/main",
    "job_workflow_ref": "acme/shared/**",
    "environment": "production",
}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    with an_issuer() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuers(issuer: FakeIssuer, clock: Clock) -> Issuers:
    entry = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "callers": [
            {"claims": WANTED, "principal": "github:{repository}", "roles": ["submitter", "gate"]},
            {"claims": {"sub": "job"}, "principal": "job@example.org", "roles": ["gate"]},
            {"claims": {"sub": "by-mail"}, "principal": "{email}", "roles": ["gate"]},
        ],
    }
    return Issuers(parse_issuers([entry], "placet.yaml", Path()), clock=clock)


def refusal(issuers: Issuers, token: str, now: datetime = NOW) -> AccessError:
    with pytest.raises(AccessError) as caught:
        issuers.caller(token, now)
    assert token not in str(caught.value)
    return caught.value


def code(issuers: Issuers, token: str, now: datetime = NOW) -> tuple[str, int]:
    error = refusal(issuers, token, now)
    return error.code, error.status


@pytest.mark.parametrize("kid", ["rsa", "pss", "ec", "ed"])
def test_a_token_of_each_kind_of_key_is_its_caller(issuers: Issuers, issuer: FakeIssuer, kid: str) -> None:
    caller = issuers.caller(issuer.mint(kid=kid, now=NOW), NOW)
    assert caller == Caller(f"oidc:{issuer.url} job", "job@example.org", frozenset({"gate"}))


def test_a_job_of_github_actions_is_known_by_its_claims(issuers: Issuers, issuer: FakeIssuer) -> None:
    caller = issuers.caller(issuer.mint(GITHUB, now=NOW), NOW)
    assert caller.id == f"oidc:{issuer.url} {GITHUB['sub']}"
    assert caller.principal == "github:acme/churn"
    assert caller.roles == {"submitter", "gate"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("repository", "acme/churn2"),
        ("repository", "evil/acme/churn"),
        ("ref", "refs/heads/main2"),
        ("ref", "refs/heads/mai"),
        ("ref", ["refs/heads/main"]),
        ("workflow_ref", "acme/churn/.github/workflows/a/b.yml@refs/heads/main"),
        ("workflow_ref", "acme/churn/.github/workflows/train.yml@refs/heads/main\n"),
        ("job_workflow_ref", "acme/share/x"),
        ("environment", True),
        ("environment", None),
    ],
)
def test_one_claim_off_is_forbidden(issuers: Issuers, issuer: FakeIssuer, name: str, value: Any) -> None:
    error = refusal(issuers, issuer.mint({**GITHUB, name: value}, now=NOW))
    assert (error.code, error.status) == ("access.forbidden", 403)
    assert f"sub={GITHUB['sub']!r}" in error.message
    assert "repository=" in error.message


def test_a_claim_that_is_missing_is_forbidden(issuers: Issuers, issuer: FakeIssuer) -> None:
    assert code(issuers, issuer.mint(GITHUB, now=NOW, without=("environment",))) == ("access.forbidden", 403)


def test_the_first_entry_that_fits_wins() -> None:
    with an_issuer() as issuer:
        mapped = [Mapped({"sub": "*"}, who, frozenset({"gate"})) for who in ("first", "second")]
        found = Issuers((Issuer(issuer.url, AUDIENCE, tuple(mapped)),))
        assert found.caller(issuer.mint(now=NOW), NOW).principal == "first"


@pytest.mark.parametrize("email", ["", "  ", "a\nb", "x" * 257, 7, None])
def test_a_principal_is_never_empty_or_unreadable(issuers: Issuers, issuer: FakeIssuer, email: Any) -> None:
    assert code(issuers, issuer.mint({"sub": "by-mail", "email": email}, now=NOW)) == (
        "access.forbidden",
        403,
    )
    said = issuer.mint({"sub": "by-mail", "email": "ann@example.org"}, now=NOW)
    assert issuers.caller(said, NOW).principal == "ann@example.org"


def test_a_token_ends(issuers: Issuers, issuer: FakeIssuer) -> None:
    token = issuer.mint(now=NOW)
    issuers.caller(token, NOW + timedelta(seconds=329))
    assert code(issuers, token, NOW + timedelta(seconds=330)) == ("access.expired", 401)


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_a_token_begins(issuers: Issuers, issuer: FakeIssuer, name: str) -> None:
    token = issuer.mint({name: NOW.timestamp() + 60}, now=NOW)
    assert code(issuers, token) == ("access.expired", 401)
    issuers.caller(token, NOW + timedelta(seconds=30))


@pytest.mark.parametrize("name", ["exp", "iat", "sub"])
def test_a_token_says_when_and_who(issuers: Issuers, issuer: FakeIssuer, name: str) -> None:
    assert code(issuers, issuer.mint(now=NOW, without=(name,))) == ("access.claims", 401)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": "now"},
        {"sub": 7},
        {"sub": ""},
        {"sub": "a\nb"},
    ],
)
def test_odd_claims_are_refused(issuers: Issuers, issuer: FakeIssuer, claims: Mapping[str, Any]) -> None:
    assert code(issuers, issuer.mint_any(claims, now=NOW)) == ("access.claims", 401)


@pytest.mark.parametrize("audience", ["other", ["other", "another"], [], None, 7])
def test_another_audience_is_refused(issuers: Issuers, issuer: FakeIssuer, audience: Any) -> None:
    token = issuer.mint_any({"aud": audience}, now=NOW)
    assert code(issuers, token) == ("access.audience", 401)


def test_no_audience_is_refused(issuers: Issuers, issuer: FakeIssuer) -> None:
    assert code(issuers, issuer.mint(now=NOW, without=("aud",))) == ("access.audience", 401)


def test_one_audience_of_several_is_enough(issuers: Issuers, issuer: FakeIssuer) -> None:
    issuers.caller(issuer.mint({"aud": ["other", AUDIENCE]}, now=NOW), NOW)


@pytest.mark.parametrize("name", ["https://elsewhere.example.org", "", None, 7, ["x"]])
def test_an_unknown_issuer_is_refused_and_never_asked(
    issuers: Issuers, issuer: FakeIssuer, name: Any
) -> None:
    assert code(issuers, issuer.mint_any({"iss": name}, now=NOW)) == ("access.issuer", 401)
    assert issuer.asked == []


def test_a_forged_signature_is_refused(issuers: Issuers, issuer: FakeIssuer) -> None:
    assert code(issuers, issuer.mint(now=NOW, key=a_key("RS256"))) == ("access.signature", 401)


def test_changed_claims_are_refused(issuers: Issuers, issuer: FakeIssuer) -> None:
    header, _, signature = issuer.mint(now=NOW).split(".")
    claims = issuer.mint(GITHUB, now=NOW).split(".")[1]
    assert code(issuers, f"{header}.{claims}.{signature}") == ("access.signature", 401)


def test_no_algorithm_is_refused(issuers: Issuers, issuer: FakeIssuer) -> None:
    moment = NOW.timestamp()
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "job", "iat": moment, "exp": moment + 60}
    assert code(issuers, unsigned(claims, kid="rsa")) == ("access.algorithm", 401)
    assert issuer.asked == []


def test_a_public_key_is_no_secret(issuers: Issuers, issuer: FakeIssuer) -> None:
    token = signed_with_public_key(issuer.mint(now=NOW), issuer.keys["rsa"], "rsa")
    assert code(issuers, token) == ("access.algorithm", 401)


def test_a_key_is_used_with_its_own_algorithm_only(issuers: Issuers, issuer: FakeIssuer) -> None:
    assert code(issuers, issuer.mint(now=NOW, kid="rsa", alg="PS256")) == ("access.signature", 401)
    assert code(issuers, issuer.mint(now=NOW, kid="rsa", alg="RS512")) == ("access.algorithm", 401)


def test_a_short_key_is_refused(issuers: Issuers, issuer: FakeIssuer) -> None:
    token = issuer.mint(now=NOW)  # signed before the issuer shows a key that is too short
    issuer.keys["rsa"] = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert code(issuers, token) == ("access.signature", 401)


def test_a_key_for_encryption_signs_nothing(issuers: Issuers, issuer: FakeIssuer) -> None:
    issuer.say(JWKS, {"keys": [{**key, "use": "enc"} for key in issuer.jwks()]})
    assert code(issuers, issuer.mint(now=NOW)) == ("access.signature", 401)


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "..", "e30.e30.", "x" * (MAX_TOKEN + 1)])
def test_what_is_no_token_is_malformed(issuers: Issuers, token: str) -> None:
    with pytest.raises(AccessError) as caught:
        issuers.caller(token, NOW)
    assert caught.value.status == 401
    assert caught.value.code in ("access.malformed", "access.issuer")


def test_a_token_without_a_key_id_is_malformed(issuers: Issuers, issuer: FakeIssuer) -> None:
    assert code(issuers, issuer.mint_any({}, now=NOW, kid=None)) == ("access.malformed", 401)


def test_keys_are_fetched_once_an_hour(issuers: Issuers, issuer: FakeIssuer, clock: Clock) -> None:
    for _ in range(3):
        issuers.caller(issuer.mint(now=NOW), NOW)
    assert issuer.asked == [DISCOVERY, JWKS]
    clock.now += 3601
    issuers.caller(issuer.mint(now=NOW), NOW)
    assert issuer.asked == [DISCOVERY, JWKS] * 2


def test_a_rotation_is_picked_up(issuers: Issuers, issuer: FakeIssuer, clock: Clock) -> None:
    old = issuer.mint(now=NOW)
    issuers.caller(old, NOW)
    issuer.rotate("rsa", to="rsa 2")
    clock.now += 30
    issuers.caller(issuer.mint(now=NOW, kid="rsa 2"), NOW)
    assert code(issuers, old) == ("access.signature", 401)


def test_an_invented_key_id_fetches_at_most_every_half_minute(
    issuers: Issuers, issuer: FakeIssuer, clock: Clock
) -> None:
    for number in range(5):
        issuer.keys[f"invented {number}"] = issuer.keys["rsa"]
        issuer.algorithms[f"invented {number}"] = "RS256"
    forged = [issuer.mint(now=NOW, kid=f"invented {number}") for number in range(5)]
    for number in range(5):
        del issuer.keys[f"invented {number}"]
    assert {code(issuers, token) for token in forged} == {("access.signature", 401)}
    assert issuer.asked == [DISCOVERY, JWKS]
    clock.now += 30
    refusal(issuers, forged[0])
    assert issuer.asked == [DISCOVERY, JWKS] * 2


def test_an_issuer_that_is_down_is_no_verdict_on_the_caller(
    issuers: Issuers, issuer: FakeIssuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.down = True
    token = issuer.mint(now=NOW)
    with caplog.at_level(logging.WARNING, "placet.http"):
        error = refusal(issuers, token)
    assert (error.code, error.status, error.after) == ("access.keys_unavailable", 503, 30.0)
    assert "503" in caplog.text
    assert "503" not in error.message
    refusal(issuers, token)
    assert issuer.asked == [DISCOVERY]
    issuer.down = False
    clock.now += 30
    issuers.caller(token, NOW)


def test_held_keys_outlast_an_issuer_that_is_down_but_not_for_ever(
    issuers: Issuers, issuer: FakeIssuer, clock: Clock
) -> None:
    token = issuer.mint(now=NOW)
    issuers.caller(token, NOW)
    issuer.down = True
    clock.now += 3600
    issuers.caller(token, NOW)
    clock.now += 1
    assert code(issuers, token) == ("access.keys_unavailable", 503)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (DISCOVERY, b"no JSON"),
        (DISCOVERY, b"[" * 100_000),
        (DISCOVERY, []),
        (DISCOVERY, {"issuer": "https://other.example.org", "jwks_uri": "https://other.example.org/keys"}),
        (DISCOVERY, {"issuer": "URL"}),
        (DISCOVERY, {"issuer": "URL", "jwks_uri": 7}),
        (DISCOVERY, {"issuer": "URL", "jwks_uri": "http://192.0.2.1/keys"}),
        (DISCOVERY, {"issuer": "URL", "jwks_uri": "file:///etc/passwd"}),
        (JWKS, {}),
        (JWKS, {"keys": "none"}),
        (JWKS, {"keys": ["none"]}),
        (JWKS, {"keys": [{"kty": "odd"}]}),
        (JWKS, b" " * ((1 << 20) + 1)),
    ],
)
def test_an_issuer_that_answers_nonsense_has_no_keys(
    issuers: Issuers, issuer: FakeIssuer, path: str, answer: Any
) -> None:
    if isinstance(answer, dict) and answer.get("issuer") == "URL":
        answer = {**answer, "issuer": issuer.url}
    issuer.say(path, answer)
    assert code(issuers, issuer.mint(now=NOW)) == ("access.keys_unavailable", 503)


def test_a_redirect_is_not_followed(issuers: Issuers, issuer: FakeIssuer) -> None:
    issuer.say("/elsewhere", {"keys": issuer.jwks()})
    issuer.say(JWKS, b"", status=302, headers={"Location": f"{issuer.url}/elsewhere"})
    assert code(issuers, issuer.mint(now=NOW)) == ("access.keys_unavailable", 503)
    assert "/elsewhere" not in issuer.asked


def test_keys_may_be_named_without_discovery(issuer: FakeIssuer) -> None:
    mapped = (Mapped({"sub": "job"}, "job", frozenset({"gate"})),)
    found = Issuers((Issuer(issuer.url, AUDIENCE, mapped, jwks=f"{issuer.url}{JWKS}"),))
    found.caller(issuer.mint(now=NOW), NOW)
    assert issuer.asked == [JWKS]


class SlowIssuer:
    """Fetches as the real thing, but lets a test hold one fetch under way."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, url: str, ca: Path | None) -> bytes:
        self.begun.set()
        assert self.go_on.wait(60)
        return fetch_bytes(url, ca)


def test_while_keys_are_fetched_known_callers_go_on_and_others_come_again(
    issuer: FakeIssuer, clock: Clock
) -> None:
    slow = SlowIssuer()
    mapped = (Mapped({"sub": "job"}, "job", frozenset({"gate"})),)
    issuers = Issuers((Issuer(issuer.url, AUDIENCE, mapped),), slow, clock)
    known = issuer.mint(now=NOW)
    issuers.caller(known, NOW)
    issuer.rotate("ec", to="ec 2")
    new = issuer.mint(now=NOW, kid="ec 2")
    clock.now += 30
    slow.begun.clear()
    slow.go_on.clear()
    found: list[Caller] = []
    thread = threading.Thread(target=lambda: found.append(issuers.caller(new, NOW)))
    thread.start()
    assert slow.begun.wait(60)
    issuers.caller(known, NOW)
    error = refusal(issuers, new)
    assert (error.code, error.status, error.after) == ("access.keys_unavailable", 503, 1.0)
    slow.go_on.set()
    thread.join()
    assert [caller.principal for caller in found] == ["job"]


def test_a_connection_that_breaks_is_no_answer(issuer: FakeIssuer) -> None:
    issuer.say("/half", {"a": 1}, headers={"Content-Length": "100"})
    with pytest.raises(ValueError, match="too early"):
        fetch_bytes(f"{issuer.url}/half", None)


def test_an_answer_that_drips_is_given_up(issuer: FakeIssuer) -> None:
    issuer.say("/slow", {})
    moments = iter([0.0, 5.1])
    with pytest.raises(TimeoutError):
        fetch_bytes(f"{issuer.url}/slow", None, lambda: next(moments))


def test_an_issuer_proves_itself_by_its_certificate(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    mapped = (Mapped({"sub": "job"}, "job", frozenset({"gate"})),)
    with an_issuer(authority.issue_server("issuer").server_context()) as issuer:
        token = issuer.mint(now=NOW)
        Issuers((Issuer(issuer.url, AUDIENCE, mapped, ca=authority.certificate),)).caller(token, NOW)
        stranger = Issuers((Issuer(issuer.url, AUDIENCE, mapped),))
        assert code(stranger, token) == ("access.keys_unavailable", 503)
