"""From an `Authorization` header to a caller."""

from __future__ import annotations

from datetime import datetime

from placet_api.errors import AccessError
from placet_api.http.callers import Caller
from placet_api.http.oidc import MAX_TOKEN, Issuers
from placet_api.http.tokens import PREFIX, TokenStore


class Authenticator:
    """Knows callers by API tokens, and by OIDC tokens of the configured issuers."""

    def __init__(self, tokens: TokenStore, issuers: Issuers) -> None:
        self._tokens = tokens
        self._issuers = issuers

    def caller(self, header: str | None, now: datetime) -> Caller:
        """Raises `AccessError` access.* for whoever is not known."""
        if header is None:
            raise AccessError("access.missing", "who asks?", hint="send  Authorization: Bearer TOKEN")
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or not token.isascii() or len(token) > MAX_TOKEN:
            raise AccessError("access.malformed", "the Authorization header holds no bearer token")
        if token.startswith(PREFIX):
            return self._tokens.caller(token, now)
        return self._issuers.caller(token, now)
