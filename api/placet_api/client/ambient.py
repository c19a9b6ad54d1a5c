"""Who calls the service: a token from a variable, or the one that a CI system gives its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from placet_api.client.connection import Connection
from placet_api.client.problems import answer_error
from placet_api.errors import AccessError
from placet_api.settings import Settings
from placet_attestations.errors import MalformedError
from placet_attestations.strictjson import loads

GITLAB: Final = "PLACET_ID_TOKEN"
GITHUB_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - the name of a variable
_MAX_BYTES: Final = 64 * 1024


def find_token(settings: Settings, variables: Mapping[str, str]) -> str:
    """The caller's token: PLACET_TOKEN, else GitLab's id token, else one that GitHub Actions makes for this job.

    Raises `AccessError` access.missing, `ConfigurationError` client.url, `ServiceError` service.*.
    """
    # Secrets that come from files end in a newline more often than not.
    given = (settings.optional("token") or variables.get(GITLAB) or "").strip()
    if given:
        return given
    url, bearer = variables.get(GITHUB_URL), variables.get(GITHUB_TOKEN)
    if url and bearer:
        audience = settings.text("client.audience")
        return _from_github(url, bearer.strip(), audience, settings.number("client.timeout"))
    raise AccessError(
        "access.missing",
        "the service wants to know who calls, and there is no token",
        hint=f"set PLACET_TOKEN (GitLab: id_tokens entry {GITLAB}; GitHub Actions: permissions  id-token: write)",
    )


def _from_github(url: str, bearer: str, audience: str, timeout: float) -> str:
    """Ask the runner's own service for a token that is made out to Placet."""
    try:
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        query = dict(parse_qsl(parts.query)) | {"audience": audience}
    except ValueError:
        base, parts, query = url, urlsplit(""), {}  # what cannot be read is refused in the one place for it
    reply = Connection(base, bearer, None, timeout).get(parts.path or "/", query)
    try:
        answer: Any = loads(reply.body, max_bytes=_MAX_BYTES)
    except MalformedError as error:
        raise answer_error(f"the CI's token service answered: {error.message}", where=base) from error
    token = answer.get("value") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token:
        raise answer_error("the CI's token service answered without a token", where=base)
    return token
