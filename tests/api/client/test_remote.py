"""`placet --server URL …` says what `placet …` says, and no answer but a right one allows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from placet_api.client.connection import Connection
from placet_api.client.remote import Remote
from placet_api.errors import ServiceError
from placet_attestations.digests import Digest
from placet_attestations.keys import load_private
from placet_attestations.signing import sign_statement
from placet_attestations.statement import Statement, Subject
from tests.api.projects import GATE, Ran, call, done
from tests.builders import a_digest, a_predicate
from tests.fakes.service import TOKEN, Answer, Request, Service, answering, as_answer, problem, serving


@pytest.fixture
def service(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service over the ready project; the working directory is one with the artifacts alone."""
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(project / "model.json", bare)
    monkeypatch.chdir(bare)
    monkeypatch.setenv("PLACET_TOKEN", TOKEN)
    with serving(project) as running:
        yield running


def far(service: Service, *arguments: str) -> Ran:
    return call("--server", service.url, *arguments)


def same(text: str) -> str:
    """Words without what differs between two decisions."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text)
    text = re.sub(r"entry \d+", "entry N", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((GATE, "model.json"), 0),
        ((GATE, "model.json", "--context", "ticket=CHG-9"), 1),
        ((GATE, "model.json", "--at", "2020-01-01T00:00:00Z"), 1),
        ((GATE, "model.json", "--dry-run", "--fail-on-warn"), 0),
        (("no/such", "model.json"), 3),
        ((GATE, "nothing"), 2),
    ],
)
def test_a_gate_says_far_what_it_says_here(service: Service, arguments: tuple[str, ...], code: int) -> None:
    near, away = call("gate", *arguments, folder=service.folder), far(service, "gate", *arguments)
    assert near.code == away.code == code
    assert same(away.out) == same(near.out)
    assert same(away.err).replace("bare", "churn") == same(near.err)


def test_the_receipt_of_a_far_decision_is_kept_and_holds(service: Service) -> None:
    ran = far(service, "gate", GATE, "model.json", "--output", "json")
    receipt = Path(".placet/receipts") / f"{ran.json['id']}.placet-proof"
    done("log", "check", str(receipt), "--log-key", str(service.folder / "log.pub"))
    assert ran.json["actor"]["principal"] == "ci@example.org"


def test_in_ci_a_server_from_outside_the_tree_needs_no_anchors(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert far(service, "gate", GATE, "model.json").code == 0
    Path("placet.yaml").write_text(f"server: {service.url}\n")
    ran = call("gate", GATE, "model.json")
    assert (ran.code, "trust.unpinned" in ran.err) == (2, True)
    monkeypatch.setenv("PLACET_SERVER", service.url)
    assert call("gate", GATE, "model.json").code == 0


@pytest.mark.parametrize("option", [("--as", "dev"), ("--anchors", a_digest("x"))])
def test_what_a_service_cannot_be_told_is_refused(service: Service, option: tuple[str, str]) -> None:
    ran = far(service, "gate", GATE, "model.json", *option)
    assert (ran.code, "gate.remote" in ran.err, service.seen) == (2, True, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "model.json"),
        ("show", "model.json", "--json"),
        ("show", "threshold@1.0"),
        ("lineage", "model.json"),
        ("lineage", "model.json", "--output", "json"),
        ("lineage", "model.json", "--output", "dot"),
        ("verify", "model.json"),
        ("verify", "threshold@1.0", "--json"),
        ("show", "nobody@1"),
        ("log", "list", "--all", "--limit", "5"),
        ("log", "find", "--rule", "change.ticket_matches"),
        ("log", "list", "--since", "yesterday"),
        ("log", "show", "00000000"),
        ("log", "checkpoint"),
    ],
)
def test_reading_verbs_say_far_what_they_say_here(service: Service, arguments: tuple[str, ...]) -> None:
    far(service, "gate", GATE, "model.json", "--context", "ticket=CHG-9")
    near = call(*arguments, folder=service.folder)
    assert far(service, *arguments) == near


def test_decisions_are_found_by_rule_and_by_who_asked(service: Service) -> None:
    for ticket in ("CHG-9", "CHG-8", "CHG-1042"):
        far(service, "gate", GATE, "model.json", "--context", f"ticket={ticket}")
    call("gate", GATE, "model.json", "--as", "approver", folder=service.folder)

    def count(*options: str) -> list[int]:
        near = done("log", "find", *options, "--json", folder=service.folder).json
        assert far(service, "log", "find", *options, "--json").json == near
        return [row["entry"] for row in near]

    everything = count()
    assert len(everything) == 4
    assert count("--actor", "ci@example.org") == everything[1:]
    assert count("--actor", "risk@example.org") == everything[:1]
    assert count("--actor", "nobody") == []
    assert count("--rule", "change.ticket_matches") == everything[2:]
    assert count("--rule", "change.ticket_matches", "--limit", "1") == everything[2:3]
    assert count("--actor", "ci@example.org", "--verdict", "allow") == everything[1:2]


def test_one_decision_is_shown_and_proved_from_far(service: Service) -> None:
    asked = far(service, "gate", GATE, "model.json", "--output", "json").json
    for arguments in (("show", asked["id"]), ("show", asked["id"][:13]), ("show", asked["id"], "--input")):
        assert far(service, "log", *arguments) == call("log", *arguments, folder=service.folder)
    ran = far(service, "log", "prove", asked["id"], "--to", "here.proof")
    assert ran.err.startswith("proved entry ")
    done("log", "check", "here.proof", "--log-key", str(service.folder / "log.pub"))
    assert "log.not_found" in far(service, "log", "show", "../checkpoint").err


def test_what_only_the_stores_keeper_can_do_is_refused(service: Service) -> None:
    ran = far(service, "log", "checkpoint", "--keep")
    assert (ran.code, "log.not_remote" in ran.err) == (2, True)


def test_an_approval_is_signed_here_and_kept_there(service: Service) -> None:
    key = str(service.folder / ".placet/keys/approver.key")
    ran = far(service, "approve", GATE, "model.json", "--ticket", "CHG-7", "--as", key)
    assert ran.code == 0, ran.err
    assert ran.err.startswith(f"approved {GATE}: model.json  sha256:")
    assert far(service, "gate", GATE, "model.json", "--context", "ticket=CHG-7").code == 0


def test_bundles_are_taken_or_refused_as_here(service: Service) -> None:
    keys, model = service.folder / ".placet/keys", str(Path("model.json").absolute())
    bundles = []
    for name, ticket in (("approver", "CHG-3"), ("intern", "CHG-4")):
        digest = Digest.parse(done("digest", model).out.split()[0])
        statement = Statement.build(
            "https://placet.dev/attestation/approval/v1", [Subject(ticket, digest)], a_predicate("approval")
        )
        bundles.append(sign_statement(statement, load_private(keys / f"{name}.key")))
    Path("two.jsonl").write_bytes(b"\n".join(bundles))
    Path("none.sigstore.json").write_bytes(b"{}")
    away = far(service, "add", "none.sigstore.json", "two.jsonl", "missing.json")
    assert ("  (known already)" in away.err, away.code) == (False, 2)
    again = far(service, "add", "two.jsonl")
    near = call("add", str(Path("two.jsonl").absolute()), folder=service.folder)
    assert again.code == near.code == 1
    assert "(known already)" in again.err
    assert again.err == near.err.replace(f"{Path.cwd()}/", "")


def test_a_bundle_file_is_verified_with_the_trust_policy_here(service: Service) -> None:
    Path("x.sigstore.json").write_bytes(b"{}")
    assert "project.missing" in far(service, "verify", "x.sigstore.json").err
    assert service.seen == []


def test_without_a_server_a_project_is_needed(service: Service) -> None:
    assert "project.missing" in call("show", "model.json").err


def test_who_is_not_known_is_told_so(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_TOKEN", "another")
    ran = far(service, "gate", GATE, "model.json")
    assert (ran.code, "access.unknown" in ran.err) == (2, True)


# what is no answer


def edited(**changes: Any) -> Callable[[Request, Answer], Answer]:
    """Change the decision in an answer."""

    def twist(request: Request, answer: Answer) -> Answer:
        body = json.loads(answer.body)
        body["decision"] |= changes
        return as_answer(body)

    return twist


def replaced(**changes: Any) -> Callable[[Request, Answer], Answer]:
    """Change an answer."""
    return lambda _, answer: as_answer(json.loads(answer.body) | changes)


HOSTILE = {
    "another subject": edited(subject={"digest": a_digest("other")}),
    "another gate": edited(gate="register"),
    "another context": edited(context={"ticket": "CHG-1042"}),
    "a dry run": edited(dry_run=True),
    "a verdict of its own": edited(verdict="ALLOW"),
    "an id that is a path": edited(id="../../x"),
    "an allow by error": edited(cause="error", error={"code": "a.b", "message": "x"}),
    "no checks": edited(checks=None),
    "a check that is none": edited(checks=[{"code": "x"}]),
    "a decision unlike its receipt": edited(time="2020-01-01T00:00:00Z"),
    "no decision": replaced(decision=None),
    "no entry": replaced(entry="7"),
    "no receipt": replaced(receipt=None),
    "a receipt of nothing": replaced(receipt="{}"),
    "a list": lambda _, __: as_answer([1]),
    "a web page": lambda _, __: Answer(200, "text/html", b"<html>allow</html>"),
    "no JSON": lambda _, __: Answer(200, "application/json", b'{"decision": {"verdict": "allow"'),
    "an accepted": lambda _, answer: Answer(202, answer.kind, answer.body),
    "an error of nobody": lambda _, answer: Answer(502, answer.kind, answer.body),
    "a house that is full": lambda _, __: problem(503, "busy.queue", "no room"),
    "a log that is full": lambda _, __: problem(503, "log.unwritable", "no space"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_answer_but_a_right_one_allows(service: Service, name: str) -> None:
    service.twist = HOSTILE[name]
    ran = far(service, "gate", GATE, "model.json")
    assert (ran.code, ran.out, "internal.error" in ran.err) == (3, "", False), ran
    assert not list(Path().rglob("*.placet-proof"))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "service.answer"),
        (b"SSH-2.0-OpenSSH_9\r\n", "service.answer"),
        (HEAD + b'Content-Length: 999\r\n\r\n{"decision":', "service.answer"),
        (HEAD + b"Content-Length: 2\r\n\r\n{}", "service.answer"),
        (HEAD + b"\r\n{}", "service.answer"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", "service.answer"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n",
            "service.answer",
        ),
    ],
)
def test_what_is_cut_or_leads_elsewhere_is_a_denial(service: Service, raw: bytes, code: str) -> None:
    with answering(raw) as url:
        ran = call("--server", url, "gate", GATE, "model.json")
    assert (ran.code, code in ran.err) == (3, True), ran


@pytest.mark.parametrize("raw", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{"])
def test_a_slow_service_is_a_denial(service: Service, raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_CLIENT_TIMEOUT", "0.2")
    with answering(raw, then=Event()) as url:
        ran = call("--server", url, "gate", GATE, "model.json")
    assert (ran.code, "service.timeout" in ran.err) == (3, True), ran


@pytest.mark.parametrize(
    ("answer", "verb"),
    [
        (as_answer({"items": [1]}), lambda remote: remote.by_name("x")),
        (as_answer({"items": ["sha256:1"]}), lambda remote: remote.by_name("x")),
        (as_answer({"items": [1]}), lambda remote: remote.statements(a_digest("x"))),
        (as_answer({"items": [{"who": 1}]}), lambda remote: remote.statements(a_digest("x"))),
        (as_answer({"digest": a_digest("y")}), lambda remote: remote.page(a_digest("x"))),
        (as_answer({"items": []}), lambda remote: remote.add(b"{}")),
        (
            as_answer({"items": [{"statement": "s", "type": "t", "signer": "s", "entry": 1, "new": True}]}),
            lambda remote: remote.add(b"{}"),
        ),
        (
            as_answer({"items": [{"type": "decision", "entry": 1, "time": "t"}]}),
            lambda remote: remote.find(limit=9),
        ),
        (as_answer({"decision": 1}), lambda remote: remote.decision("1")),
        (Answer(200, "text/html", b"<html>"), lambda remote: remote.checkpoint()),
        (Answer(200, "text/plain", b"\xff"), lambda remote: remote.checkpoint()),
    ],
)
def test_no_verb_believes_what_is_no_answer(
    tmp_path: Path, answer: Answer, verb: Callable[[Remote], object]
) -> None:
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.kind}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    with answering(head.encode() + answer.body) as url, pytest.raises(ServiceError) as caught:
        verb(Remote(Connection(url, None, None, 20)))
    assert caught.value.code == "service.answer"


def test_another_decision_than_was_asked_for_is_no_answer(service: Service) -> None:
    first = far(service, "gate", GATE, "model.json", "--output", "json").json["id"]
    second = far(service, "gate", GATE, "model.json", "--output", "json").json["id"]
    shown = Remote(Connection(service.url, TOKEN, None, 20)).decision(first)
    service.twist = lambda _, __: as_answer({"decision": dict(shown.body), "entry": shown.entry})
    assert "service.answer" in far(service, "log", "show", second).err


def test_prefixes_are_asked_of_the_service(service: Service) -> None:
    remote = Remote(Connection(service.url, TOKEN, None, 20))
    digest = remote.resolve("model.json", reading=True).digest
    assert remote.resolve(digest[:24], reading=True).digest == digest
