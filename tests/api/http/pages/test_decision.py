"""The page of one decision, over a real log: complete, honest about time, and deaf to strangers."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from placet_engine.log.sqlite_rows import payload_place
from tests.api.http.pages.opening import EVIL, EVIL_NAME, opened
from tests.api.http.serving import Serving, serving
from tests.api.projects import GATE, TICKET, done

pytestmark = pytest.mark.xdist_group("http")


def test_a_decision_says_all_that_its_document_says(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], model: str
) -> None:
    told = made["staging"]
    page = opened(service, f"/decisions/{told['id']}", tokens["auditor"])
    for check in told["checks"]:
        assert f"{check['code']} {check['title']}" in page.texts("th", data_label="Check")
        if check["status"] not in ("pass", "not_applicable"):
            assert check["message"] in page.text
    values = [*told["anchors"].values(), *told["policy"].values(), *told["digests"].values()]
    for value in [*values, told["id"], told["gate"], told["subject"]["digest"], told["actor"]["principal"]]:
        assert value in page.text
    assert f"placet log check {told['id']}.placet-proof --log-key log.pub" in page.text
    index = service.get(f"/v1/decisions/{told['id']}", tokens["auditor"]).json["entry"]
    size = service.get("/checkpoint", tokens["auditor"]).body.split(b"\n")[1].decode()
    assert f"{index} of {size} under the newest checkpoint" in page.text
    assert told["time"] in [one.attributes["datetime"] for one in page.all("time")]
    assert "An approval is missing" not in page.text
    assert "the same as today's" in page.text
    # A beginning of the id is enough, as everywhere.
    assert opened(service, f"/decisions/{told['id'][:30]}", tokens["auditor"]).texts("h1") == page.texts("h1")


def test_the_lineage_is_drawn_as_it_was_judged_with_its_statements(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], model: str
) -> None:
    page = opened(service, f"/decisions/{made['staging']['id']}", tokens["auditor"])
    facts = service.get(f"/v1/decisions/{made['staging']['id']}/input", tokens["auditor"]).json
    assert "As it was judged" in page.text
    assert "Not as it was judged" not in page.text
    boxes = [one.text for one in page.all("title") if "svg" in one.inside]
    assert all(any(digest in box for box in boxes) for digest in facts["artifacts"])
    rows = page.texts("th", data_label="Type")
    assert sorted(rows) == sorted(item["short_type"] for item in facts["statements"].values())
    assert "risk@example.org (approver) as approver" in page.texts("td", data_label="Signed by")
    resting = " ".join(page.texts("td", data_label="Checks that rest on it"))
    assert "quality.evaluation_threshold" in resting


def test_a_missing_approval_is_a_command_for_a_person(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], model: str
) -> None:
    page = opened(service, f"/decisions/{made['approval']['id']}", tokens["auditor"])
    command = f"placet approve deploy/production {model} --ticket CHG-7 --as NAME"
    assert command in page.texts("pre")
    # A ticket that a shell would run is not pasted into a command.
    quoted = opened(service, f"/decisions/{made['quoted']['id']}", tokens["auditor"])
    assert command.replace("CHG-7", "ID") in quoted.texts("pre")
    assert list(page.all("form")) == []
    assert "there is one by approver, but it is for gate promote/production" in page.text


def test_an_artifact_nobody_vouched_for_shows_the_shortest_way(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any]
) -> None:
    page = opened(service, f"/decisions/{made['stranger']['id']}", tokens["auditor"])
    assert "Nobody who may has vouched for this artifact." in page.text
    assert any(text.startswith("placet attest dataset") for text in page.texts("li"))
    assert "No admitted statement is about this artifact" in page.text


def test_what_was_not_evaluated_and_what_only_was_tried_say_so(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any]
) -> None:
    page = opened(service, f"/decisions/{made['unknown']['id']}", tokens["auditor"])
    assert "Denied because it could not be evaluated" in page.text
    assert "gate.unknown" in page.text
    assert "Not as it was judged" in page.text
    assert "never gathered" in page.text
    dry = opened(service, f"/decisions/{made['dry']['id']}", tokens["auditor"])
    assert "A dry run: nothing was admitted by it" in dry.text
    listed = opened(service, "/decisions", tokens["auditor"]).texts("td", data_label="Verdict")
    assert "✗ deny not evaluated" in listed
    assert "✓ allow dry run" in listed or "✗ deny dry run" in listed


@pytest.mark.parametrize("name", ["stranger", "unknown", "evil", "named"])
def test_a_strangers_words_are_words(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any], name: str
) -> None:
    # `read` has looked at every element and address of the page; these are the words that tried.
    page = opened(service, f"/decisions/{made[name]['id']}", tokens["auditor"])
    words = EVIL_NAME if name == "named" else EVIL
    assert words in page.text
    assert name == "stranger" or words in opened(service, "/decisions", tokens["auditor"]).text


def test_only_addresses_of_the_web_become_links(
    service: Serving, tokens: dict[str, str], made: Mapping[str, Any]
) -> None:
    page = opened(service, f"/decisions/{made['staging']['id']}", tokens["auditor"])
    assert "javascript:alert(1)" in page.texts("dd")
    assert [one.attributes["href"] for one in page.all("a", rel="noopener noreferrer")] == [
        "https://ci.example.org/runs/4?a=1&b=2"
    ]
    # What is not printable is shown, not sent.
    assert "abc\\u202edef\\x1b[31m" in page.texts("dd")


def test_what_was_erased_is_said_and_never_replaced_unsaid(ready: Path, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "erased"
    shutil.copytree(ready, folder)
    auditor = done("token", "new", "a@example.org", "--role", "auditor", folder=folder).out.strip()
    told = [
        done(
            "gate", GATE, "model.json", "--context", f"ticket={TICKET}", "--output", "json", folder=folder
        ).json
        for _ in range(2)
    ]
    with closing(sqlite3.connect(folder / ".placet" / "placet.db")) as connection, connection:
        for row, name in ((told[0], "decision"), (told[1], "input")):
            places = (payload_place(row["entry"]), payload_place(row["entry"] + 1))
            gone = connection.execute(
                "DELETE FROM log_payload WHERE place >= ? AND place < ? AND name = ?", (*places, name)
            )
            assert gone.rowcount == 1
    with serving(folder) as running:
        listed = opened(running, "/decisions", auditor)
        assert listed.texts("td", data_label="Asked by") == ["dev@example.org", "erased"]
        assert "may have been erased" in opened(running, f"/decisions/{told[0]['id']}", auditor, 404).text
        page = opened(running, f"/decisions/{told[1]['id']}", auditor)
        assert "Not as it was judged" in page.text
        assert "is what is known now" in page.text
        assert "risk@example.org (approver)" in page.texts("td", data_label="Signed by")


def test_a_log_that_does_not_hold_shows_nothing(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "forged"
    shutil.copytree(ready, folder)
    auditor = done("token", "new", "a@example.org", "--role", "auditor", folder=folder).out.strip()
    told = done(
        "gate", GATE, "model.json", "--context", f"ticket={TICKET}", "--output", "json", folder=folder
    ).json

    def forge(name: str) -> None:
        places = (payload_place(told["entry"]), payload_place(told["entry"] + 1))
        with closing(sqlite3.connect(folder / ".placet" / "placet.db")) as connection, connection:
            connection.execute(
                "UPDATE log_payload SET data = X'7b7d' WHERE place >= ? AND place < ? AND name = ?",
                (*places, name),
            )

    def require_nothing(path: str) -> None:
        page = opened(running, path, auditor, 503)
        assert "log.corrupt" in page.text
        assert "allow" not in page.text

    with serving(folder) as running:
        forge("input")
        require_nothing(f"/decisions/{told['id']}")
        forge("decision")
        require_nothing(f"/decisions/{told['id']}")
        require_nothing("/decisions")
