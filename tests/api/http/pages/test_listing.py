"""The pages that list: decisions with their filters, and the catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from tests.api.http.pages.opening import EVIL, STRANGER, entries, opened, require_page, signed_in
from tests.api.http.serving import Serving, serving
from tests.api.projects import done

pytestmark = pytest.mark.xdist_group("http")

FILTERS = ("gate", "subject", "verdict", "rule", "actor", "kind", "since", "until")


@pytest.mark.parametrize(
    "query",
    [
        {"gate": "promote/staging"},
        {"verdict": "deny"},
        {"verdict": "allow", "gate": "promote/staging"},
        {"subject": STRANGER},
        {"rule": "change.approved"},
        {"actor": "gate@example.org"},
        {"actor": f"{EVIL}@example.org"},
        {"kind": "evidence"},
        {"since": "2026-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z", "kind": "decision"},
        {"until": "2026-01-01T00:00:00Z"},
        {"limit": "2", "kind": "decision"},
        {"limit": "3", "cursor": "12"},
    ],
)
def test_filters_find_what_the_call_finds(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], query: dict[str, str]
) -> None:
    assert made
    auditor = tokens["auditor"]
    page = opened(service, f"/decisions?{urlencode({'kind': '', **query})}", auditor)
    told = service.get(f"/v1/decisions?{urlencode({'limit': '50', **query})}", auditor).json["items"]
    assert entries(page) == [row["entry"] for row in told]
    inputs = {one.attributes["name"]: one.attributes["value"] for one in page.all("input")}
    assert {name: inputs[name] for name in query if name in inputs} == {
        name: value for name, value in query.items() if name in inputs
    }


def test_a_page_shows_decisions_unless_asked_for_more(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any]
) -> None:
    page = opened(service, "/decisions", tokens["auditor"])
    shown = [one.attributes["href"].removeprefix("/decisions/") for one in page.all("a")]
    newest = [decision["id"] for decision in reversed(list(made.values()))]
    assert [name for name in shown if name in newest] == newest
    assert page.texts("option", selected="") == ["any", "decisions"]
    everything = opened(service, "/decisions?kind=", tokens["auditor"])
    assert len(entries(everything)) > len(entries(page))
    assert "predicateType" in everything.text
    other = opened(service, "/decisions?kind=witness&verdict=perhaps", tokens["auditor"], 400)
    assert other.texts("option", selected="") == ["perhaps", "witness"]


def test_the_next_page_keeps_the_filters(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any]
) -> None:
    auditor, seen = tokens["auditor"], []
    path = "/decisions?gate=&verdict=deny&limit=2&kind=decision"
    first = path
    while path:
        page = opened(service, path, auditor)
        seen += entries(page)
        assert parse_qsl(urlsplit(path).query).count(("verdict", "deny")) == 1
        older = list(page.all("a", rel="next"))
        back = list(page.all("a", rel="prev"))
        assert bool(back) == (path != first)
        path = older[0].attributes["href"] if older else ""
    denied = service.get("/v1/decisions?verdict=deny&kind=decision", auditor).json["items"]
    assert seen == [row["entry"] for row in denied]
    assert len(seen) > 2
    beyond = opened(service, "/decisions?cursor=1", auditor)
    assert "There are no older entries." in beyond.text


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("subject=nope&gate=kept", 400, "digest.syntax"),
        ("since=yesterday&gate=kept", 400, "time.syntax"),
        ("limit=1001&gate=kept", 400, "http.query"),
        ("verdict=maybe&gate=kept", 400, "http.query"),
        ("kind=other&gate=kept", 400, "http.query"),
        ("cursor=x&gate=kept", 400, "http.query"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_and_the_others_are_kept(
    service: Serving, tokens: dict[str, str], query: str, status: int, code: str
) -> None:
    page = opened(service, f"/decisions?{query}", tokens["auditor"], status)
    assert code in page.text
    assert [one.attributes["value"] for one in page.all("input", name="gate")] == ["kept"]
    assert "No entry" not in page.text
    assert page.texts("title")[0].startswith("Error")


def test_nothing_found_and_nothing_there_are_said(
    service: Serving, tokens: dict[str, str], ready: Path, tmp_path: Path
) -> None:
    page = opened(service, "/decisions?gate=promote/nowhere", tokens["auditor"])
    assert "No entry of the log matches these filters." in page.text
    folder = tmp_path / "fresh"
    shutil.copytree(ready, folder)
    auditor = done("token", "new", "a@example.org", "--role", "auditor", folder=folder).out.strip()
    with serving(folder) as fresh:
        assert "Nothing has been decided yet." in opened(fresh, "/decisions", auditor).text
        assert "reload" not in opened(fresh, "/decisions?kind=reload", auditor).texts("td")


def test_a_strangers_words_in_a_filter_are_words(service: Serving, tokens: dict[str, str]) -> None:
    for name in FILTERS:
        answer = service.ask(
            "GET", f"/decisions?{name}={quote(EVIL)}&limit=1", headers=signed_in(tokens["auditor"])
        )
        page = require_page(answer)
        values = [one.attributes["value"] for one in page.elements if one.name in ("input", "option")]
        assert EVIL in values


def test_the_catalogue_is_that_of_the_call(service: Serving, tokens: dict[str, str]) -> None:
    page = opened(service, "/catalogue", tokens["auditor"])
    told = service.get("/v1/policies/catalogue", tokens["auditor"]).json
    assert page.texts("th", data_label="Gate") == list(told["gates"])
    assert page.texts("th", data_label="Control") == list(told["controls"])
    rules = [f"{code} {rule['title']}" for code, rule in told["rules"].items()]
    assert page.texts("th", data_label="Rule") == rules
    ids = {one.attributes["id"] for one in page.all("tr") if "id" in one.attributes}
    assert ids == set(told["rules"])
