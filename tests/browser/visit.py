"""A site under test, and a window onto it that notices whatever a page must never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, HttpCredentials, Page, ViewportSize

from tests.api.http.serving import Serving, serving
from tests.api.projects import done
from tests.saying import PATIENCE

MOST = 1000 * PATIENCE  # milliseconds; a loaded machine is slow, and that is no failure
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (found) => window.violations.push(found.violatedDirective));
"""


@dataclass(slots=True)
class Site:
    """A running service, its auditor's token, and the decisions that were made by name."""

    service: Serving
    folder: Path
    auditor: str
    gate: str
    made: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def over(cls, folder: Path) -> Iterator[Site]:
        """A service over a project folder."""
        auditor, gate = (
            done("token", "new", f"{role}@example.org", "--role", role, folder=folder).out.strip()
            for role in ("auditor", "gate")
        )
        with serving(folder, PLACET_HTTP_RATE="100000") as running:
            yield cls(running, folder, auditor, gate)

    def decide(self, name: str, gate: str, subject: str, **context: str) -> None:
        """Ask the gate, and remember the decision under a name."""
        question = {"gate": gate, "subject": {"digest": subject}, "context": context}
        self.made[name] = self.service.post("/v1/decisions", question, self.gate).json["decision"]

    def address(self, name: str) -> str:
        """Where a decision's page is."""
        return f"/decisions/{self.made[name]['id']}"


@dataclass(slots=True)
class Visit:
    """A window, and what happened in it: dialogs, what the console said, the hosts that were asked."""

    page: Page
    site: Site
    dialogs: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, path: str, status: int = 200) -> Page:
        """Go to a page of the site."""
        answer = self.page.goto(f"{self.site.service.url}{path}")
        assert answer is not None
        assert answer.status == status, answer.text()
        return self.page

    def violations(self) -> list[str]:
        """The directives of the content security policy that something on this page went against."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def require_quiet(self) -> None:
        """Nothing ran, nothing was refused, nobody else was asked."""
        assert self.dialogs == []
        assert self.console == []
        assert self.violations() == []
        assert self.hosts <= {urlsplit(self.site.service.url).hostname}


@contextmanager
def visiting(browser: Browser, site: Site) -> Iterator[Callable[..., Visit]]:
    """A function that opens windows, all closed at the end. `signed_in` sends the token when the site asks for it."""
    contexts = []

    def opener(
        width: int = 1280, *, dark: bool = False, signed_in: bool = True, script: bool = True
    ) -> Visit:
        size: ViewportSize = {"width": width, "height": 900}
        token: HttpCredentials = {"username": "anyone", "password": site.auditor}
        context = browser.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            http_credentials=token if signed_in else None,
        )
        contexts.append(context)
        context.set_default_timeout(MOST)
        if script:
            context.add_init_script(_WATCH)
        return _watched(context.new_page(), site)

    try:
        yield opener
    finally:
        for context in contexts:
            context.close()


def _watched(page: Page, site: Site) -> Visit:
    visit = Visit(page, site)

    def ended(dialog: Any) -> None:
        visit.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", ended)
    page.on("console", lambda said: visit.console.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: visit.console.append(f"error: {error}"))
    page.on("request", lambda request: visit.hosts.add(urlsplit(request.url).hostname or ""))
    return visit
