"""A page as a test reads it: its elements in order, and the rules that every page here must keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise

_VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})
# What a browser would run, load from elsewhere, or send somewhere.
_NEVER = frozenset({"script", "style", "iframe", "object", "embed", "img", "base", "video", "audio"})
_LOCAL = ("/", "#")


@dataclass(slots=True)
class Element:
    """One element: its name, its attributes, the text in it and in what it holds."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    inside: tuple[str, ...] = ()


class Page(HTMLParser):
    """The elements of a document, in the order in which they begin."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Element(
            tag, {name: value or "" for name, value in attrs}, inside=tuple(one.name for one in self._open)
        )
        assert len(found.attributes) == len(attrs), f"an attribute stands twice: {tag} {attrs}"
        self.elements.append(found)
        if tag == "br":
            self.handle_data(" ")
        if tag not in _VOID:
            self._open.append(found)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        last = self._open.pop()
        assert last.name == tag, f"</{tag}> closes <{last.name}>"

    def handle_data(self, data: str) -> None:
        for one in self._open:
            one.text += data

    def all(self, name: str, /, **attributes: str) -> Iterator[Element]:
        """Elements of a name with these attributes; `data_label` stands for `data-label`."""
        wanted = {key.replace("_", "-"): value for key, value in attributes.items()}
        for one in self.elements:
            if one.name == name and wanted.items() <= one.attributes.items():
                yield one

    def texts(self, name: str, /, **attributes: str) -> list[str]:
        """Their texts, without the space around."""
        return [" ".join(one.text.split()) for one in self.all(name, **attributes)]

    @property
    def text(self) -> str:
        """All that is read."""
        return " ".join(next(self.all("body")).text.split())


def read(body: bytes) -> Page:
    """Parse a page, and hold it to the rules: closed elements, nothing that runs, labels, headings, scopes."""
    text = body.decode()
    assert text.startswith("<!doctype html>"), text[:80]
    page = Page()
    page.feed(text)
    page.close()
    assert not page._open, page._open
    require_harmless(page)
    require_readable(page)
    return page


def require_harmless(page: Page) -> None:
    """Nothing that runs, nothing from elsewhere, links only within the service or to http(s)."""
    for one in page.elements:
        assert one.name not in _NEVER, one
        assert not any(name.startswith("on") or name == "style" for name in one.attributes), one
        for name in ("href", "src", "action", "xlink:href", "formaction"):
            address = one.attributes.get(name)
            if address is None:
                continue
            assert address.startswith(("https://", "http://")) or (
                address.startswith(_LOCAL) and not address.startswith("//")
            ), one


def require_readable(page: Page) -> None:
    """One title, one h1, headings without gaps, labels, scopes, ids that stand once."""
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    assert next(title for title in page.texts("title") if title).endswith("Placet")
    levels = [int(one.name[1]) for one in page.elements if one.name in ("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids)), sorted(ids)
    labelled = {one.attributes.get("for") for one in page.all("label")}
    for one in page.elements:
        if one.name in ("input", "select"):
            assert one.attributes["id"] in labelled, one
        if one.name == "th":
            assert one.attributes["scope"] in ("col", "row"), one
        if one.name == "a":
            assert one.text.strip() or one.attributes.get("aria-label"), one
        if "aria-labelledby" in one.attributes:
            assert set(one.attributes["aria-labelledby"].split()) <= set(ids), one
    for one in page.all("table"):
        assert "main" in one.inside
    assert len(list(page.all("table"))) == len(list(page.all("caption")))
