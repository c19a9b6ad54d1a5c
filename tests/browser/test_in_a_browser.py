from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from placet_api.http.pages.rendering import SAFE
from tests.api.projects import done
from tests.browser.conftest import EVIL, EVIL_NAME
from tests.browser.visit import MOST, Site, Visit

pytestmark = pytest.mark.xdist_group("browser")

EVERY = ("allow", "deny", "named", "evil", "closed")
# What a sighted reader sees, of an element and what shows behind it.
CONTRAST = """(selector) => {
  const channels = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = channels(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    throw new Error("nothing behind");
  };
  return [...document.querySelectorAll(selector)].map((element) => {
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), element.className + " " + element.tagName];
  });
}"""
# The element with the keyboard's focus, in words.
FOCUSED = """() => {
  const one = document.activeElement;
  return one.labels?.[0]?.textContent ?? one.getAttribute("aria-label") ?? one.textContent.trim();
}"""


def eventually(page: Page, holds: str) -> None:
    """Until this holds. Asked from here: Playwright's own waiting evaluates text in the page, against its policy."""
    by = time.monotonic() + MOST / 1000
    while not page.evaluate(holds):
        assert time.monotonic() < by, holds
        page.wait_for_timeout(20)


def test_an_auditor_filters_opens_a_decision_and_checks_its_receipt_offline(
    visit: Callable[..., Visit], site: Site, tmp_path: Path
) -> None:
    window = visit()
    page = window.open("/")
    assert page.url == f"{site.service.url}/decisions"
    page.get_by_label("Gate").fill("deploy/production")
    page.get_by_label("Verdict").select_option("deny")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/decisions?*")
    assert page.get_by_label("Gate").input_value() == "deploy/production"
    assert page.get_by_role("row").count() == 2  # its head, and the one decision
    page.get_by_role("link", name="deny, decision").click()
    page.wait_for_url(f"**{site.address('deny')}")
    assert page.title().startswith("deny deploy/production threshold")
    with page.expect_download() as download:
        page.get_by_role("link", name=".placet-proof").click()
    receipt = tmp_path / download.value.suggested_filename
    download.value.save_as(receipt)
    assert receipt.name == f"{site.made['deny']['id']}.placet-proof"
    checked = done("log", "check", str(receipt), "--log-key", "log.pub", folder=site.folder)
    assert "NON PLACET  deploy/production" in checked.out
    window.require_quiet()


def test_the_lineage_is_drawn_with_its_names_and_edges(visit: Callable[..., Visit], site: Site) -> None:
    window = visit()
    page = window.open(site.address("allow"))
    drawing = page.get_by_role("region", name="Drawing of the lineage")
    assert drawing.locator("svg").bounding_box() is not None
    names = drawing.locator("text").all_text_contents()
    for name in ("threshold", "train", "raw", "train.py", "split.py", "requirements.lock"):
        assert name in names
    boxes, edges = drawing.locator("g rect"), drawing.locator("path")
    assert boxes.count() == site.made["allow"]["lineage"]["artifacts"]
    assert edges.count() >= boxes.count() - 1
    assert all(box.bounding_box() is not None for box in boxes.all())
    window.require_quiet()


