"""log: what was decided, and the proof of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.projects import GATE, a_file, call, decisions, done
from tests.builders import a_digest

# Of the decision documents the second, which is entry 8's.
SECOND_DOCUMENT = (
    "WHERE place = (SELECT place FROM log_payload WHERE name = 'decision' ORDER BY place LIMIT 1 OFFSET 1)"
)


@pytest.fixture
def judged(project: Path) -> Path:
    """A project with three decisions: an allow (entry 7), a deny (8), an error (9)."""
    assert call("gate", GATE, "model.json").code == 0
    assert call("gate", "deploy/production", "model.json").code == 1
    assert call("gate", "nowhere", "model.json").code == 3
    return project


def sql(project: Path, statement: str, *values: object) -> None:
    """Change the store behind everybody's back."""
    with contextlib.closing(sqlite3.connect(project / ".placet" / "placet.db")) as connection, connection:
        connection.execute(statement, values)


def ids(project: Path) -> list[str]:
    return [row["decision"] for row in decisions(project)]


# list


def test_decisions_are_listed_newest_first(judged: Path) -> None:
    lines = done("log", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["9", "8", "7"]
    assert "deny   deploy/production" in lines[1]
    assert lines[1].endswith("change.approved")
    rows = decisions(judged)
    assert [(row["verdict"], row["cause"]) for row in rows] == [
        ("deny", "error"),
        ("deny", "policy"),
        ("allow", "policy"),
    ]


@pytest.mark.parametrize(
    ("options", "entries"),
    [
        (("--verdict", "allow"), [7]),
        (("--gate", "deploy/production"), [8]),
        (("--limit", "1"), [9]),
        (("--since", "2120-01-01T00:00:00Z"), []),
        (("--until", "2020-01-01T00:00:00Z"), []),
        (("--since", "2020-01-01T00:00:00Z", "--until", "2120-01-01T00:00:00Z"), [9, 8, 7]),
        (("--subject", a_digest("unknown")), []),
    ],
)
def test_they_are_found_by_what_they_are(judged: Path, options: tuple[str, ...], entries: list[int]) -> None:
    assert [row["entry"] for row in done("log", "list", "--json", *options).json] == entries


def test_they_are_found_by_their_subject(judged: Path) -> None:
    subject = done("digest", "model.json").out.split()[0]
    assert len(done("log", "list", "--json", "--subject", subject).json) == 3


def test_arrivals_of_evidence_are_listed_when_asked_for(judged: Path) -> None:
    rows = done("log", "list", "--all", "--json").json
    assert [row["type"] for row in rows] == ["decision"] * 3 + ["evidence"] * 7
    assert {row["bundle"][:7] for row in rows[3:]} == {"sha256:"}
    assert "  evidence  sha256:" in done("log", "list", "--all").out


@pytest.mark.parametrize(
    "options",
    [("--since", "yesterday"), ("--limit", "0"), ("--verdict", "maybe"), ("--subject", "model.json")],
)
def test_a_filter_that_is_none_is_told(judged: Path, options: tuple[str, ...]) -> None:
    ran = call("log", "list", *options)
    assert (ran.code, ran.out) == (2, "")


# show


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
def test_a_decision_is_shown_as_it_was(judged: Path, form: str) -> None:
    allowed = ids(judged)[2]
    for name in (allowed, "7"):
        assert allowed in done("log", "show", name, "--output", form).out
    if form == "json":
        assert done("log", "show", "7", "--output", form).json["verdict"] == "allow"


def test_the_beginning_of_an_id_will_do_when_it_is_one(judged: Path) -> None:
    newest = ids(judged)[0]
    assert newest in done("log", "show", newest[:-1]).out
    # All digits and short, it is still the beginning of an id: indexes do not begin with a zero.
    ran = call("log", "show", newest[:2])
    assert (ran.code, "log.ambiguous" in ran.err) == (2, True)


def test_exactly_what_opa_was_asked_is_shown(judged: Path) -> None:
    facts = json.loads(done("log", "show", "7", "--input").out)
    assert (facts["gate"], facts["request"]["actor"]["principal"]) == (GATE, "dev@example.org")


@pytest.mark.parametrize("name", ["99", "0", "ffff", "", "\x1b[31m", "9", "²"])
def test_what_is_not_there_is_told(judged: Path, name: str) -> None:
    ran = call("log", "show", name, "--input")
    assert (ran.code, ran.out) == (2, "")
    assert "log.not_found" in ran.err
    assert "\x1b" not in ran.err


def test_an_entry_that_is_no_decision_is_told_as_what_it_is(judged: Path) -> None:
    for verb in ("show", "prove"):
        ran = call("log", verb, "2")
        assert (ran.code, ran.out) == (2, "")
        assert "log.not_found: log entry 2 is of type evidence, and has no decision" in ran.err


def test_a_changed_decision_is_not_shown(judged: Path) -> None:
    sql(judged, f"UPDATE log_payload SET data = x'7b7d' {SECOND_DOCUMENT}")
    ran = call("log", "show", "8")
    assert (ran.code, ran.out) == (3, "")
    assert "log.corrupt" in ran.err


# verify


def test_a_whole_log_is_whole(judged: Path) -> None:
    assert "is whole: all of its 10 entries hold" in done("log", "verify").out
    report = done("log", "verify", "--json").json
    assert (report["ok"], report["entries"], report["first_bad"]) == (True, 10, None)
    for key in ("log.pub", (judged / "log.pub").read_text().strip()):
        assert done("log", "verify", "--log-key", key).out == done("log", "verify").out


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE log_entry SET leaf = replace(CAST(leaf AS TEXT), 'deny', 'able') WHERE idx = 8", 8),
        ("UPDATE log_entry SET verdict = 'allow' WHERE idx = 8", 8),
        ("DELETE FROM log_entry WHERE idx = 3", 3),
        (f"UPDATE log_payload SET data = x'7b7d' {SECOND_DOCUMENT}", 8),
    ],
)
def test_the_first_entry_that_was_changed_is_named(judged: Path, statement: str, entry: int) -> None:
    sql(judged, statement)
    ran = call("log", "verify")
    assert ran.code == 1
    assert f"was changed: entry {entry} is the first that does not hold" in ran.out
    assert call("log", "verify", "--json").json["first_bad"] == entry


