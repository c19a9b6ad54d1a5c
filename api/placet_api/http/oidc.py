"""OIDC tokens of configured issuers: the only file that imports jwt (PyJWT).

Keys come from the issuer's JWKS and are kept; a key id that is not among them fetches the set again, at most every half
minute, so that neither a rotation locks callers out nor a forged key id makes us a hammer. Algorithms are public-key
ones only: a token can choose neither `none` nor to use a public key as a secret (RFC 8725 section 3.1).
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt

from placet_api.errors import AccessError
from placet_api.http.callers import Caller
from placet_api.http.issuers import Issuer, Mapped, parse_issuers, safe_url

__all__ = ["MAX_TOKEN", "Fetch", "Issuer", "Issuers", "Mapped", "fetch_bytes", "parse_issuers"]

MAX_TOKEN = 16 * 1024
_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_LEEWAY = 30
_AGAIN = 30.0  # seconds between two fetches of one issuer's keys
_KEPT = 3600.0  # seconds that keys are used without asking for them again
_MAX_KEYS = 1 << 20
_TIMEOUT = 5.0
_NAMED = ("sub", "repository", "ref", "environment")
_UNFETCHED = (
    OSError,
    http.client.HTTPException,
    ValueError,
    TypeError,
    KeyError,
    RecursionError,
    jwt.PyJWTError,
)
_log = logging.getLogger("placet.http")

Fetch = Callable[[str, "Path | None"], bytes]


@dataclass(slots=True)
class _Keys:
    """What is held of one issuer. `keys` and `fetched` are exchanged together, under the lock."""

    keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    fetched: float = float("-inf")
    tried: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


class Issuers:
    """Checks tokens. May be used from several threads."""

    def __init__(
        self,
        issuers: tuple[Issuer, ...],
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._fetch = fetch or fetch_bytes
        self._clock = clock
        self._keys = {name: _Keys() for name in self._issuers}

    def caller(self, token: str, now: datetime) -> Caller:
        """Who holds this token.

        1. Which issuer does it name, which key, which algorithm: words that are not believed yet.
        2. That issuer's key, signature, times, audience.
        3. The first entry of the configuration that fits its claims.

        Raises `AccessError`: access.malformed, .issuer, .algorithm, .signature, .expired, .audience, .claims (401),
        .forbidden (403), .keys_unavailable (503).
        """
        header, said = _unbelieved(token)
        name = said.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise AccessError(
                "access.issuer", "the token's issuer is not configured here", hint="http.issuers"
            )
        if header.get("alg") not in _ALGORITHMS:
            raise AccessError("access.algorithm", f"tokens are signed with one of {', '.join(_ALGORITHMS)}")
        claims = _checked(token, self._key(issuer, header.get("kid")), issuer, header["alg"])
        _require_current(claims, now.timestamp())
        found = next((mapped for mapped in issuer.callers if mapped.fits(claims)), None)
        principal = None if found is None else found.principal_of(claims)
        if found is None or principal is None:
            told = ", ".join(f"{name}={claims[name]!r}"[:200] for name in _NAMED if name in claims)
            raise AccessError(
                "access.forbidden",
                f"no caller in http.issuers has these claims: {told}",
                status=403,
                hint="http.issuers",
            )
        return Caller(f"oidc:{issuer.issuer} {claims['sub']}", principal, found.roles)

    def _key(self, issuer: Issuer, kid: object) -> jwt.PyJWK:
        if not isinstance(kid, str):
            raise AccessError("access.malformed", "the token names no key (kid)")
        held = self._keys[issuer.issuer]
        # While one thread fetches, whoever's key is held goes on, and whoever's is not is told to come again: invented
        # key ids must not tie up every thread on a slow issuer. Only the very first fetch is waited for.
        if self._fresh(held) and kid in held.keys:
            return held.keys[kid]
        if not held.lock.acquire(blocking=not held.keys):
            raise _unavailable(1.0)
        try:
            # Another thread may have fetched them in the meantime.
            wanting = kid not in held.keys or not self._fresh(held)
            if wanting and self._clock() - held.tried >= _AGAIN:
                held.tried = self._clock()
                self._refresh(issuer, held)
            if not self._fresh(held):
                raise _unavailable(_AGAIN)
            if kid not in held.keys:
                raise AccessError("access.signature", "the issuer has no key of that id")
            return held.keys[kid]
        finally:
            held.lock.release()

    def _fresh(self, held: _Keys) -> bool:
        return self._clock() - held.fetched <= _KEPT

    def _refresh(self, issuer: Issuer, held: _Keys) -> None:
        """Fetch the keys; when that fails, what is held stays until it is too old."""
        try:
            found = jwt.PyJWKSet.from_dict(_object(self._fetch(self._where(issuer), issuer.ca)))
        except _UNFETCHED as error:
            # To the operator only: whoever sent the token has shown nothing yet.
            _log.warning("the keys of %s cannot be fetched: %s", issuer.issuer, error)
            return
        held.keys = {
            key.key_id: key
            for key in found.keys
            if isinstance(key.key_id, str) and key.public_key_use in {None, "sig"}
        }
        held.fetched = self._clock()

    def _where(self, issuer: Issuer) -> str:
        if issuer.jwks is not None:
            return issuer.jwks
        place = f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = _object(self._fetch(place, issuer.ca))
        if document.get("issuer") != issuer.issuer:
            raise ValueError("the discovery document is another issuer's")
        where = document["jwks_uri"]
        if not isinstance(where, str) or not safe_url(where):
            raise ValueError("jwks_uri is no https URL")
        return where


def _unbelieved(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, before anything was verified."""
    if len(token) > MAX_TOKEN:
        raise AccessError("access.malformed", f"a token has at most {MAX_TOKEN:,} bytes")
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise AccessError("access.malformed", "that is neither a token of this service nor a JWT") from error
    return found["header"], found["payload"]


