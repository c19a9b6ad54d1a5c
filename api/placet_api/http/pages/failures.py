"""A refusal as a page: what happened, its code, what to do."""

from __future__ import annotations

from placet_api.http.asked import Reply
from placet_api.http.pages.rendering import page
from placet_api.http.problems import title_of

_TO_DO = {
    401: "Sign in: any user name, and your token of this service as the password. Reload the page to be asked again.",
    403: "Sign in with a token that has that role. Browsers remember a token until they are closed.",
    404: "Look for it among the decisions.",
    429: "Wait a moment, then reload the page.",
    503: "Try again soon. If it stays, tell whoever runs this service; its log says more.",
}


def failure(status: int, code: str, message: str, hint: str | None = None, where: str | None = None) -> Reply:
    """The page of one refusal."""
    # Who is not known gets this page's own words: hints speak of headers, which a browser's user does not write.
    to_do = _TO_DO.get(status) if status == 401 else hint or _TO_DO.get(status)
    return page(
        "failure.html",
        status,
        caller=None,
        here=None,
        number=status,
        title=title_of(status),
        code=code,
        message=message,
        hint=to_do,
        where=where,
    )
