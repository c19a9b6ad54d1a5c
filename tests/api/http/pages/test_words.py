"""Pages over documents that a real gate seldom writes: every status, every word a stranger's, odd facts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet_api.http.asked import Asked
from placet_api.http.callers import Caller
from placet_api.http.pages import decision, decisions, judged, words
from placet_api.http.pages.decision import Drawn, Seen
from placet_api.http.pages.decisions import instant
from placet_api.http.pages.failures import failure
from placet_api.project import open_project
from placet_api.report.shown import Shown
from placet_api.wiring import House, open_house
from placet_attestations.digests import Digest
from placet_attestations.errors import StoreError
from placet_engine.lineage.model import Lineage
from placet_engine.lineage.svg import render_svg
from placet_engine.log.entry import DecisionRecord, admission_draft, decision_draft
from tests.api.http.pages.html_page import Page, read
from tests.api.projects import GATE, TICKET, call, done
from tests.api.test_report import EVERY, HOSTILE, STATUSES, SUBJECT, a_body, a_check, an_error

ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1)
NOTHING = Drawn(False, "2026-11-24T11:00:00Z", why="it was erased")
WAIVER = {"statement": SUBJECT, "until": "2027-01-31T00:00:00Z", "by": "risk"}


def a_document(*checks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    whole = [{"controls": ["ISO-1"], "requirements": ["R1"], **check} for check in checks]
    more = {
        "context": {"ticket": "CHG-1"},
        "environment": "production",
        "actor": {"id": "ci", "principal": "ci@example.org"},
        "anchors": {"trust": SUBJECT, "digest": SUBJECT},
        "digests": {"input": SUBJECT, "answer": SUBJECT},
        "waivers": [],
        "reserve": [],
    }
    return a_body(*whole) | more | changes


def drawn(
    body: dict[str, Any], label: str = "churn", how: Drawn = NOTHING, caller: str = "a@example.org"
) -> Page:
    seen = Seen(Shown(body, label, 42), 42, "2026-11-23T21:30:01Z", 99, "placet.local/log", how, False)
    return read(decision.draw(seen, caller).body)


def test_every_status_is_a_word_and_what_failed_stands_first() -> None:
    waived = a_check("waived", waiver=WAIVER)
    checks = [check for check in EVERY if check["status"] != "waived"]
    page = drawn(a_document(*reversed([*checks, waived]), waivers=[SUBJECT]))
    assert page.texts("td", data_label="Status") == [
        "✗ fail",
        "✗ skipped",
        "! warn",
        "w waived",
        "~ not applicable",
        "✓ pass",
    ]
    found = page.texts("td", data_label="Found")
    assert found[0] == f"why fail To do mend it: placet show {SUBJECT}"
    assert "Waived until 2027-01-31 00:00:00 UTC by risk" in found[3]
    assert found[-2:] == ["why not_applicable", "1 looked at, nothing wrong"]
    assert f"/v1/attestations/{SUBJECT}" in [one.attributes["href"] for one in page.all("a")]


def test_a_failing_check_is_never_drawn_as_if_nothing_were_wrong() -> None:
    check = a_check(
        "fail", results=[{"status": "pass", "target": SUBJECT, "evidence": []}], message="too few"
    )
    (found,) = drawn(a_document(check)).texts("td", data_label="Found")
    assert found.startswith("too few")
    assert "nothing wrong" not in found


def test_each_target_has_its_words_and_notes() -> None:
    other = f"sha256:{'6' * 64}"
    results = [
        {
            "status": "fail",
            "target": other,
            "message": "no word",
            "notes": ["there is one, but"],
            "evidence": [],
        },
        {"status": "pass", "target": SUBJECT, "evidence": [other]},
    ]
    (found,) = drawn(a_document(a_check("fail", results=results, solution=""))).texts(
        "td", data_label="Found"
    )
    assert found == f"no word about {other} there is one, but"


def test_obligations_modes_and_what_was_used_up_are_said() -> None:
    page = drawn(
        a_document(
            verdict="allow",
            would="deny",
            mode="warn",
            obligations=[{"code": "duty.watch", "message": "watch it"}],
            reserve=[SUBJECT],
            actor=None,
            environment=None,
            digests={"input": None, "answer": None},
            subject={"digest": SUBJECT},
        )
    )
    assert "The gate only watches (mode warn): enforced, this would be deny." in page.text
    assert "duty.watch watch it" in page.texts("li")
    assert "Used up by it" in page.texts("dt")
    assert "nobody known" in page.texts("dd")
    assert "no name kind unknown" in page.text
    assert "not today's" in page.text


def test_without_a_drawing_the_page_says_why() -> None:
    page = drawn(a_document())
    assert "Not as it was judged: it was erased." in page.text
    assert "what is known now" not in page.text
    assert list(page.all("svg")) == []


@pytest.mark.parametrize(
    "text", [HOSTILE, '"><script>alert(1)</script>', "' onmouseover=alert(1) '", "{{ 7*7 }}", "\n"]
)
def test_every_word_may_be_a_strangers(text: str) -> None:
    require_words(text)


@given(ANY_TEXT)
def test_any_text_is_only_words(text: str) -> None:
    require_words(text)


def require_words(text: str) -> None:
    """A page whose every word is this text has the elements of a page of good words, and reads as it."""

    def of(word: str) -> Page:
        results = [{"status": "fail", "target": word, "message": word, "notes": [word], "evidence": [word]}]
        said = {"title": word, "message": word, "solution": word, "results": results, "controls": [word]}
        checks = [a_check(status, **said, waiver={**WAIVER, "by": word}) for status in STATUSES]
        body = a_document(
            *checks,
            gate=word,
            context={word: word},
            actor={"id": word, "principal": word},
            environment=word,
            anchors={"trust": word},
            cause="error",
            error=an_error(word, word)["error"],
        )
        said_by = judged.Said(SUBJECT, word, (word,), (word,), word)
        refused = judged.Refused("a.code", word, None, word)
        lineage = judged.of_facts(facts(artifact_name=word.encode(errors="replace").decode())).lineage
        how = Drawn(True, word, render_svg(lineage), judged.Known(lineage, (said_by,), (refused,)))
        return drawn(body, word, how, word)

    assert [one.name for one in of(text).elements] == [one.name for one in of("word").elements]


def facts(artifact_name: str = "churn", **changes: Any) -> bytes:
    parent = f"sha256:{'6' * 64}"
    node = {"kinds": ["model"], "aliases": [], "roles": [], "name": artifact_name}
    statement = f"sha256:{'7' * 64}"
    whole = {
        "subject": SUBJECT,
        "artifacts": {
            SUBJECT: {**node, "statements": [statement], "parents": [parent], "distance": 0},
            parent: {
                "kinds": [],
                "aliases": [],
                "roles": ["dataset"],
                "statements": [],
                "parents": [],
                "distance": 1,
                "revoked": {"since": "2026-01-01T00:00:00Z", "reason": "retracted"},
            },
        },
        "statements": {
            statement: {
                "short_type": "training",
                "subjects": [SUBJECT],
                "signers": [{"id": "ci", "principal": "ci@example.org", "roles": ["trainer"]}],
                "since": "2026-11-23T20:11:02Z",
                "body": {"dependencies": {parent: {"name": "train.csv", "role": "dataset"}}},
            }
        },
        "lineage": {"cycle": [], "truncated": False, "unpinned": []},
        "findings": [
            {"code": "trust.role_missing", "text": "no role", "signer": "bob", "statement": statement}
        ],
        **changes,
    }
    return json.dumps(whole).encode()


def test_facts_are_read_back_as_a_lineage() -> None:
    known = judged.of_facts(facts())
    parent = known.lineage.artifacts[Digest.parse(f"sha256:{'6' * 64}")]
    assert parent.names == ("train.csv",)
    assert parent.revoked is not None
    assert (parent.revoked.reason, parent.roles) == ("retracted", ("dataset",))
    assert "REVOKED" in render_svg(known.lineage)
    (said,) = known.statements
    assert said.subjects == ("model churn",)
    assert said.signers == ("ci@example.org (ci) as trainer",)
    assert known.findings == (judged.Refused("trust.role_missing", "no role", f"sha256:{'7' * 64}", "bob"),)
    page = drawn(a_document(), how=Drawn(True, "2026-11-24T11:00:00Z", render_svg(known.lineage), known))
    assert "Evidence that did not count" in page.texts("h3")
    assert any(text.startswith("trust.role_missing no role signed by bob") for text in page.texts("li"))


def test_a_revocation_of_always_is_one() -> None:
    told = json.loads(facts())
    for node in told["artifacts"].values():
        node["revoked"] = {"since": "always", "reason": ""}
    known = judged.of_facts(json.dumps(told).encode())
    assert all(
        node.revoked is not None and node.revoked.since is None for node in known.lineage.artifacts.values()
    )


@pytest.mark.parametrize(
    "data",
    [b"[]", b"{}", b"nothing", facts(subject="latest"), facts(artifacts=None), facts(statements=[1])],
)
def test_facts_of_another_shape_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="another shape"):
        judged.of_facts(data)


def asked_for(name: str) -> Asked:
    return Asked({"id": name}, {}, b"", Caller("token:1", "a@example.org", frozenset({"auditor"})), {})


def test_what_is_drawn_is_what_was_walked_then_and_not_what_is_known_now(project: Path) -> None:
    told = done("gate", GATE, "model.json", "--context", f"ticket={TICKET}", "--output", "json").json
    subject = Digest.parse(told["subject"]["digest"])
    with open_house(open_project(project, {}, os.environ)) as house:
        then = house.lineage(subject)
        known = judged.of_facts(house.log.payload(told["entry"], "input").data)
        assert render_svg(known.lineage) == render_svg(then)
        walked = judged.of_lineage(then)
        assert {item.digest for item in known.statements} == {item.digest for item in walked.statements}
        assert {item.subjects for item in known.statements} == {item.subjects for item in walked.statements}
    trust = (project / "trust.yaml").read_text()
    revoked = f"revoked:\n  - {{artifact: '{subject}', from: always, reason: retracted}}\n"
    (project / "trust.yaml").write_text(trust.replace("revoked: []\n", revoked))
    with open_house(open_project(project, {}, os.environ)) as house:
        assert "REVOKED" in render_svg(house.lineage(subject))
        page = read(decision.one(house, asked_for(told["id"])).body)
    assert "As it was judged" in page.text
    assert "REVOKED" not in page.text


def test_facts_that_this_version_cannot_read_are_not_guessed_at(project: Path) -> None:
    with open_house(open_project(project, {}, os.environ)) as house:
        told = call("gate", "promote/moon", "model.json", "--output", "json").json
        body = {**told, "id": "0193f2aa-0000-7000-8000-000000000000"}
        record = DecisionRecord(
            id=body["id"],
            gate=body["gate"],
            subject=body["subject"]["digest"],
            verdict="deny",
            time=house.clock(),
        )
        house.log.append(
            decision_draft(record, json.dumps(body).encode(), input=b'{"version":9}', answer=None)
        )
        page = read(decision.one(house, asked_for(body["id"])).body)
    assert "Not as it was judged: its facts have another shape" in page.text
    assert len(list(page.all("svg"))) == 1


class Unreadable(House):
    """A house whose evidence cannot be read just now."""

    def lineage(self, subject: Digest) -> Lineage:
        raise StoreError("store.corrupt", "the evidence cannot be read")


def test_when_today_cannot_be_walked_either_the_page_says_that(project: Path) -> None:
    told = call("gate", "promote/moon", "model.json", "--output", "json").json
    house = Unreadable(open_project(project, {}, os.environ))
    try:
        page = read(decision.one(house, asked_for(told["id"])).body)
    finally:
        house.close()
    assert "cannot be walked: the evidence cannot be read (store.corrupt)" in page.text
    assert list(page.all("svg")) == []


def test_an_admission_links_the_decisions_it_rests_on(project: Path) -> None:
    with open_house(open_project(project, {}, os.environ)) as house:
        told = {"environment": "production", "code": None, "decisions": ["0193f2aa", "0193f2ab"]}
        house.log.append(admission_draft("0193f2ac", house.clock(), "deny", told, b"{}"))
        page = read(decisions.listed(house, replace(asked_for(""), query={"kind": "admission"})).body)
    addresses = [one.attributes["href"] for one in page.all("a")]
    assert {"/decisions/0193f2aa", "/decisions/0193f2ab"} <= set(addresses)
    assert page.texts("td", data_label="Type") == ["admission"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://example.org/a?b=c#d", True),
        ("http://example.org", True),
        ("https://example.org:8443/x", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        (" https://example.org", False),
        ("https://example.org/ x", False),
        ("https://", False),
        ("https:/example.org", False),
        ("//example.org", False),
        ("data:text/html,x", False),
        ("https://example.org/\u202e", False),
        ("https://example.org/\n", False),
        ('https://example.org/"x', False),
        ("https://example.org\\@evil.example", False),
        ("https://example.org/" + "x" * 2000, False),
        (7, False),
    ],
)
def test_a_link_is_a_whole_web_address(text: object, is_one: bool) -> None:
    assert words.is_web_address(text) is is_one


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("do it", words.Hint("do it")),
        (
            "sign it:  placet approve g s --ticket ID",
            words.Hint("sign it:", "placet approve g s --ticket ID"),
        ),
        (
            "sign: placet x (see:  placet key list)",
            words.Hint("sign:", "placet x", "(see:  placet key list)"),
        ),
    ],
)
def test_a_hint_keeps_its_command_apart(text: str, told: words.Hint) -> None:
    assert words.hint(text) == told


def test_a_time_reads_as_utc_and_what_is_none_stays() -> None:
    assert words.moment("2026-11-24T12:30:00.5+01:00") == "2026-11-24 11:30:00 UTC"
    assert words.day("2026-11-24T11:30:00Z") == "2026-11-24 11:30:00"
    assert words.moment("soon") == "soon"


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11-24", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("2026-11-24 09:30", "2026-11-24T09:30:00Z", "2026-11-24T09:30:00Z"),
        ("2026-11-24T09:30:05", "2026-11-24T09:30:05Z", "2026-11-24T09:30:05Z"),
        ("2026-11-24 09:30 UTC", "2026-11-24T09:30:00Z", "2026-11-24T09:30:00Z"),
        ("2026-11-24T09:30:05+02:00", "2026-11-24T09:30:05+02:00", "2026-11-24T09:30:05+02:00"),
        ("yesterday", "yesterday", "yesterday"),
    ],
)
def test_a_day_is_a_whole_day_in_utc(text: str, since: str, until: str) -> None:
    assert (instant(text, end=False), instant(text, end=True)) == (since, until)


@pytest.mark.parametrize(
    ("status", "hint", "says"),
    [
        (401, "send  Authorization: Bearer TOKEN", "your token of this service as the password"),
        (403, None, "Browsers remember a token"),
        (429, "ask again later", "ask again later"),
        (400, None, None),
    ],
)
def test_a_refusal_says_what_to_do(status: int, hint: str | None, says: str | None) -> None:
    page = read(failure(status, "a.code", "why <b>", hint, None if says else "placet.yaml").body)
    assert "why <b>" in page.text
    assert ("What to do" in page.texts("h2")) is (says is not None)
    assert says is None or says in page.text
    assert ("At placet.yaml." in page.text) is (says is None)
