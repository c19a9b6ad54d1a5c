"""HTML from the templates beside: the only file that imports jinja2.

Whatever a template prints is text from strangers until shown otherwise: what is not printable becomes a visible escape,
then all of it is escaped for HTML. The one exception is the lineage's drawing, which escapes for itself
(`placet_engine.lineage.svg`). A value that a view forgot is an error, never an empty place.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from placet_api.http.asked import Reply
from placet_api.http.pages import words
from placet_api.printable import printable
from placet_api.report.shown import MARKS
from placet_api.version import VERSION

HTML: Final = "text/html"
STYLE: Final = "/pages.css"
"""Where the style sheet is served: public, for it says nothing, and the page that asks who you are needs it, too."""

SAFE: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""The headers of every page: a browser draws it, runs nothing, frames it nowhere, keeps no copy and tells nobody."""

_TEMPLATES = Path(__file__).with_name("templates")


def page(template: str, status: int = 200, **values: Any) -> Reply:
    """One page. `values` are all that its template reads."""
    text = _environment().get_template(template).render(values)
    return Reply(text.encode(), HTML, status, SAFE)


@cache
def style() -> tuple[bytes, str]:
    """The style sheet, and the beginning of its SHA-256, which stands in its address: an old copy is never used."""
    sheet = (_TEMPLATES / "pages.css").read_bytes()
    return sheet, hashlib.sha256(sheet).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_told,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"day": words.day, "moment": words.moment}
    environment.tests["web_address"] = words.is_web_address
    environment.globals |= {
        "style_address": f"{STYLE}?{style()[1]}",
        "marks": MARKS,
        "version": VERSION,
    }
    return environment


def _told(value: object) -> object:
    """A value on its way into a page. What is HTML already (a macro's, the drawing) goes as it is."""
    if value is None:
        return "-"
    return value if hasattr(value, "__html__") else printable(value)
