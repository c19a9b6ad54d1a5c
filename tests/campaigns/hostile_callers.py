"""Tokens that must open nothing, and issuers that do not answer."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.campaigns.hostility import DECIDE, Case, Cases, Target
from tests.campaigns.wire import request, say
from tests.fakes.issuer import FakeIssuer, a_key, signed_with_public_key, unsigned

Mint = Callable[[FakeIssuer, datetime], str]
_SIGNATURE: Final = ("401 access.signature",)
_MALFORMED: Final = ("401 access.malformed",)
_ALGORITHM: Final = ("401 access.algorithm",)


def _claims(issuer: FakeIssuer, now: datetime) -> dict[str, object]:
    moment = int(now.timestamp())
    return {"iss": issuer.url, "aud": "placet", "sub": "job", "iat": moment, "exp": moment + 300}


def _edited(issuer: FakeIssuer, now: datetime) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = issuer.mint(now=now).split(".")
    other = issuer.mint({"sub": "root"}, now=now).split(".")[1]
    return f"{head}.{other}.{signature}"


_TOKENS: Final[tuple[tuple[str, Mint, tuple[str, ...]], ...]] = (
    ("a right one", lambda issuer, now: issuer.mint(now=now), ("200 allow",)),
    ("expired", lambda issuer, now: issuer.mint(now=now - timedelta(hours=1)), ("401 access.expired",)),
    ("not valid yet", lambda issuer, now: issuer.mint(now=now + timedelta(hours=1)), ("401 access.expired",)),
    ("alg none", lambda issuer, now: unsigned(_claims(issuer, now), kid="rsa"), _ALGORITHM),
    (
        "the public key as a secret",
        lambda issuer, now: signed_with_public_key(issuer.mint(now=now), issuer.keys["rsa"], "rsa"),
        _ALGORITHM,
    ),
    ("another's key", lambda issuer, now: issuer.mint(now=now, key=a_key("RS256")), _SIGNATURE),
    ("claims of another token", _edited, _SIGNATURE),
    ("an unknown key id", lambda issuer, now: issuer.mint_any({}, now=now, kid="unknown"), _SIGNATURE),
    ("no key id", lambda issuer, now: issuer.mint_any({}, now=now, kid=None), _MALFORMED),
    ("another audience", lambda issuer, now: issuer.mint({"aud": "x"}, now=now), ("401 access.audience",)),
    ("no audience", lambda issuer, now: issuer.mint(now=now, without=("aud",)), ("401 access.audience",)),
    ("no end", lambda issuer, now: issuer.mint(now=now, without=("exp",)), ("401 access.claims",)),
    (
        "another issuer",
        lambda issuer, now: issuer.mint({"iss": "https://x"}, now=now),
        ("401 access.issuer",),
    ),
    (
        "an issuer nearly the same",
        lambda issuer, now: issuer.mint({"iss": f"{issuer.url}/"}, now=now),
        ("401 access.issuer",),
    ),
    (
        "claims that nobody has",
        lambda issuer, now: issuer.mint({"sub": "other"}, now=now),
        ("403 access.forbidden",),
    ),
    ("no token in it", lambda issuer, now: "a.b.c", _MALFORMED),
    ("17 kB", lambda issuer, now: "x" * 17_000, _MALFORMED),
    ("a header 5,000 deep", lambda issuer, now: f"{_deep()}.e30.x", _MALFORMED),
    (
        "an API token that is none",
        lambda issuer, now: f"placet_{'0' * 12}_{'A' * 43}",
        ("401 access.unknown",),
    ),
)


def _deep() -> str:
    return base64.urlsafe_b64encode(b"[" * 5000 + b"]" * 5000).decode().rstrip("=")


def cases() -> Cases:
    """While the issuer is down, then while it is up, then many at once. In this order: what is fetched is kept."""
    yield Case("token: the issuer is down", ("503 access.keys_unavailable",), _down)
    for name, mint, expected in _TOKENS:
        yield Case(f"token: {name}", expected, functools.partial(_asked, mint))
    yield Case("tokens of unknown keys, all at once", ("none let in, good ones are",), _unknown)


def _asked(mint: Mint, target: Target) -> str:
    token = mint(target.issuer, datetime.now(UTC))
    return say(target.http, request(DECIDE, token, method="POST", body=target.question()))


def _down(target: Target) -> str:
    """A second issuer, so that the first one's keys can be fetched afterwards."""
    return _asked(lambda _, now: target.dead.mint(now=now), target)


def _unknown(target: Target) -> str:
    """Keys that nobody publishes: every one wants the keys fetched again. Whoever is known goes on."""
    now, asked = datetime.now(UTC), len(target.issuer.asked)
    tokens = [
        target.issuer.mint_any({}, now=now, kid=f"unknown-{number}") for number in range(target.size.tokens)
    ]
    with ThreadPoolExecutor(len(tokens) + 4) as threads:
        bodies = [request(DECIDE, token, method="POST", body=target.question()) for token in tokens]
        strangers = [threads.submit(say, target.http, body) for body in bodies]
        good = [threads.submit(target.good) for _ in range(8)]
        heard = {future.result() for future in strangers}
        known = {future.result() for future in good}
    fetches = len(target.issuer.asked) - asked
    closed = {
        "401 access.signature",
        "503 access.keys_unavailable",
        "503 http.overloaded",
        "429 access.too_many",
    }
    if (
        heard <= closed
        and known <= {"200 allow", "503 http.overloaded"}
        and "200 allow" in known
        and fetches <= 2
    ):
        return "none let in, good ones are"
    return f"strangers {sorted(heard)}, known {sorted(known)}, {fetches} fetches"
