from __future__ import annotations

import pytest

from placet_api.http.authentication import Authenticator


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, True),
        ("Bearer placet_0123456789ab_secret", True),
        ("bearer   placet_0123456789ab_secret", True),
        ("Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln", False),
        ("Basic OnBsYWNldF8=", False),
        ("placet_0123456789ab_secret", False),
        ("", False),
    ],
)
def test_only_what_asks_no_issuer_is_answered_at_once(header: str | None, expected: bool) -> None:
    assert Authenticator.at_once(header) is expected
