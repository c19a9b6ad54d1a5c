"""`placet gate`: what allows, what denies, what is closed, and that nothing else allows."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from placet_attestations.digests import Digest
from placet_attestations.keys import load_private
from placet_attestations.signing import sign_statement
from placet_attestations.sqlite_store import SqliteEvidenceStore
from placet_attestations.statement import Statement, Subject
from placet_attestations.trust import load_trust
from placet_attestations.verify import verify
from placet_engine.policy.binary import locate
from tests.api.projects import (
    GATE,
    TICKET,
    TRUST,
    Ran,
    a_fake_opa,
    a_file,
    call,
    decisions,
    done,
    row_count,
)
from tests.builders import a_digest, a_predicate
from tests.engine.policy.toy import MAIN, write_toy


def ask(*options: str, gate: str = GATE, artifact: str = "model.json") -> Ran:
    return call("gate", gate, artifact, *options)


def reasons(ran: Ran) -> set[str]:
    """The codes that denied, from `--output json`."""
    body = ran.json
    if body["cause"] == "error":
        return {body["error"]["code"]}
    return {check["code"] for check in body["checks"] if check["status"] in ("fail", "skipped")}


def denied(*options: str, gate: str = GATE, artifact: str = "model.json", code: int = 1) -> set[str]:
    ran = ask("--output", "json", *options, gate=gate, artifact=artifact)
    assert (ran.code, ran.json["verdict"]) == (code, "deny")
    return reasons(ran)


# allow


def test_what_everybody_vouched_for_is_allowed_logged_and_proved(project: Path) -> None:
    ran = ask()
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"PLACET  {GATE}  threshold  sha256:")
    (row,) = decisions(project)
    assert (row["verdict"], row["gate"], row["reasons"]) == ("allow", GATE, [])
    receipt = project / ".placet" / "receipts" / f"{row['decision']}.placet-proof"
    assert f"receipt {receipt.relative_to(project)}" in ran.out
    done("log", "check", str(receipt), "--log-key", "log.pub")
    done("log", "verify")


def test_the_same_question_twice_is_allowed_twice(project: Path) -> None:
    assert [ask().code, ask("--context", f"ticket={TICKET}").code] == [0, 0]
    assert row_count(project, "log_reservation") == 1


def test_a_digest_or_a_name_with_what_it_must_be_will_do(project: Path) -> None:
    digest = done("digest", "model.json").out.split()[0]
    (project / "model.json").unlink()
    assert ask(artifact=digest).code == 0
    assert ask("--expect", digest, artifact="threshold@1.0").code == 0
    assert ask(artifact="threshold@1.0").code == 2
    assert ask("--expect", a_digest("other"), artifact="threshold@1.0").code == 2


def test_the_context_reaches_the_policy(project: Path) -> None:
    assert denied("--context", "ticket=CHG-9") == {"change.ticket_matches"}
    (row,) = decisions(project)
    assert '"context":{"ticket":"CHG-9"}' in done("log", "show", row["decision"], "--input").out


# deny


def test_a_fresh_project_denies_a_file_nobody_knows_and_says_what_to_do(empty: Path) -> None:
    a_file(empty, "some.file", "x")
    done("init", "demo", "--principal", "me@example.org")
    os.chdir("demo")
    ran = ask(artifact="../some.file")
    assert ran.code == 1
    assert "✗ lineage.subject_known" in ran.out
    assert "✗ change.approved" in ran.out
    way = [line for line in ran.out.splitlines() if line.strip()[:2] in ("1.", "2.", "3.", "4.", "5.")]
    assert 0 < len(way) <= 5
    assert all("placet " in line for line in way)
    assert decisions(empty / "demo")[0]["verdict"] == "deny"


def test_one_byte_changed_behind_an_old_time_is_seen(project: Path) -> None:
    done("show", "model.json")  # a reading verb, which may remember digests
    model = project / "model.json"
    before, times = model.read_bytes(), model.stat()
    model.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "lineage.subject_known" in denied()
    model.write_bytes(before)
    assert ask().code == 0


def test_who_asks_does_not_approve(project: Path) -> None:
    ran = ask("--as", "approver")
    assert ran.code == 1
    assert "its principal is the requester" in ran.out


def test_nobody_in_particular_gets_nothing_that_needs_a_requester(project: Path) -> None:
    settings = project / "placet.yaml"
    settings.write_text(settings.read_text().replace("default: dev", "default:"))
    assert denied() == {"change.approved", "request.actor_unknown"}
    assert denied(gate="deploy/production") >= {"request.actor_unknown"}


def test_a_caller_whom_trust_does_not_know_gets_nothing(project: Path) -> None:
    done("key", "new", "stranger")
    assert denied("--as", "stranger", code=3) == {"request.actor_unknown"}


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        ("valid: {until: 2020-01-01T00:00:00Z}", "trust.signer_expired"),
        ("valid: {from: 2120-01-01T00:00:00Z}", "trust.signer_expired"),
    ],
)
def test_a_caller_outside_its_window_gets_nothing(project: Path, signer: str, code: str) -> None:
    a_file(project, "trust.yaml", TRUST.replace("key: keys/dev.pub", f"key: keys/dev.pub\n    {signer}"))
    assert denied(code=3) == {code}


def revoke(project: Path, entry: str) -> None:
    a_file(project, "trust.yaml", TRUST.replace("revoked: []", f"revoked:\n  - {entry}"))


def test_a_revoked_caller_gets_nothing(project: Path) -> None:
    revoke(project, "{signer: dev, from: always}")
    assert denied(code=3) == {"trust.signer_revoked"}


@pytest.mark.parametrize(
    ("who", "codes"),
    [
        ("approver", {"change.approved"}),
        ("data-owner", {"data.origin_known"}),
        ("evaluator", {"data.splits_pinned", "quality.evaluation_threshold"}),
    ],
)
def test_what_a_revoked_signer_said_no_longer_counts(project: Path, who: str, codes: set[str]) -> None:
    revoke(project, f"{{signer: {who}, from: always}}")
    assert codes <= denied()


@pytest.mark.parametrize("file", ["model.json", "train.csv", "raw.csv"])
def test_a_revoked_artifact_stops_what_was_made_of_it(project: Path, file: str) -> None:
    digest = done("digest", file).out.split()[0]
    revoke(project, f'{{artifact: "{digest}", from: always, reason: "retracted"}}')
    assert "lineage.not_revoked" in denied()


@pytest.mark.parametrize("role", ["approver", "data-owner", "evaluator", "builder, trainer"])
def test_a_role_that_is_taken_away_is_missed(project: Path, role: str) -> None:
    a_file(project, "trust.yaml", TRUST.replace(f"roles: [{role}]}}", "roles: [reader]}").replace(
        f"    roles: [{role}]\n", "    roles: [reader]\n"
    ))  # fmt: skip
    assert denied() != set()


def an_approval(project: Path, gate: str) -> bytes:
    """An approval by the right key, not yet in the project."""
    predicate = a_predicate("approval", scope={"gate": gate}, validFrom="2020-01-01T00:00:00Z",
                            validUntil="2120-01-01T00:00:00Z", ticket={"system": "tickets", "id": TICKET})  # fmt: skip
    digest = Digest.of((project / "model.json").read_bytes())
    statement = Statement.build(
        "https://placet.dev/attestation/approval/v1", [Subject("model.json", digest)], predicate
    )
    return sign_statement(statement, load_private(project / ".placet" / "keys" / "approver.key"))


def test_evidence_slipped_into_the_store_counts_for_nothing(project: Path) -> None:
    gate = "deploy/production"
    assert denied(gate=gate) == {"change.approved"}
    raw = an_approval(project, gate)
    store = SqliteEvidenceStore.open(project / ".placet" / "placet.db")
    store.put(raw, verify(raw, load_trust(project / "trust.yaml")))
    store.close()
    assert denied(gate=gate) == {"change.approved"}
    (project / "approval.sigstore.json").write_bytes(raw)
    done("add", "approval.sigstore.json")
    assert ask(gate=gate).code == 0


def test_an_approval_serves_one_gate(project: Path) -> None:
    assert denied(gate="deploy/production") == {"change.approved"}


# could not evaluate: closed


@pytest.mark.parametrize(
    "run",
    [
        "exit 0",
        "exit 1",
        "kill -9 $$",
        'echo \'{"result": {"verdict": "allow"}}\'; exit 0',
        "exec tail -f /dev/null",
    ],
)
def test_an_opa_that_dies_or_hangs_is_a_logged_denial(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    monkeypatch.setenv("PLACET_OPA_PATH", str(a_fake_opa(tmp_path, run)))
    monkeypatch.setenv("PLACET_OPA_TIMEOUT", "0.5")
    # One that dies is started again until the time is over, so either may be said of it.
    (code,) = denied(code=3)
    assert code in {"opa.unreachable", "opa.timeout"}
    assert [(row["verdict"], row["cause"], row["reasons"]) for row in decisions(project)] == [
        ("deny", "error", [code])
    ]


def test_an_opa_that_is_not_there_is_closed(project: Path) -> None:
    for opa in ("/nowhere/opa", "/etc/hostname", "/bin/true", "/bin/echo"):
        ran = call("--opa", opa, "gate", GATE, "model.json")
        assert ran.code == 3
        assert ran.out.startswith("NON PLACET  ")
        (newest, *_) = decisions(project)
        assert (newest["verdict"], newest["cause"]) == ("deny", "error")
        assert newest["reasons"][0].startswith("opa.")


def test_an_opa_service_that_does_not_answer_is_closed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_OPA_URL", "http://127.0.0.1:9")
    assert denied(code=3) == {"opa.unreachable"}
    assert decisions(project)[0]["cause"] == "error"


@contextmanager
def a_service(bundle: Path) -> Iterator[str]:
    """An OPA service on this machine that judges by a bundle; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    opa = str(locate().path)
    command = [opa, "run", "--server", "--addr", address, "--log-level", "error", "--bundle", str(bundle)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.kill()


def test_an_opa_service_judges_by_the_expected_policy_set_and_no_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("policy", "build", "--to", "bundle.tar.gz")
    with a_service(project / "bundle.tar.gz") as url:
        monkeypatch.setenv("PLACET_OPA_URL", url)
        monkeypatch.setenv("PLACET_OPA_TIMEOUT", "30")
        assert f"a service at {url}" in done("doctor").out  # which waits until it is ready
        assert ask().code == 0
        monkeypatch.setenv(
            "PLACET_SETTINGS", a_file(project, "overlay.yaml", "freshness: {evaluation_days: 1}")
        )
        assert denied(code=3) == {"opa.wrong_bundle"}


@pytest.mark.parametrize("url", ["http://example.org", "file:///opa", "https://me:secret@host", "opa"])
def test_an_opa_service_that_cannot_be_trusted_is_a_wrong_setting(
    project: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PLACET_OPA_URL", url)
    ran = ask()
    assert (ran.code, ran.out) == (2, "")
    assert "opa.url" in ran.err


def answer(rego: str) -> str:
    """The toy policy set with this expression as its decision."""
    start = MAIN.replace("import data.placet.settings\n\n", "").partition("decision := ")[0]
    return f"{start}decision := {rego}\n"


@pytest.mark.parametrize(
    ("main", "code"),
    [
        (MAIN, "opa.undefined"),
        (answer('{"verdict": "allow"}'), "policy.answer"),
        (answer('"allow"'), "policy.answer"),
        (answer("true"), "policy.answer"),
        (answer('{"version": 1, "verdict": "allow", "would": "allow", "mode": "enforce"}'), "policy.answer"),
        (answer('{"verdict": http.send({"method": "get", "url": "http://127.0.0.1"}).body}'), "policy.compile"),
        ("package placet.main\n\ndecision := {", "policy.compile"),
    ],
)  # fmt: skip
def test_a_policy_set_that_answers_otherwise_than_agreed_allows_nothing(
    project: Path, tmp_path: Path, main: str, code: str
) -> None:
    folder = write_toy(tmp_path / "toy", {"placet/main/main.rego": main})
    ran = call("--policies", str(folder), "gate", "register", "model.json", "--output", "json")
    assert ran.code == 3
    assert (ran.json["verdict"], reasons(ran)) == ("deny", {code})


@pytest.mark.parametrize(
    "overlay",
    [
        "gates: {promote/production: {mode: allow}}",
        "gates: {promote/production: {collections: [nothing]}}",
        "gates: {promote/everything: {mode: warn}}",
        "evalution: {}",
        "unwaivable: [no.such_rule]",
    ],
)
def test_settings_that_do_not_fit_allow_nothing(project: Path, overlay: str) -> None:
    a_file(project, "overlay.yaml", overlay)
    ran = call("--settings", "overlay.yaml", "gate", GATE, "model.json", "--output", "json")
    assert ran.code == 3
    assert (ran.json["verdict"], reasons(ran)) == ("deny", {"settings.invalid"})


def test_an_unknown_gate_is_a_logged_denial(project: Path) -> None:
    assert denied(gate="promote/productoin", code=3) == {"gate.unknown"}
    assert decisions(project)[0]["gate"] == "promote/productoin"


def test_too_many_facts_are_a_denial(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_LIMITS_FACTS", "100")
    assert denied(code=3) == {"facts.too_large"}


def test_a_lineage_that_is_cut_off_is_a_denial(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_LIMITS_ARTIFACTS", "1")
    assert "lineage.closed" in denied()


# no log, no verdict


@contextmanager
def disk_that_is_full_at(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_under_the_log_leaves_no_verdict(project: Path) -> None:
    assert ask().code == 0
    before = decisions(project)
    with disk_that_is_full_at(180_000):
        # OPA's bundle fits, the log's entry with its long context does not.
        ran = ask("--context", f"note={'x' * 60_000}", "--output", "json=decision.json", "--output", "text")
    assert (ran.code, ran.out) == (3, "")
    assert "placet: log.unwritable: " in ran.err
    assert not (project / "decision.json").exists()
    assert decisions(project) == before
    done("log", "verify")
    assert ask().code == 0


def test_a_log_that_was_put_back_leaves_no_verdict(project: Path, ready: Path) -> None:
    assert ask().code == 0
    shutil.copy(ready / ".placet" / "placet.db", project / ".placet" / "placet.db")
    ran = ask()
    assert (ran.code, ran.out) == (3, "")
    assert "placet: log.rolled_back: " in ran.err


def test_a_log_that_is_gone_or_garbage_leaves_no_verdict(project: Path) -> None:
    database, head = project / ".placet" / "placet.db", project / ".placet" / "log.head"
    database.write_bytes(b"garbage" * 1000)
    ran = ask()
    assert (ran.code, ran.out) == (3, "")
    database.unlink()
    ran = ask()
    assert (ran.code, ran.out) == (3, "")
    head.unlink()
    head.mkdir()
    ran = ask()
    assert (ran.code, ran.out) == (3, "")
    assert "placet: log.head_unreadable: " in ran.err


@pytest.mark.parametrize(
    "missing", [".placet/log.key", "trust.yaml", "keys/approver.pub", ".placet/keys/dev.key"]
)
def test_without_its_files_it_does_not_even_begin(project: Path, missing: str) -> None:
    (project / missing).unlink()
    ran = ask()
    assert (ran.code, ran.out) == (2, "")
    assert row_count(project, "log_entry") == 7


def test_a_key_that_others_can_read_signs_nothing(project: Path) -> None:
    for key in ("keys/dev.key", "log.key"):
        (project / ".placet" / key).chmod(0o644)
        ran = ask()
        assert (ran.code, ran.out) == (2, "")
        assert ".permissions: " in ran.err
        (project / ".placet" / key).chmod(0o600)


def test_a_receipt_that_cannot_be_kept_is_said_and_made_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_RECEIPTS", "model.json")
    ran = ask()
    assert ran.code == 0
    assert "receipt" not in ran.out
    assert "the receipt was not kept" in ran.err
    (row,) = decisions(project)
    done("log", "prove", row["decision"], "--to", "again")
    done("log", "check", "again", "--log-key", "log.pub")


# wrong calls


def test_a_pin_that_is_none_is_told_with_its_variable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_ANCHORS", "abc")
    ran = ask()
    assert (ran.code, ran.out) == (2, "")
    assert "digest.syntax: 'abc' is not a digest (PLACET_ANCHORS)" in ran.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--output", "xml"), "usage.output"),
        (("--output", "junit="), "usage.output"),
        (("--output", "text", "--output", "json"), "only one output can have standard output"),
        (("--context", "ticket"), "usage.pair"),
        (("--context", "=x"), "usage.pair"),
        (("--context", "a=1", "--context", "a=2"), "usage.twice"),
        (("--at", "yesterday"), "time.syntax"),
        (("--at", "2026-01-01T00:00:00"), "time.syntax"),
        (("--as", "nobody"), "key.missing"),
        (("--expect", "churn"), "digest."),
        (("--expect", f"sha256:{'0' * 64}"), "artifact.unexpected"),
        (("--anchors", "churn"), "digest."),
        (("--anchors", "churn"), "(--anchors)"),
        (("--output", "json=/nonexist/x.json"), "there is no such folder (/nonexist)"),
        (("--output", "junit=a.xml", "--output", "json=./a.xml"), "two outputs name the same file"),
        (("--nope",), "No such option"),
        (("--context", "a=\udcff"), "json.surrogate"),
    ],
)
def test_a_wrong_call_is_told_and_nothing_is_decided(
    project: Path, options: tuple[str, ...], words: str
) -> None:
    ran = ask(*options)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert decisions(project) == []


@pytest.mark.parametrize("artifact", ["", "nowhere", "threshold", "oci:registry/repo:tag", "sha256:12"])
def test_an_artifact_that_is_none_is_told_and_nothing_is_decided(project: Path, artifact: str) -> None:
    ran = ask(artifact=artifact)
    assert (ran.code, ran.out) == (2, "")
    assert decisions(project) == []


def test_outside_a_project_there_is_no_gate(empty: Path) -> None:
    a_file(empty, "model.json", "x")
    ran = ask()
    assert (ran.code, ran.out) == (2, "")
    assert "project.missing" in ran.err


# dry runs


def test_a_dry_run_decides_and_logs_and_uses_nothing_up(project: Path) -> None:
    ran = ask("--dry-run")
    assert ran.code == 0
    assert ran.out.startswith("PLACET (dry run)")
    assert row_count(project, "log_reservation") == 0
    (row,) = decisions(project)
    assert row["dry_run"] is True
    assert "(dry run)" in done("log", "list").out


def test_another_time_is_a_dry_run_by_definition(project: Path) -> None:
    for at, codes in (
        ("2020-01-01T00:00:00Z", {"lineage.subject_known"}),  # nothing of it had arrived
        ("2120-01-01T00:00:00Z", {"change.approved", "quality.evaluation_fresh"}),
    ):
        ran = ask("--at", at, "--output", "json")
        assert (ran.code, ran.json["dry_run"], ran.json["time"]) == (1, True, at)
        assert reasons(ran) >= codes
    assert row_count(project, "log_reservation") == 0
    assert ask().code == 0
    assert row_count(project, "log_reservation") == 1


# warnings


def test_an_allow_by_mode_alone_can_be_told_by_its_exit_code(project: Path) -> None:
    overlay = ("--settings", a_file(project, "warn.yaml", f"gates: {{{GATE}: {{mode: warn}}}}"))
    unknown = a_file(project, "unknown", "x")
    gate = ("gate", GATE)
    ran = call(*overlay, *gate, unknown)
    assert ran.code == 0
    assert ran.out.startswith("PLACET (warn mode; would deny)")
    assert call(*overlay, *gate, unknown, "--fail-on-warn").code == 4
    assert call(*overlay, *gate, "model.json", "--fail-on-warn").code == 0
    assert call(*gate, unknown, "--fail-on-warn").code == 1


# outputs


def test_several_outputs_in_one_run_say_the_same(project: Path) -> None:
    ran = ask("--output", "text", "--output", "json=d.json", "--output", "markdown=d.md", "--output", "junit=d.xml",
              artifact=a_file(project, "unknown", "x"))  # fmt: skip
    assert ran.code == 1
    (row,) = decisions(project)
    for text in (ran.out, *((project / name).read_text() for name in ("d.json", "d.md", "d.xml"))):
        assert row["decision"] in text
    suite = ElementTree.parse(project / "d.xml").find("testsuite")
    assert suite is not None
    assert suite.get("failures") == str(len(row["reasons"]))
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("output", ["json=nowhere/d.json", "junit=.", "markdown=/proc/nope"])
def test_an_output_that_cannot_be_written_is_no_allow(project: Path, output: str) -> None:
    ran = ask("--output", output)
    assert (ran.code, ran.out) == (2, "")
    assert "usage.output" in ran.err


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit"])
def test_a_hostile_file_name_and_gate_do_no_harm(project: Path, form: str) -> None:
    name = a_file(project, "`id`\x1b]0;pwn\x07\x1b[31m <b>&|.bin", "x")
    for ran in (ask("--output", form, artifact=name), ask("--output", form, gate="x\x1b]0;pwn\x07")):
        assert ran.code in (1, 3)
        assert "\x1b" not in ran.out
        assert "\x07" not in ran.out
    if form == "text":
        # What is to be copied into a shell is quoted for it.
        assert "placet measure evaluation --model '`id`" in ask(gate="register", artifact=name).out
    assert "\x1b" not in done("log", "list").out


def test_a_file_name_that_is_no_text_is_refused(project: Path) -> None:
    name = os.fsdecode(b"bad\xff")
    (project / name).write_text("x")
    ran = ask(artifact=name)
    assert (ran.code, ran.out) == (2, "")
    assert "tree.name" in ran.err


def test_github_gets_annotations_and_a_page_and_no_page_changes_no_verdict(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = project / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    ran = call("gate", GATE, "train.csv", "--output", "github")
    assert ran.code == 1
    assert ran.out.startswith("::error ")
    assert "NON PLACET" in page.read_text()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project))
    monkeypatch.setenv("GITHUB_OUTPUT", str(project / "output"))
    again = call("gate", GATE, "train.csv", "--output", "github")
    assert (again.code, again.out.startswith("::error ")) == (1, True)
    assert "summary" in again.err
    assert (project / "output").read_text().startswith("verdict=deny\ndecision=")
    monkeypatch.setenv("GITHUB_OUTPUT", str(project))
    assert "cannot write the step outputs" in call("gate", GATE, "train.csv", "--output", "github").err
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert call("gate", GATE, "train.csv", "--output", "github", "--output", "sarif=s.sarif").code == 1
    assert '"2.1.0"' in (project / "s.sarif").read_text()