def _checked(token: str, key: jwt.PyJWK, issuer: Issuer, algorithm: str) -> Mapping[str, Any]:
    """The claims, once the signature holds and they are meant for us. `key` is bound to its own algorithm."""
    options: Any = {
        "require": ["exp", "iat", "sub"],
        "enforce_minimum_key_length": True,
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
    }
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=issuer.audience,
            issuer=issuer.issuer,
            options=options,
        )
    except jwt.InvalidAudienceError as error:
        raise _another_audience(issuer) from error
    except jwt.MissingRequiredClaimError as error:
        if error.claim == "aud":
            raise _another_audience(issuer) from error
        raise AccessError("access.claims", f"the token does not say its {error.claim}") from error
    except jwt.exceptions.InvalidSubjectError as error:
        raise AccessError("access.claims", "the token's subject (sub) is no text") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise AccessError("access.signature", "the token's signature does not hold") from error
    if not claims["sub"].strip() or not claims["sub"].isprintable():
        raise AccessError("access.claims", "the token's subject (sub) is no printable text")
    return claims


def _another_audience(issuer: Issuer) -> AccessError:
    return AccessError("access.audience", f"the token is not made for {issuer.audience}")


def _require_current(claims: Mapping[str, Any], moment: float) -> None:
    """Against the service's own clock, which everything else here goes by."""
    times = {name: claims.get(name, 0) for name in ("exp", "iat", "nbf")}
    for value in times.values():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise AccessError("access.claims", "a time in the token is no number")
    if moment >= times["exp"] + _LEEWAY:
        raise AccessError("access.expired", "the token has expired", hint="get a fresh one")
    if moment < max(times["iat"], times["nbf"]) - _LEEWAY:
        raise AccessError("access.expired", "the token is not valid yet", hint="compare the clocks")


def _unavailable(after: float) -> AccessError:
    return AccessError(
        "access.keys_unavailable",
        "the issuer's keys cannot be fetched now",
        status=503,
        hint="ask again soon",
        after=after,
    )


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data)
    if not isinstance(value, dict):
        raise TypeError("the answer is not a JSON object")
    return value


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """An issuer's keys are where it said, or nowhere."""
        return


def fetch_bytes(url: str, ca: Path | None, clock: Callable[[], float] = time.monotonic) -> bytes:
    """GET over HTTPS (plain HTTP to loopback only, `safe_url`), 5 s, no redirect, no proxy.

    Raises OSError, ValueError, HTTPException.
    """
    until = clock() + _TIMEOUT
    context = ssl.create_default_context(cafile=ca)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _NoRedirect(), urllib.request.HTTPSHandler(context=context)
    )
    data = b""
    with opener.open(url, timeout=_TIMEOUT) as answer:
        # The timeout is one of each read: a server that drips would hold us for as long as it likes.
        while part := answer.read1(1 << 16):
            data += part
            if len(data) > _MAX_KEYS:
                raise ValueError("the answer is too large")
            if clock() > until:
                raise TimeoutError("the answer takes too long")
        if answer.length:
            raise ValueError("the answer ended too early")
    return data
