"""Expected identities: the whole text or nothing."""

from __future__ import annotations

import pytest

from placet_attestations.errors import MalformedError
from placet_attestations.x509.identities import CertificateIdentity, Match


@pytest.mark.parametrize("text", ["acme", "^acme", "acme$", "^acme\\$", "^", "^$", "", ".*"])
def test_an_unanchored_pattern_is_a_configuration_error(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Match.pattern(text)
    assert caught.value.code == "identity.unanchored"


@pytest.mark.parametrize("text", ["^($", "^" + "a" * 1100 + "$"])
def test_a_pattern_that_is_none(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Match.pattern(text)
    assert caught.value.code == "identity.pattern"


def test_a_pattern_is_over_the_whole_text() -> None:
    either = Match.pattern("^acme|beta$")
    assert either("acme")
    assert either("beta")
    assert not either("acme and more")
    assert not either("more beta")
    assert not Match.pattern("^acme$")("acme\n")
    assert not Match.pattern("^.*$")("")
    assert Match.pattern(r"^a\\$")("a\\")


def test_exact_texts_are_texts() -> None:
    assert Match.exactly("a.c")("a.c")
    assert not Match.exactly("a.c")("abc")
    assert Match.nothing()("")
    assert not Match.nothing()("a")
    with pytest.raises(MalformedError):
        Match.exactly("")
    assert str(CertificateIdentity.exactly(issuer="i", identity="me")) == "me of i"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (
            r"^https://github\.com/acme/([a-z0-9]+-?)+/x@refs/heads/main$",
            "https://github.com/acme/" + "a" * 4000 + "!",
        ),
        (
            r"^https://github\.com/acme/.*/x/.*@refs/tags/v.*$",
            "https://github.com/acme/" + "/x/" * 900 + "\n",
        ),
        (r"^([\w.-]+)+@acme\.example$", "a" * 4000 + "!"),
    ],
)
def test_a_strangers_name_cannot_keep_a_pattern_busy(pattern: str, text: str) -> None:
    # With an engine that backtracks, each of these takes longer than anybody waits.
    assert not Match.pattern(pattern)(text)


@pytest.mark.parametrize("pattern", [r"^(?=a)b$", r"^(a)\1$", "^\ud800$"])
def test_what_needs_backtracking_is_no_pattern(pattern: str) -> None:
    with pytest.raises(MalformedError) as caught:
        Match.pattern(pattern)
    assert caught.value.code == "identity.pattern"


def test_half_of_a_surrogate_pair_meets_nothing() -> None:
    assert not Match.pattern("^.*$")("\ud800")
