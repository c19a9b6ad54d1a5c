"""One service and one browser for all tests here, which therefore run in one worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.api.conftest import _environment, cache, ready
from tests.api.projects import GATE, TRAIN, done, placet_environment, record
from tests.browser.chromium import ensure, flags
from tests.browser.visit import MOST, Site, Visit, visiting

__all__ = ["_environment", "cache", "ready"]  # the ready-made project of the doors' tests

# Longer than any room there is, and nowhere a place to break it.
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
EVIL_NAME = f"<svg/onload=alert(3)>{'x' * 150}"
STRANGER = "sha256:" + "5" * 64


# While Playwright's synchronous side runs, its event loop counts as this thread's: no test elsewhere could start one of
# its own. So it ends with the module that uses it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=ensure(), args=flags(), timeout=MOST)
        yield running
        running.close()


@pytest.fixture(scope="session")
def site(ready: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that has decided a few things, some of them about names that try something."""
    folder = tmp_path_factory.mktemp("site") / "churn"
    shutil.copytree(ready, folder)
    with ExitStack() as held:
        # Only while it is made: the session outlives these tests, and others have an environment of their own.
        with placet_environment(cache):
            (folder / "evil.py").write_text(TRAIN.replace("model.json", "evil.json").replace("max(", "min("))
            options = ("--input=train.csv", "--code=evil.py", "--param=C=2.0", "--seed=numpy=8")
            record("train", *options, f"--output=evil.json,name={EVIL_NAME}", script="evil.py", folder=folder)
            running = held.enter_context(Site.over(folder))
            model, evil = (
                done("digest", name, folder=folder).out.split()[0] for name in ("model.json", "evil.json")
            )
        running.decide("allow", "promote/staging", model, run="https://ci.example.org/runs/42")
        running.decide("deny", "deploy/production", model, ticket="CHG-7")
        running.decide("named", "promote/staging", evil, ticket="javascript:alert(4)")
        running.decide("evil", GATE, STRANGER, **{EVIL: EVIL, "long": "y" * 2000})
        running.decide("closed", f"promote/{EVIL}", model)
        yield running


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Visit]]:
    """Opens windows for an auditor who is signed in; each is held to the promises when the test ends."""
    with visiting(browser, site) as opener:
        yield opener
