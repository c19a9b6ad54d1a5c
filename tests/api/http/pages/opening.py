"""What tests of pages share: the words that try something, and opening a page as a browser does."""

from __future__ import annotations

import base64

from placet_api.http.calls import CALLS
from tests.api.http.pages.html_page import Page, read
from tests.api.http.serving import Answer, Serving

STRANGER = "sha256:" + "5" * 64
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
EVIL_NAME = "<svg onload=alert(3)>"
BIDI = "abc\u202edef\x1b[31m"
PAGES = tuple(call for call in CALLS if call.page)
PROMISED = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def signed_in(token: str, user: str = "whoever") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}


def opened(service: Serving, path: str, token: str, status: int = 200) -> Page:
    answer = service.ask("GET", path, headers=signed_in(token))
    assert answer.status == status, answer.body[:500]
    return require_page(answer)


def require_page(answer: Answer) -> Page:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert PROMISED.items() <= answer.headers.items(), answer.headers
    return read(answer.body)


def entries(page: Page) -> list[int]:
    return [int(text) for text in page.texts("td", data_label="Entry")]
