"""Who gets a page, with what credentials, under which headers; and how a refusal looks."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import Response
from jinja2 import UndefinedError

from placet_api.http.app import _guarded
from placet_api.http.asked import Asked, Reply
from placet_api.http.callers import ROLES
from placet_api.http.calls import CALLS, Call
from placet_api.http.metrics import Metrics
from placet_api.http.pages import rendering
from placet_api.http.pages.rendering import STYLE
from placet_api.http.service import Service
from placet_api.project import open_project
from placet_api.wiring import House, open_house
from placet_engine.log.keyfile import load_verifier
from placet_engine.log.receipt import check_receipt
from tests.api.http.pages.html_page import read
from tests.api.http.pages.opening import PAGES, STRANGER, opened, require_page, signed_in
from tests.api.http.serving import Serving, serving
from tests.api.projects import done

pytestmark = pytest.mark.xdist_group("http")


def path_of(call: Call, decision: str) -> str:
    return call.path.replace("{id}", decision).replace("{digest}", STRANGER)


def test_pages_are_for_whoever_may_read_the_log() -> None:
    assert {call.path: call.roles for call in PAGES} == dict.fromkeys(
        ("/", "/decisions", "/decisions/{id}", "/catalogue"), frozenset({"auditor", "admin"})
    )


def test_the_bare_address_leads_to_the_decisions(service: Serving, tokens: dict[str, str]) -> None:
    answer = service.ask("GET", "/", headers=signed_in(tokens["auditor"]))
    assert (answer.status, answer.headers["location"]) == (302, "/decisions")


@pytest.mark.parametrize("call", PAGES, ids=lambda call: call.path)
def test_a_page_wants_an_auditor_and_asks_by_itself(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], call: Call
) -> None:
    path = path_of(call, made["staging"]["id"])
    nobody = service.get(path)
    assert (nobody.status, nobody.headers["www-authenticate"]) == (401, 'Basic realm="placet"')
    assert "access.missing" in require_page(nobody).text
    wrong = service.ask("GET", path, headers=signed_in("placet_aaaaaaaaaaaa_bbbb"))
    assert (wrong.status, wrong.headers["www-authenticate"]) == (401, 'Basic realm="placet"')
    assert "your token" in require_page(wrong).text
    for role in ROLES:
        for headers in (signed_in(tokens[role]), {"authorization": f"Bearer {tokens[role]}"}):
            answer = service.ask("GET", path, headers=headers)
            if role in call.roles:
                assert answer.status in call.answers, (role, answer)
            else:
                assert answer.status == 403
                assert "www-authenticate" not in answer.headers
                assert "access.forbidden" in require_page(answer).text


@pytest.mark.parametrize(
    "call", [call for call in CALLS if not call.basic], ids=lambda c: f"{c.method} {c.path}"
)
def test_a_browser_may_do_nothing_else(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], call: Call
) -> None:
    path = call.path.replace("{digest}", STRANGER).replace("{place:path}", "0/000.p/1")
    for role in ("admin", "gate", "submitter", "auditor"):
        answer = service.ask(call.method, path, body=b"{}", headers=signed_in(tokens[role]))
        assert (answer.status, answer.code) == (401, "access.malformed")
        assert answer.headers["www-authenticate"] == 'Bearer realm="placet"'


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/reload"), ("GET", "/metrics")])
def test_a_browser_does_not_operate_the_service(
    service: Serving, tokens: dict[str, str], method: str, path: str
) -> None:
    assert service.ask(method, path, headers=signed_in(tokens["admin"])).status == 401


def test_a_call_that_changes_something_cannot_take_a_browsers_credentials() -> None:
    with pytest.raises(AssertionError, match="must change nothing"):
        Call("POST", "/x", frozenset(), PAGES[0].answer, "x", basic=True)


def test_what_a_page_links_to_opens_with_the_same_credentials(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], place: Path
) -> None:
    page = opened(service, f"/decisions/{made['staging']['id']}", tokens["auditor"])
    addresses = {one.attributes["href"].partition("#")[0] for one in page.all("a")} - {""}
    linked = sorted(address for address in addresses if address.startswith("/"))
    kinds = {"/v1/attestations/", "/v1/decisions/", "/decisions?", "/catalogue"}
    assert {kind for kind in kinds if any(address.startswith(kind) for address in linked)} == kinds
    for address in linked:
        assert service.ask("GET", address, headers=signed_in(tokens["auditor"])).status == 200, address
        assert 'Basic realm="placet"' in service.get(address).headers["www-authenticate"]
    (receipt,) = page.all("a", download=f"{made['staging']['id']}.placet-proof")
    proof = service.ask("GET", receipt.attributes["href"], headers=signed_in(tokens["auditor"])).body
    assert check_receipt(proof, load_verifier(place / "log.pub")).decision == made["staging"]


def test_the_style_sheet_is_everybodys_and_its_address_changes_with_it(service: Serving) -> None:
    page = require_page(service.get("/decisions"))
    (link,) = page.all("link", rel="stylesheet")
    sheet = service.get(link.attributes["href"])
    assert (sheet.status, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in sheet.headers["cache-control"]
    assert link.attributes["href"].startswith(f"{STYLE}?")
    # Nothing is loaded by it, either.
    assert b"url(" not in sheet.body
    assert b"@import" not in sheet.body


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"user:").decode(),
        "Basic " + base64.b64encode(b"user:" + b"x" * 20_000).decode(),
        "Basic " + base64.b64encode("user:töken".encode()).decode(),
        "Digest x",
    ],
)
def test_credentials_that_hold_no_token_are_nobodys(service: Serving, header: str) -> None:
    answer = service.ask("GET", "/decisions", headers={"authorization": header})
    assert answer.status == 401
    assert "access.malformed" in require_page(answer).text


def test_any_user_name_will_do(service: Serving, tokens: dict[str, str]) -> None:
    for user in ("", "auditor@example.org", "placet"):
        assert service.ask("GET", "/catalogue", headers=signed_in(tokens["auditor"], user)).status == 200


def test_refusals_are_pages_that_say_what_to_do(service: Serving, tokens: dict[str, str]) -> None:
    auditor = tokens["auditor"]
    missing = opened(service, "/decisions/ffffffff", auditor, 404)
    assert "log.not_found" in missing.text
    assert any(one.attributes["href"] == "/decisions" for one in missing.all("a"))
    assert "http.query" in opened(service, "/catalogue?colour=red", auditor, 400).text
    # The program's calls keep their bodies; whoever types an address into a browser gets a page.
    assert service.get("/nowhere").code == "http.no_route"
    typed = service.ask("GET", "/nowhere", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert typed.status == 404
    assert "http.no_route" in require_page(typed).text
    posted = service.ask("POST", "/decisions", headers={"accept": "text/html"})
    assert (posted.status, posted.headers["allow"]) == (405, "GET")
    require_page(posted)


def test_asking_too_often_is_a_page_too(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "often"
    shutil.copytree(ready, folder)
    auditor = done("token", "new", "a@example.org", "--role", "auditor", folder=folder).out.strip()
    with serving(folder, PLACET_HTTP_RATE="0.5") as slow:
        answers = [slow.ask("GET", "/decisions", headers=signed_in(auditor)) for _ in range(3)]
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (
        "Wait a moment" in require_page(answers[-1]).text
        or "ask again later" in require_page(answers[-1]).text
    )


async def _asked(service: Service, call: Call, token: str) -> Response:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/broken",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    return await _guarded(service, Metrics(service), call)(Request(scope, receive))


def test_a_bug_is_a_page_that_says_nothing_of_it(project: Path) -> None:
    def broken(house: House, asked: Asked) -> Reply:
        raise ZeroDivisionError("a secret of the house")

    token = done("token", "new", "a@example.org", "--role", "auditor").out.strip()
    found = open_project(project, {}, os.environ)
    with open_house(found) as house:
        service = Service(found, lambda: found, house)
        call = Call("GET", "/broken", frozenset({"auditor"}), broken, "x", answers={200: "text/html"})
        answer = asyncio.run(_asked(service, call, token))
        service.close()
    assert answer.status_code == 503
    assert "internal.error" in read(bytes(answer.body)).text
    assert b"secret" not in bytes(answer.body)


def test_a_name_that_a_view_forgot_is_an_error_and_nothing_is_a_dash() -> None:
    values: dict[str, Any] = {
        "caller": None,
        "here": None,
        "number": 400,
        "title": "x",
        "code": "x",
        "hint": None,
        "where": None,
    }
    with pytest.raises(UndefinedError):
        rendering.page("failure.html", **values)
    assert read(rendering.page("failure.html", message=None, **values).body).texts(
        "p", **{"class": "lead"}
    ) == ["-"]


def test_no_template_prints_anything_unescaped_but_the_drawing() -> None:
    folder = Path(rendering.__file__).with_name("templates")
    texts = {path.name: path.read_text() for path in folder.glob("*.html")}
    assert sum(text.count("|safe") for text in texts.values()) == 1
    assert "drawn.svg|safe" in texts["decision.html"]
    assert not any("autoescape" in text or "Markup" in text for text in texts.values())
