"""From an `Authorization` header to a caller."""

from __future__ import annotations

import base64
import binascii
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

    @staticmethod
    def at_once(header: str | None) -> bool:
        """Whether `caller` answers without waiting: a token of ours is one row here, an issuer's wants its keys."""
        return header is None or header.partition(" ")[2].lstrip().startswith(PREFIX)

    def caller(self, header: str | None, now: datetime, *, basic: bool = False) -> Caller:
        """Raises `AccessError` access.* for whoever is not known.

        With `basic`, a browser may bring its token as the password of HTTP Basic (RFC 7617), under any user name. Never
        for a call that changes something: browsers send Basic credentials along whoever made them ask.
        """
        if header is None:
            raise AccessError("access.missing", "who asks?", hint="send  Authorization: Bearer TOKEN")
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if basic and scheme.lower() == "basic":
            scheme, token = "bearer", _password(token)
        if scheme.lower() != "bearer" or not token or not token.isascii() or len(token) > MAX_TOKEN:
            raise AccessError("access.malformed", "the Authorization header holds no bearer token")
        if token.startswith(PREFIX):
            return self._tokens.caller(token, now)
        return self._issuers.caller(token, now)


def _password(text: str) -> str:
    """The password of Basic credentials; empty when there is none."""
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
