"""API tokens: 32 random bytes given out once, of which the store keeps the SHA-256.

A token is `placet_<id>_<secret>`. The id names it in lists and logs; the secret has so much entropy that a plain
hash is as good as a slow one (there is nothing to guess). Each use reads the row, so a revocation counts at once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from placet_api.errors import AccessError, UsageError
from placet_api.http.callers import ROLES, Caller
from placet_attestations.database import open_database, translate
from placet_attestations.times import format_time, parse_time

PREFIX = "placet_"
_MOST_DAYS = 3660
_TOKEN = re.compile(r"placet_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS api_token (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL, principal TEXT NOT NULL, roles TEXT NOT NULL,
    created TEXT NOT NULL, expires TEXT NOT NULL, revoked TEXT
) STRICT
"""
_ROW = "SELECT id, hash, principal, roles, created, expires, revoked FROM api_token"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept of a token. Times are RFC 3339 in UTC."""

    id: str
    principal: str
    roles: tuple[str, ...]
    created: str
    expires: str
    revoked: str | None


class TokenStore:
    """The tokens in one database file. May be used from several threads."""

    def __init__(self, path: Path) -> None:
        """Raises `StoreError` as `open_database`."""
        self._path = path
        self._lock = threading.Lock()
        self._connection = open_database(path)
        with self._use() as connection:
            connection.execute(_SCHEMA)

    def new(
        self, principal: str, roles: tuple[str, ...], days: float, now: datetime
    ) -> tuple[str, TokenRecord]:
        """A token, which nobody sees again, and what is kept of it. Raises `UsageError` token.*."""
        if not roles or (unknown := sorted(set(roles) - ROLES.keys())):
            raise UsageError(
                "token.role",
                f"a token wants roles among {', '.join(ROLES)}",
                where=", ".join(unknown if roles else ()),
            )
        if not principal.strip() or not principal.isprintable() or len(principal) > 256:
            raise UsageError("token.principal", "a principal is a printable name of up to 256 characters")
        # The longest that anybody needs is ten years; a comparison with NaN never holds.
        if not 0 < days <= _MOST_DAYS:
            raise UsageError("token.days", f"a token is valid for up to {_MOST_DAYS} days")
        name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        expires = format_time(now + timedelta(days=days))
        record = TokenRecord(name, principal, tuple(sorted(set(roles))), format_time(now), expires, None)
        with self._use() as connection:
            connection.execute(
                "INSERT INTO api_token VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (name, _hash(secret), principal, " ".join(record.roles), record.created, expires),
            )
        return f"{PREFIX}{name}_{secret}", record

    def caller(self, token: str, now: datetime) -> Caller:
        """Who holds this token. Raises `AccessError` access.malformed, .unknown, .expired, .revoked."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise AccessError("access.malformed", "that is not a token of this service")
        with self._use() as connection:
            row = connection.execute(f"{_ROW} WHERE id = ?", (found[1],)).fetchone()
        # An unknown id and a wrong secret read the same to whoever tries.
        if row is None or not hmac.compare_digest(row[1], _hash(found[2])):
            raise AccessError(
                "access.unknown",
                "no such token",
                hint="is it whole, and of this service? an admin makes another:  placet token new",
            )
        record = _record(row)
        if record.revoked is not None:
            raise AccessError("access.revoked", f"token {record.id} was revoked", hint="ask for another one")
        if now >= parse_time(record.expires):
            raise AccessError("access.expired", f"token {record.id} has expired", hint="ask for another one")
        return Caller(f"token:{record.id}", record.principal, frozenset(record.roles))

    def all(self) -> list[TokenRecord]:
        """Every token, the oldest first."""
        with self._use() as connection:
            return [_record(row) for row in connection.execute(f"{_ROW} ORDER BY created, id")]

    def revoke(self, name: str, now: datetime) -> None:
        """From now on it is nobody's. Raises `UsageError` token.unknown."""
        with self._use() as connection:
            done = connection.execute(
                "UPDATE api_token SET revoked = coalesce(revoked, ?) WHERE id = ?", (format_time(now), name)
            )
            if done.rowcount == 0:
                raise UsageError("token.unknown", f"there is no token {name!r}", hint="placet token list")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translate(self._path):
            yield self._connection


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(row: tuple[str, str, str, str, str, str, str | None]) -> TokenRecord:
    name, _, principal, roles, created, expires, revoked = row
    return TokenRecord(name, principal, tuple(roles.split()), created, expires, revoked)