def put_back(judged: Path, ready: Path) -> None:
    shutil.copy(ready / ".placet" / "placet.db", judged / ".placet" / "placet.db")


def remove(judged: Path, ready: Path) -> None:
    (judged / ".placet" / "placet.db").unlink()
    (judged / ".placet" / "placet.db").touch()


def overwrite(judged: Path, ready: Path) -> None:
    (judged / ".placet" / "placet.db").write_bytes(b"garbage" * 1000)


def cut(judged: Path, ready: Path) -> None:
    path = judged / ".placet" / "placet.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_head(judged: Path, ready: Path) -> None:
    done("init", "other")
    done("gate", "register", "--dry-run", "--at=2120-01-01T00:00:00Z", str(judged / "raw.csv"))
    shutil.copy(judged / "other" / "log.pub", judged / "log.pub")


@pytest.mark.parametrize("damage", [put_back, remove, overwrite, cut, another_head])
def test_a_log_that_cannot_be_believed_is_a_no(
    judged: Path, ready: Path, damage: Callable[[Path, Path], None]
) -> None:
    damage(judged, ready)
    ran = call("log", "verify")
    assert ran.code == 1
    assert "was changed: " in ran.out
    assert call("log", "verify", "--json").json["ok"] is False


def test_a_log_that_is_not_there_is_told(project: Path) -> None:
    ran = call("--store", "sqlite:///nowhere.db", "log", "verify")
    assert (ran.code, ran.out) == (3, "")
    assert "log.missing" in ran.err
    assert not (project / "nowhere.db").exists()


READING = (("verify",), ("list",), ("show", "7"), ("checkpoint",))


def test_a_lost_public_key_is_what_the_private_one_says(judged: Path) -> None:
    said = [done("log", *verb).out for verb in READING]
    (judged / "log.pub").unlink()
    assert [done("log", *verb).out for verb in READING] == said
    (judged / ".placet" / "log.key").chmod(0o644)
    assert "logkey.permissions" in call("log", "list").err


@pytest.mark.parametrize("private", ["gone", "no file", "unreadable"])
def test_without_either_key_nothing_is_verified(judged: Path, private: str) -> None:
    (judged / "log.pub").unlink()
    (judged / ".placet" / "log.key").unlink()
    if private == "no file":
        (judged / ".placet" / "log.key").mkdir()
    if private == "unreadable":
        (judged / ".placet" / "log.key").symlink_to(
            "/proc/self/mem"
        )  # a file, and its first byte is an error
    for verb in READING:
        ran = call("log", *verb)
        assert (ran.code, ran.out) == (2, "")
        assert "logkey.missing: log.pub is missing (" in ran.err
        assert ran.err.endswith("copy it from whoever keeps the log\n")


def test_a_public_key_that_is_none_is_not_replaced(judged: Path) -> None:
    a_file(judged, "log.pub", "nonsense")
    assert "logkey.malformed" in call("log", "list").err


# checkpoint


def test_the_newest_head_is_printed_for_somebody_to_keep(judged: Path) -> None:
    ran = done("log", "checkpoint")
    assert ran.out.splitlines()[1] == "10"
    assert ran.out.startswith(f"{done('log', 'verify', '--json').json['origin']}\n")


def test_a_lost_head_is_missed_until_somebody_who_knows_makes_it_again(judged: Path) -> None:
    head = judged / ".placet" / "log.head"
    kept = head.read_text()
    head.unlink()
    assert call("log", "verify").code == 1
    ran = call("gate", GATE, "model.json")
    assert (ran.code, ran.out) == (3, "")
    assert "log.head_missing" in ran.err
    done("log", "checkpoint")
    assert not head.exists()
    assert done("log", "checkpoint", "--keep").out.strip() in head.read_text()
    assert head.read_text().startswith(kept.partition("\n\n")[0])
    done("log", "verify")
    assert call("gate", GATE, "model.json").code == 0


