"""The page of the rule catalogue: what each gate asks, in the rules' own words, and which controls that serves."""

from __future__ import annotations

from placet_api.catalogue import document
from placet_api.http.asked import Asked, Reply
from placet_api.http.pages import words
from placet_api.http.pages.rendering import page
from placet_api.wiring import House


def rules(house: House, asked: Asked) -> Reply:
    """Gates, rules and controls as they are now."""
    found = document(house.project)
    return page(
        "catalogue.html",
        caller=asked.caller.principal,
        here="catalogue",
        revision=house.policy_set.revision,
        gates=found["gates"],
        rules=found["rules"],
        controls=found["controls"],
        hint=words.hint,
    )
