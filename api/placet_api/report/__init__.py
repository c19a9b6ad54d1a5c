"""Decisions in words and formats. Each file is one format: a pure function from a `Shown` to text."""

from __future__ import annotations

import json

from placet_api.report.shown import Shown


def render(form: str, shown: object, *, colour: bool = False) -> str:
    """A decision in one format: text, json, markdown, junit, sarif, github, or vsa where a summary was asked for."""
    assert isinstance(shown, Shown)
    match form:
        case "json":
            body = {**shown.body, "entry": shown.entry, "receipt": shown.receipt, "label": shown.label}
            return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        case "markdown":
            from placet_api.report import markdown

            return markdown.render(shown)
        case "junit":
            from placet_api.report import junit

            return junit.render(shown)
        case "sarif":
            from placet_api.report import sarif

            return sarif.render(shown)
        case "github":
            from placet_api.report import github

            return github.render(shown)
        case "vsa":
            assert shown.summary is not None, "a summary is asked for with the decision, never after it"
            return shown.summary
        case _:
            from placet_api.report import text

            return text.render(shown, colour=colour)