def test_the_head_of_a_damaged_log_is_not_kept(judged: Path) -> None:
    (judged / ".placet" / "log.head").unlink()
    sql(judged, "UPDATE log_entry SET verdict = 'allow' WHERE idx = 8")
    ran = call("log", "checkpoint", "--keep")
    assert (ran.code, ran.out) == (3, "")
    assert "log.corrupt" in ran.err
    assert not (judged / ".placet" / "log.head").exists()


def test_an_empty_log_has_no_head_to_keep(empty: Path) -> None:
    done("init")
    done("doctor")  # which makes the store
    assert done("log", "checkpoint", "--keep").out == ""
    done("log", "verify")


# prove, check


def prove(judged: Path, entry: str = "7") -> Path:
    done("log", "prove", entry, "--to", "proof")
    return judged / "proof"


def test_a_decision_is_proved_elsewhere_with_the_checkers_own_key(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    shutil.copy(prove(judged), desk / "proof")
    key = (judged / "log.pub").read_text().strip()
    monkeypatch.chdir(desk)
    ran = done("log", "check", "proof", "--log-key", key)
    assert ran.out.startswith("proved: entry 7 of 10 in the log placet.local/")
    assert f"PLACET  {GATE}" in ran.out
    report = done("log", "check", "proof", "--log-key", key, "--json").json
    assert (report["entry"], report["size"], report["decision"]["verdict"]) == (7, 10, "allow")


def test_a_proof_has_the_name_of_its_decision(judged: Path) -> None:
    ran = done("log", "prove", "8")
    name = f"{ids(judged)[1]}.placet-proof"
    assert f"proved entry 8: {name}" in ran.err
    ran = done("log", "check", name, "--log-key", "log.pub")
    assert "NON PLACET" in ran.out


def test_a_denial_by_error_is_proved_too(judged: Path) -> None:
    prove(judged, "9")
    assert "✗ gate.unknown" in done("log", "check", "proof", "--log-key", "log.pub").out


def test_without_the_checkers_own_key_nothing_is_proved(judged: Path) -> None:
    prove(judged)
    ran = call("log", "check", "proof")
    assert (ran.code, ran.out) == (2, "")
    assert "log.no_key" in ran.err
    assert "placet log check proof --log-key log.pub" in ran.err


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nowhere.pub", "logkey.missing"),
        ("model.json", "logkey.malformed"),
        ("a+b+c", "log.key"),
        ("a+" * 3000, "log.key"),
        ("", "logkey."),
    ],
)
def test_a_key_that_is_none_is_a_wrong_call(judged: Path, key: str, words: str) -> None:
    prove(judged)
    for arguments in (("check", "proof"), ("verify",)):
        ran = call("log", *arguments, "--log-key", key)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err


def test_another_logs_key_proves_nothing(judged: Path) -> None:
    prove(judged)
    done("init", "other")
    ran = call("log", "check", "proof", "--log-key", "other/log.pub")
    assert (ran.code, ran.out) == (1, "")
    assert "note.unsigned" in ran.err
    assert call("log", "verify", "--log-key", "other/log.pub").code == 1


def another_verdict(proof: dict[str, object]) -> None:
    proof["decision"] = str(proof["decision"]).replace('"verdict":"deny"', '"verdict":"allow"')


def another_salt(proof: dict[str, object]) -> None:
    proof["salts"] = {"decision": "A" * 43 + "="}


def another_leaf(proof: dict[str, object]) -> None:
    proof["proof"] = str(proof["proof"]).replace("extra ", "extra A")


def another_index(proof: dict[str, object]) -> None:
    proof["proof"] = str(proof["proof"]).replace("index 8", "index 7")


def another_field(proof: dict[str, object]) -> None:
    proof["more"] = 1


@pytest.mark.parametrize(
    "change", [another_verdict, another_salt, another_leaf, another_index, another_field]
)
def test_a_receipt_that_was_changed_does_not_hold(
    judged: Path, change: Callable[[dict[str, object]], None]
) -> None:
    path = prove(judged, "8")
    proof = json.loads(path.read_text())
    change(proof)
    path.write_text(json.dumps(proof))
    ran = call("log", "check", "proof", "--log-key", "log.pub")
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize("text", ["", "{}", "no receipt", "[" * 10_000])
def test_what_is_no_receipt_does_not_hold(judged: Path, text: str) -> None:
    a_file(judged, "proof", text)
    ran = call("log", "check", "proof", "--log-key", "log.pub")
    assert (ran.code, ran.out) == (1, "")
    assert "receipt.malformed" in ran.err


@pytest.mark.parametrize("name", ["nowhere", ".", "n" * 5000])
def test_a_receipt_that_is_not_there_is_told(judged: Path, name: str) -> None:
    ran = call("log", "check", name, "--log-key", "log.pub")
    assert (ran.code, ran.out) == (2, "")
    assert "log.no_receipt" in ran.err


def test_a_proof_that_cannot_be_written_is_told(judged: Path) -> None:
    ran = call("log", "prove", "7", "--to", "nowhere/proof")
    assert (ran.code, "usage.output" in ran.err) == (2, True)
    for name in ("0", "99", "ffff"):
        assert call("log", "prove", name).code == 2