@pytest.mark.parametrize("path", ["/decisions", "/decisions?kind=", "/catalogue", *EVERY])
def test_every_page_fits_a_narrow_window_and_stays_a_table(
    visit: Callable[..., Visit], site: Site, path: str, tmp_path: Path
) -> None:
    window = visit(400)
    page = window.open(site.address(path) if path in EVERY else path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    if path != "closed":
        assert page.get_by_role("table").count() > 0
        assert page.get_by_role("row").count() > page.get_by_role("table").count()
        assert page.get_by_role("cell").count() > 0
    shot = page.screenshot(path=str(tmp_path / "narrow.png"), full_page=True)
    assert shot.startswith(b"\x89PNG")
    window.require_quiet()


@pytest.mark.parametrize("name", ["named", "evil", "closed"])
def test_what_a_stranger_wrote_is_read_and_never_runs(
    visit: Callable[..., Visit], site: Site, name: str
) -> None:
    window = visit()
    page = window.open(site.address(name))
    words = EVIL_NAME if name == "named" else EVIL
    assert words in page.locator("main").inner_text()
    assert page.locator("script, img, svg[onload]").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    window.require_quiet()
    page = window.open("/decisions")
    assert page.locator("script, img").count() == 0
    window.require_quiet()


def test_were_something_not_escaped_the_browser_would_still_not_run_it(
    visit: Callable[..., Visit], site: Site
) -> None:
    window = visit()
    body = f"<!doctype html><title>x</title><p style='color:red'>{EVIL}<img src='https://elsewhere.example/'>"
    window.page.route(
        "**/decisions", lambda route: route.fulfill(body=body, headers={**SAFE, "content-type": "text/html"})
    )
    page = window.open("/decisions")
    eventually(page, "new Set(window.violations).size >= 3")
    assert {"img-src", "script-src-elem", "style-src-attr"} <= set(window.violations())
    assert window.dialogs == []


def test_no_page_may_be_framed(visit: Callable[..., Visit], site: Site) -> None:
    window = visit()
    frame = f"<!doctype html><title>x</title><iframe src='{site.service.url}/catalogue'></iframe>"
    window.page.route(
        "**/outside", lambda route: route.fulfill(body=frame, headers={"content-type": "text/html"})
    )
    with window.page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        window.open("/outside")


def tabbed(page: Page, count: int) -> Iterator[str]:
    for _ in range(count):
        page.keyboard.press("Tab")
        yield " ".join(str(page.evaluate(FOCUSED)).split())


def test_the_keyboard_goes_through_a_page_in_the_order_of_reading(
    visit: Callable[..., Visit], site: Site
) -> None:
    window = visit()
    page = window.open("/decisions?gate=promote/staging")
    order = list(tabbed(page, 14))
    assert order[:13] == [
        "Skip to the content",
        "Decisions",
        "Rules and controls",
        "Gate",
        "Verdict",
        "Denied by rule",
        "Asked by",
        "Subject",
        "Since (UTC)",
        "Until (UTC)",
        "Entries",
        "Filter",
        "Clear all filters",
    ]
    assert order[13].startswith(("allow, decision", "deny, decision"))
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions/*")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    eventually(page, "document.activeElement.id === 'content'")
    window.require_quiet()


def test_the_drawing_is_scrolled_by_the_keyboard(visit: Callable[..., Visit], site: Site) -> None:
    page = visit(400).open(site.address("allow"))
    drawing = page.get_by_role("region", name="Drawing of the lineage")
    drawing.focus()
    page.keyboard.press("ArrowRight")
    eventually(page, "document.querySelector('.lineage').scrollLeft > 0")


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_from_what_is_behind_them(
    visit: Callable[..., Visit], site: Site, dark: bool, tmp_path: Path
) -> None:
    window = visit(dark=dark)
    page = window.page
    for path in ("/decisions", "/catalogue", *map(site.address, EVERY)):
        window.open(path)
        # WCAG 2.2, 1.4.3: 4.5 to 1.
        weak = [found for found in page.evaluate(CONTRAST, "body *:not(svg, svg *)") if found[0] < 4.5]
        assert weak == []
        page.screenshot(path=str(tmp_path / "wide.png"), full_page=True)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper.strip("rgb()").split(","))) < 200) is dark
    window.require_quiet()


def test_a_digest_is_short_to_read_and_whole_to_copy(visit: Callable[..., Visit], site: Site) -> None:
    page = visit().open("/decisions")
    shown = page.locator("td code.digest").first
    copied = shown.evaluate(
        "(one) => { getSelection().selectAllChildren(one); return getSelection().toString(); }"
    )
    assert len(copied) == len("sha256:") + 64
    assert shown.evaluate("(one) => one.clientWidth < one.scrollWidth")


def test_without_scripts_everything_works(visit: Callable[..., Visit], site: Site) -> None:
    page = visit(script=False).open("/decisions")
    page.get_by_label("Denied by rule").fill("gate.unknown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/decisions?*")
    assert page.get_by_role("row").count() == 2


def test_whoever_is_not_known_is_told_how_to_sign_in(visit: Callable[..., Visit], site: Site) -> None:
    window = visit(signed_in=False)
    told = site.service.get("/decisions")
    # What a browser shows once its own question is cancelled, which nobody can do without a window.
    headers = {**SAFE, "content-type": told.headers["content-type"]}
    window.page.route(
        "**/decisions", lambda route: route.fulfill(status=401, body=told.body, headers=headers)
    )
    page = window.open("/decisions", 401)
    assert page.get_by_role("heading", level=1).inner_text() == "Who asks is not known"
    assert "your token of this service as the password" in page.locator("main").inner_text()
    # The page is drawn as every other: its style sheet asks for nobody.
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).display") == "flex"


def test_what_a_page_links_to_may_be_opened_first(visit: Callable[..., Visit], site: Site) -> None:
    page = visit().open(f"/v1{site.address('allow')}/input")
    assert site.made["allow"]["subject"]["digest"] in page.locator("body").inner_text()
