"""The setting http.issuers: which OIDC issuers are believed, and which of their tokens is which caller."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from placet_api.errors import ConfigurationError
from placet_api.http.callers import ROLES
from placet_engine.loopback import is_loopback

_PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which tokens are which caller: every claim must fit. `*` stands for any text without a slash, `**` for any."""

    claims: Mapping[str, str]
    principal: str
    roles: frozenset[str]

    def fits(self, token: Mapping[str, Any]) -> bool:
        """Whether each claim is text and is what is wanted."""
        return all(
            isinstance(token.get(name), str) and _pattern(wanted).fullmatch(token[name])
            for name, wanted in self.claims.items()
        )

    def principal_of(self, token: Mapping[str, Any]) -> str | None:
        """The principal, with `{claim}` filled in; None when the token has no such text.

        Rules compare principals (nobody approves their own request), so none may come out empty or unreadable.
        """
        values = {name: token.get(name) for name in _PLACE.findall(self.principal)}
        if not all(isinstance(value, str) and value.strip() for value in values.values()):
            return None
        principal = _PLACE.sub(lambda found: str(values[found[1]]), self.principal)
        return principal if principal.isprintable() and len(principal) <= 256 else None


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer that is believed, for tokens made for us."""

    issuer: str
    audience: str
    callers: tuple[Mapped, ...]
    jwks: str | None = None
    ca: Path | None = None


def parse_issuers(items: list[Any], where: str, root: Path) -> tuple[Issuer, ...]:
    """The setting http.issuers; files that it names count from `root`. Raises `ConfigurationError` http.issuers."""
    found = tuple(_issuer(item, f"{where}[{number}]", root) for number, item in enumerate(items))
    if len({issuer.issuer for issuer in found}) != len(found):
        raise _odd("an issuer stands there twice", where)
    return found


def safe_url(text: str) -> bool:
    """Whether it is an https URL, or an http one on this machine."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    host = parts.hostname
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(str(host))))


def _issuer(item: Any, where: str, root: Path) -> Issuer:
    members = _members(item, where, {"issuer", "audience", "callers"}, {"jwks", "ca"})
    callers = members["callers"]
    if not isinstance(callers, list) or not callers:
        raise _odd("callers must be a list of at least one", where)
    jwks, ca = members.get("jwks"), members.get("ca")
    return Issuer(
        _url(members["issuer"], f"{where}.issuer"),
        _text(members["audience"], f"{where}.audience"),
        tuple(_mapped(caller, f"{where}.callers[{number}]") for number, caller in enumerate(callers)),
        None if jwks is None else _url(jwks, f"{where}.jwks"),
        None if ca is None else _authority(ca, f"{where}.ca", root),
    )


def _mapped(item: Any, where: str) -> Mapped:
    members = _members(item, where, {"claims", "principal", "roles"}, set())
    claims, roles = members["claims"], members["roles"]
    if not isinstance(claims, dict) or not claims:
        raise _odd("claims must name at least one claim: an entry without any would fit everybody", where)
    if (
        not isinstance(roles, list)
        or not roles
        or not all(isinstance(role, str) and role in ROLES for role in roles)
    ):
        raise _odd(f"roles must be some of {', '.join(ROLES)}", where)
    wanted = {
        _text(name, f"{where}.claims"): _text(value, f"{where}.claims.{name}")
        for name, value in claims.items()
    }
    principal = _text(members["principal"], f"{where}.principal")
    if "{" in _PLACE.sub("", principal) or "}" in _PLACE.sub("", principal):
        raise _odd("a claim in a principal is written {claim}", f"{where}.principal")
    return Mapped(wanted, principal, frozenset(roles))


def _members(item: Any, where: str, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise _odd("it must be a mapping", where)
    if unknown := sorted(str(name) for name in item.keys() - required - optional):
        raise _odd(f"unknown key {unknown[0]}", where)
    if missing := sorted(required - item.keys()):
        raise _odd(f"{missing[0]} is missing", where)
    return item


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _odd("it must be text", where)
    return value


def _url(value: Any, where: str) -> str:
    text = _text(value, where)
    if not safe_url(text):
        raise _odd("it must be an https URL", where)
    return text


def _authority(value: Any, where: str, root: Path) -> Path:
    try:
        path = root / Path(_text(value, where)).expanduser()
    except RuntimeError as error:
        raise _odd("it is in a home directory that cannot be found", where) from error
    try:
        # Now, and not when the first token comes: callers would only read that keys cannot be fetched.
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise _odd(f"{path} is no readable PEM file of certificates: {error}", where) from error
    return path


def _pattern(wanted: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*?)", wanted)
    return re.compile(
        "".join({"*": "[^/]*", "**": ".*"}.get(part) or re.escape(part) for part in parts), re.DOTALL
    )


def _odd(words: str, where: str) -> ConfigurationError:
    return ConfigurationError("http.issuers", words, where=where)
