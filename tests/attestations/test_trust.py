from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_attestations.digests import Digest
from placet_attestations.trust import Grant, Revocation, Rule, SignerRecord, TrustPolicy
from tests.builders import NOW, RULES, a_digest, a_key, a_trust_policy

HOUR = timedelta(hours=1)
RULE = Rule(
    frozenset({"trainer"}),
    frozenset({"training"}),
    frozenset({"model"}),
    may_name=("churn-*", "risk"),
    may_alias=True,
)


def policy(*revoked: Revocation) -> TrustPolicy:
    return TrustPolicy.of(b"", (), (), revoked)


@pytest.mark.parametrize(
    ("start", "end", "valid"),
    [
        (None, None, True),
        (NOW, None, True),
        (NOW + HOUR, None, False),
        (None, NOW, False),
        (None, NOW + HOUR, True),
        (NOW - HOUR, NOW + HOUR, True),
    ],
)
def test_a_window_includes_its_start_and_not_its_end(
    start: datetime | None, end: datetime | None, valid: bool
) -> None:
    signer = SignerRecord("a", "a", a_key().public_key, frozenset({"x"}), valid_from=start, valid_until=end)
    assert signer.valid_at(NOW) is valid


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("churn-model", True),
        ("churn-", True),
        ("risk", True),
        ("risks", False),
        ("a-churn-model", False),
        ("churn", False),
        ("", False),
        ("churn-a\nb", True),  # names are checked where they are read
    ],
)
def test_a_name_matches_a_whole_pattern(name: str, allowed: bool) -> None:
    assert RULE.allows_name(name) is allowed


@given(st.text(alphabet="abc.*+[](){}?\\|^$", max_size=8), st.text(alphabet="abc.*+[", max_size=8))
def test_only_the_star_is_special(pattern: str, name: str) -> None:
    rule = Rule(frozenset(), frozenset(), frozenset(), may_name=(pattern,))
    assert rule.allows_name(pattern.replace("*", name))
    if "*" not in pattern:
        assert rule.allows_name(name) is (name == pattern)


def test_an_alias_is_of_a_name_that_may_be_given() -> None:
    assert RULE.allows_alias("churn-model@2026.11")
    assert RULE.allows_alias("risk@1@2")
    assert not RULE.allows_alias("other@churn-model")
    assert not Rule(RULE.roles, RULE.types, RULE.kinds, may_name=("*",)).allows_alias("churn-model@1")


def test_a_revocation_covers_its_moment_and_what_follows() -> None:
    entry = Revocation("a", None, NOW)
    assert not entry.covers(NOW - HOUR)
    assert entry.covers(NOW)
    assert entry.covers(NOW + HOUR)
    assert Revocation("a", None, None).covers(datetime(1970, 1, 1, tzinfo=UTC))


def test_any_revocation_of_a_signer_counts() -> None:
    trust = policy(Revocation("a", None, NOW + HOUR), Revocation("b", None, None), Revocation("a", None, NOW))
    assert trust.signer_revocation("a", NOW) == Revocation("a", None, NOW)
    assert trust.signer_revocation("a", NOW - HOUR) is None
    assert trust.signer_revocation("c", NOW) is None


def test_the_earliest_revocation_of_an_artifact_is_given() -> None:
    digest = a_digest()
    late, early = Revocation(None, digest, NOW), Revocation(None, digest, NOW - HOUR)
    always = Revocation(None, digest, None)
    assert policy(late, early).artifact_revoked(digest) == early
    assert policy(late, always, early).artifact_revoked(digest) == always
    assert policy(late).artifact_revoked(a_digest("other")) is None


def test_a_signer_is_found_by_its_key() -> None:
    trust = a_trust_policy()
    key = a_key("ci").public_key
    for found in (trust.signer_of(key.fingerprint), trust.hinted(key.hint), trust.hinted(key.fingerprint)):
        assert found is not None
        assert found.id == "ci"
    assert trust.signer_of(a_key("stranger").public_key.fingerprint) is None
    assert trust.hinted(None) is None
    assert trust.hinted("") is None


def test_explain_shows_who_may_say_what() -> None:
    trust = a_trust_policy(rules=[*RULES[:1], {**RULES[3], "threshold": 2}])
    assert trust.explain() == (
        Grant("owner", "owner@example.org", ("data-owner",), "dataset", ("dataset",), 1, ("*",), True),
        Grant(
            "approver",
            "approver@example.org",
            ("approver",),
            "approval",
            ("dataset", "image", "model"),
            2,
            (),
            False,
        ),
    )


def test_explain_can_be_narrowed() -> None:
    trust = a_trust_policy()
    assert {row.signer for row in trust.explain(short_type="training")} == {"ci"}
    assert {row.type for row in trust.explain(signer="approver")} == {"approval", "waiver"}
    assert {row.signer for row in trust.explain(kind="code")} == {"ci"}
    assert trust.explain(signer="dev") == ()


def test_rules_that_let_nobody_say_anything_are_remarked() -> None:
    assert a_trust_policy().remarks() == ()
    rules = [RULES[0], {**RULES[3], "threshold": 2}, {**RULES[4], "roles": ["board", "aprover"]}]
    assert a_trust_policy(rules=rules).remarks() == (
        "rule 2 (approver: approval): needs 2 principals and has 1",
        "rule 3 (aprover, board: waiver): no signer has any of its roles",
    )


def test_the_digest_is_a_digest() -> None:
    assert Digest.parse(a_trust_policy().digest) == a_trust_policy().digest
