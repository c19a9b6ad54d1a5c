"""init, key, trust, digest, doctor: a project's own things."""

from __future__ import annotations

import getpass
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from placet_api.init_templates import EXAMPLE
from placet_attestations.digests import Digest
from placet_attestations.keys import generate, save_private
from placet_attestations.predicate_types import VERIFICATION_SUMMARY
from tests.api.projects import GATE, TRUST, a_fake_opa, a_file, call, done, make_project, row_count
from tests.fakes.service import TOKEN, Answer, Request, as_answer, problem, serving

# init


def test_a_new_project_is_whole_and_keeps_its_secrets(empty: Path) -> None:
    ran = done("init", "churn", "--principal", "me@example.org")
    folder = empty / "churn"
    assert ran.out == ""
    assert ran.err.endswith("Next:\n  cd churn && placet gate register PATH\n")
    for secret in (".placet/keys/dev.key", ".placet/keys/gate.key", ".placet/log.key"):
        assert stat.S_IMODE((folder / secret).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / ".placet").stat().st_mode) & 0o077 == 0
    assert (folder / ".gitignore").read_text() == ".placet/\n"
    assert done("doctor", folder=folder).out.endswith("✓ all is well\n")
    rows = done("trust", "explain", "--json", folder=folder).json
    assert {row["principal"] for row in rows} == {"me@example.org", "gate"}
    assert [row["type"] for row in rows if row["signer"] == "gate"] == [VERIFICATION_SUMMARY]
    # Whoever asks must not approve.
    assert not {"approval", "waiver", "dataset", "measurement"} & {row["type"] for row in rows}


def test_rules_that_nobody_can_use_yet_are_noted(empty: Path) -> None:
    done("init", "churn")
    counted = done("trust", "check", folder=empty / "churn").out.splitlines()[0]
    assert counted == "trust.yaml: valid; 2 signers, 7 rules, 0 revocations"
    file = empty / "churn" / "trust.yaml"
    file.write_text(
        file.read_text().replace("revoked: []", f"revoked: [{{artifact: '{Digest.of(b'x')}', from: always}}]")
    )
    assert ", 1 revocation\n" in done("trust", "check", folder=empty / "churn").out
    assert "no signer has any of its roles" in done("trust", "check", folder=empty / "churn").out


def test_a_clone_without_its_state_is_not_well(empty: Path) -> None:
    done("init", "churn")
    shutil.rmtree(empty / "churn" / ".placet")
    ran = call("doctor", folder=empty / "churn")
    assert ran.code == 2
    assert "✗ project.no_state: " in ran.out
    assert "logkey.missing" not in ran.out
    # Every way that is named is one: none leads back to `placet init` here, and nothing is made on the way.
    wanting = (("trust", "digest"), ("gate", "register", "x"), ("show", "x"), ("log", "list"), ("log", "verify"),
               ("record", "--step=train", "--", "true"))  # fmt: skip
    for arguments in (*wanting, ("init",)):
        ran = call(*arguments, folder=empty / "churn")
        assert (ran.code, ran.out) == (2, "")
        assert "bring .placet/ here from where the project was made" in ran.err
        assert "begin anew elsewhere:  placet init DIR" in ran.err
    assert not (empty / "churn" / ".placet").exists()
    done("trust", "check", folder=empty / "churn")


def test_who_keeps_log_and_store_elsewhere_needs_no_state(empty: Path) -> None:
    done("init", "churn")
    call("gate", "register", "trust.yaml", folder=empty / "churn")
    (empty / "churn" / ".placet").rename(empty / "kept")
    elsewhere = ("--store", f"sqlite:///{empty}/kept/placet.db")
    assert "is whole" in done(*elsewhere, "log", "verify", folder=empty / "churn").out
    # The private key is not where the setting says, and the words lead to no `placet init` in this folder.
    ran = call(*elsewhere, "trust", "digest", folder=empty / "churn")
    assert "bring it from where the log is kept" in ran.err


def test_a_project_can_be_made_where_one_stands(empty: Path) -> None:
    a_file(empty, ".gitignore", "*.pyc\n")
    assert "\n  placet gate register PATH\n" in done("init").err
    assert (empty / ".gitignore").read_text() == "*.pyc\n.placet/\n"
    assert re.search(r"principal: \S+@\S+\n", (empty / "trust.yaml").read_text())


@pytest.mark.parametrize("there", ["placet.yaml", "trust.yaml", ".placet/x"])
def test_an_existing_project_is_left_alone(empty: Path, there: str) -> None:
    (empty / there).parent.mkdir(exist_ok=True)
    a_file(empty, there, "mine")
    ran = call("init")
    assert ran.code == 2
    assert "placet: init.exists: " in ran.err
    assert [path.relative_to(empty).as_posix() for path in empty.rglob("*") if path.is_file()] == [there]


def test_where_nothing_can_be_made_it_is_said(empty: Path) -> None:
    a_file(empty, "file", "x")
    for folder in ("file/churn", "/proc/nope"):
        ran = call("init", folder)
        assert ran.code == 2
        assert "placet: init.unwritable: " in ran.err


def test_the_example_can_be_trained_and_judged(empty: Path) -> None:
    assert "placet gate register model.json" in done("init", "--example").err
    assert all((empty / name).is_file() for name in EXAMPLE)
    assert call("gate", "register", "model.json").code == 1
    done("record", "--step=train", "--input=data.csv", "--code=train.py", "--output=model.json,name=bmi", "--",
         sys.executable, "train.py")  # fmt: skip
    ran = call("gate", "register", "model.json")
    assert ran.code == 1
    assert "data.origin_known" in ran.out


def test_a_user_without_a_name_is_a_developer(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    done("init")
    assert "principal: developer@" in (empty / "trust.yaml").read_text()


# key


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_a_key_is_made_listed_shown_and_trusted(project: Path, algorithm: str) -> None:
    ran = done("key", "new", "release", "--algorithm", algorithm)
    assert "{id: release, principal: SOMEBODY@example.org, key: keys/release.pub, roles: [ROLE]}" in ran.err
    rows = {row["name"]: row for row in done("key", "list", "--json").json}
    assert rows["release"]["algorithm"] == algorithm
    assert rows["release"]["signer"] == "not in trust.yaml"
    assert rows["dev"]["signer"] == "dev (dev@example.org): builder, trainer"
    text = done("key", "list").out
    assert f"release          {algorithm}" in text
    ran = done("key", "show", "release")
    assert ran.out == (project / "keys" / "release.pub").read_text()
    assert ran.err == f"{algorithm}  {rows['release']['fingerprint']}\n"
    assert done("key", "show", "keys/release.pub").out == ran.out
    assert done("key", "show", ".placet/keys/release.key").out == ran.out


def test_keys_are_listed_before_there_is_a_trust_policy(project: Path) -> None:
    (project / "trust.yaml").unlink()
    assert {row["signer"] for row in done("key", "list", "--json").json} == {"not in trust.yaml"}


def test_a_key_made_elsewhere_is_taken_in(project: Path) -> None:
    save_private(project / "elsewhere.pem", generate("ed25519"))
    done("key", "import", "release", "elsewhere.pem")
    assert (project / ".placet" / "keys" / "release.key").is_file()
    ran = call("key", "import", "release", "elsewhere.pem")
    assert (ran.code, "key.exists" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("new", "dev"), "key.exists"),
        (("new", ""), "key.name"),
        (("new", "../x"), "key.name"),
        (("new", "a\x1bb"), "key.name"),
        (("new", "x", "--algorithm", "rsa"), "rsa"),
        (("import", "x", "nowhere.pem"), "key.missing"),
        (("import", "x", "keys/dev.pub"), "key.permissions"),
        (("import", "a b", ".placet/keys/dev.key"), "key.name"),
        (("show", "nobody"), "key.missing"),
        (("show", "nobody.pub"), "key.missing"),
        (("show", "trust.yaml.pub"), "key.missing"),
        (("nope",), "No such command"),
    ],
)
def test_a_key_that_cannot_be_is_told(project: Path, arguments: tuple[str, ...], words: str) -> None:
    before = sorted(path.name for path in (project / "keys").iterdir())
    ran = call("key", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert sorted(path.name for path in (project / "keys").iterdir()) == before


# trust


def test_a_trust_policy_is_checked_and_explained(project: Path) -> None:
    ran = done("trust", "check")
    assert ran.out.splitlines() == [
        "trust.yaml: valid; 5 signers, 6 rules, 0 revocations",
        "  note: intern has no rule that lets it say anything",
        '  note: intern has a role reader, which no rule names; did you mean "trainer"?',
    ]
    text = done("trust", "explain", "--type", "approval").out
    assert text == "approver (risk@example.org) as approver: approval about image, model\n"
    assert "may name *" in done("trust", "explain", "--signer", "data-owner").out
    assert done("trust", "explain", "--signer", "intern").out == ""
    a_file(
        project, "trust.yaml", TRUST.replace("kinds: [model, image]}", "kinds: [model, image], threshold: 2}")
    )
    assert "2 together" in done("trust", "explain", "--type", "waiver").out


def test_who_signs_by_certificate_is_explained_by_what_it_is_known(project: Path) -> None:
    named = "issuer: https://i.example, identity: https://ci.example/train, claims: {buildTrigger: push}"
    line = f"  - {{id: ci-cert, principal: ci, {named}, roles: [approver]}}\n"
    a_file(project, "trust.yaml", TRUST.replace("signers:\n", f"signers:\n{line}", 1))
    first, *rows = done("trust", "explain", "--signer", "ci-cert").out.splitlines()
    known = "https://ci.example/train of https://i.example, buildTrigger push, vouched for by the root public-good"
    assert first == f"ci-cert is {known}"
    assert rows
    assert all(row.startswith("ci-cert (ci) as approver") for row in rows)
    told = done("trust", "explain", "--json").json
    assert {row["recognised"] for row in told} == {None, known}


@pytest.mark.parametrize("option", [("--signer", "nobody"), ("--type", "aproval")])
def test_nobody_and_nothing_are_not_taken_for_may_say_nothing(project: Path, option: tuple[str, str]) -> None:
    ran = call("trust", "explain", *option)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("version: 1", "version: 7", 1),
        ("principal: dev@example.org", "principle: dev@example.org", 4),
        ("key: keys/dev.pub", "key: keys/nobody.pub", 5),
        ("roles: [reader]", "roles: reader", 11),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_line(project: Path, old: str, new: str, line: int) -> None:
    a_file(project, "trust.yaml", TRUST.replace(old, new))
    for arguments in (
        ("trust", "check"),
        ("trust", "digest"),
        ("gate", GATE, "model.json"),
        ("show", "model.json"),
    ):
        ran = call(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert re.search(rf"trust\.yaml:{line}\b", ran.err), ran.err


# digest


def test_a_digest_is_that_of_the_bytes_wherever_one_stands(empty: Path) -> None:
    a_file(empty, "a", "x")
    (empty / "folder").mkdir()
    a_file(empty, "folder/b", "y")
    assert done("digest", "a").out == f"{Digest.of(b'x')}  a\n"
    rows = done("digest", "a", "folder", "--json").json
    assert [(row["path"], row["form"]) for row in rows] == [("a", "file"), ("folder", "directory")]


def test_a_manifest_serves_sha256sum_and_finds_more(empty: Path) -> None:
    folder = empty / "model"
    (folder / "sub").mkdir(parents=True)
    a_file(folder, "weights", "w")
    a_file(folder, "sub/config", "c")
    a_file(empty, "model.sha256", done("digest", "--manifest", "model").out)
    subprocess.run(["sha256sum", "--check", "--quiet", "../model.sha256"], cwd=folder, check=True)
    ran = done("digest", "--check", "model.sha256", "model")
    assert (ran.out, ran.err) == ("", "model: 2 files, as listed\n")
    a_file(folder, "extra\x1b[31m", "e")
    a_file(folder, "weights", "W")
    (folder / "sub" / "config").unlink()
    ran = call("digest", "--check", "model.sha256", "model")
    assert ran.code == 1
    assert ran.out.splitlines() == ["missing: sub/config", "extra: extra\\x1b[31m", "changed: weights"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument"),
        (("nowhere",), "tree.missing"),
        (("a", "nowhere"), "tree.missing"),
        (("",), "artifact.empty"),
        (("hollow",), "tree.empty"),
        (("link",), "tree.symlink"),
        (("/dev/null",), "special"),
        (("--manifest", "a", "b"), "usage.one_path"),
        (("--manifest", "--check", "a", "a"), "usage.exclusive"),
        (("--check", "nowhere", "a"), "file.missing"),
        (("--check", "a", "a"), "manifest"),
    ],
)
def test_what_has_no_identity_is_told(empty: Path, arguments: tuple[str, ...], words: str) -> None:
    a_file(empty, "a", "x")
    (empty / "hollow").mkdir()
    (empty / "link").symlink_to("a")
    ran = call("digest", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


# doctor


def test_everything_in_order_is_told_with_its_source(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_OPA_TIMEOUT", "7")
    report = done("doctor", "--json").json
    assert report["healthy"] is True
    assert report["problems"] == []
    assert report["facts"]["evidence"] == "7 statements"
    assert report["facts"]["opa"] == "1.22.2 (the tested version)"
    assert report["settings"]["opa.timeout"] == {"value": "7.0", "source": "PLACET_OPA_TIMEOUT"}
    assert report["settings"]["signing.default"] == {"value": "dev", "source": "placet.yaml"}
    assert report["settings"]["policies"] == {"value": "-", "source": "default"}
    text = done("doctor").out
    assert text.endswith("✓ all is well\n")
    assert re.search(r"\nopa\.timeout +7\.0 +PLACET_OPA_TIMEOUT\n", text)
    assert call("--trust", "other.yaml", "doctor", "--json").json["settings"]["trust"]["source"] == "option"


def test_where_no_project_is_that_is_no_problem(empty: Path) -> None:
    report = done("doctor", "--json").json
    assert report["facts"]["project"] == "none here (placet init)"
    assert "evidence" not in report["facts"]


def test_every_fault_is_found_and_not_only_the_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "trust.yaml").unlink()
    (project / ".placet" / "log.key").unlink()
    shutil.rmtree(project / "keys")
    a_file(project, "overlay.yaml", "evalution: {}")
    monkeypatch.setenv("PLACET_SETTINGS", "overlay.yaml")
    monkeypatch.setenv("PLACET_OPA_PATH", "/nowhere/opa")
    ran = call("doctor")
    assert ran.code == 2
    for code in ("opa.missing", "file.missing", "logkey.missing"):
        assert f"✗ {code}: " in ran.out
    assert "all is well" not in ran.out
    monkeypatch.delenv("PLACET_OPA_PATH")
    report = call("doctor", "--json")
    assert report.code == 2
    assert report.json["healthy"] is False
    assert {problem["code"] for problem in report.json["problems"]} >= {"settings.invalid", "logkey.missing"}


def test_a_problem_without_a_hint_is_told_too(project: Path) -> None:
    ran = call("--trust", "~nobody-of-this-name/trust.yaml", "doctor")
    assert ran.code == 2
    assert "✗ settings.home: " in ran.out


def test_another_version_of_opa_is_a_problem(project: Path, tmp_path: Path) -> None:
    fake = a_fake_opa(tmp_path, "exit 1")
    fake.write_text("#!/bin/sh\n[ $1 = version ] && printf 'Version: 0.1.0\\nRego Version: v0\\n'\n")
    ran = call("--opa", str(fake), "doctor")
    assert ran.code == 2
    assert "0.1.0 (NOT the tested version)" in ran.out
    assert "✗ opa.untested: " in ran.out


def test_a_service_is_asked_and_a_password_is_not_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_OPA_TIMEOUT", "0.3")
    monkeypatch.setenv("PLACET_OPA_URL", "http://127.0.0.1:9")
    ran = call("doctor")
    assert ran.code == 2
    assert "a service at http://127.0.0.1:9" in ran.out
    assert "✗ opa.not_ready: " in ran.out
    monkeypatch.setenv("PLACET_STORE", "postgresql://me:hunter2@host/db")
    monkeypatch.delenv("PLACET_OPA_URL")
    for form in ((), ("--json",)):
        ran = call("doctor", *form)
        assert ran.code == 2
        assert "store.scheme" in ran.out
        assert "postgresql://(hidden)@host/db" in ran.out
        assert "hunter2" not in ran.out


def a_ready_service(request: Request, answer: Answer) -> Answer:
    """A service that says, as the real one does, that it can decide, and by what it judges."""
    return as_answer({}) if request.path in ("/readyz", "/v1/policies") and answer.status == 400 else answer


def test_in_a_clients_folder_the_service_is_looked_at(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "client"
    client.mkdir()
    monkeypatch.setenv("PLACET_TOKEN", TOKEN)
    with serving(project) as service:
        a_file(client, "placet.yaml", f"server: {service.url}\n")
        service.twist = a_ready_service
        report = done("doctor", "--json", folder=client).json
        facts = {name: words for name, words in report["facts"].items() if name.startswith("service")}
        assert facts == {
            "service": service.url,
            "service ready": "yes",
            "service caller": "known, and may read evidence",
            "service log": "this caller may read it",
        }
        assert report["settings"]["token"]["value"] == "(hidden)"

        def forbidding(request: Request, answer: Answer) -> Answer:
            no = problem(403, "access.forbidden", "has the roles gate")
            return no if request.path == "/v1/decisions" else a_ready_service(request, answer)

        service.twist = forbidding
        assert "may not read it: has the roles gate" in done("doctor", folder=client).out

        def hurried(request: Request, answer: Answer) -> Answer:
            no = problem(429, "access.rate", "slower")
            return no if request.path == "/v1/decisions" else a_ready_service(request, answer)

        service.twist = hurried
        assert "✗ access.rate: " in call("doctor", folder=client).out
        monkeypatch.setenv("PLACET_TOKEN", "another")
        ran = call("doctor", folder=client)
        assert (ran.code, "✗ access.unknown: " in ran.out) == (2, True)
    ran = call("doctor", folder=client)
    assert (ran.code, "✗ service.unreachable: " in ran.out) == (2, True)
    assert "file.missing" not in ran.out
    monkeypatch.setenv("CI", "true")
    assert "✗ trust.unpinned: " in call("doctor", folder=client).out


LOCAL = (("token", "new", "ci@example.org", "--role", "gate"), ("token", "list"), ("token", "revoke", "x"),
         ("attest", "dataset", "raw.csv", "--from", "dataset-raw.yaml", "--as", "data-owner"),
         ("record", "--step", "train", "--", "true"),
         ("measure", "splits", "--train=train.csv", "--test=test.csv"),
         ("measure", "evaluation", "--model=model.json", "--labels=test.csv", "--predictions=predictions.csv"),
         ("serve",))  # fmt: skip


@pytest.mark.parametrize("arguments", LOCAL)
def test_what_works_on_the_store_here_is_not_asked_of_a_service(
    project: Path, arguments: tuple[str, ...]
) -> None:
    before = row_count(project, "log_entry")
    ran = call("--server", "http://127.0.0.1:9", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("placet: usage.not_remote: ")
    assert "(--server)" in ran.err
    assert row_count(project, "log_entry") == before


@pytest.mark.parametrize("source", ["PLACET_SERVER", "placet.yaml"])
def test_a_service_named_elsewhere_is_one_too(
    project: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "PLACET_SERVER":
        monkeypatch.setenv(source, "http://127.0.0.1:9")
    else:
        a_file(project, "placet.yaml", "server: http://127.0.0.1:9\n")
    ran = call("token", "list")
    assert (ran.code, f"({source})" in ran.err) == (2, True)
    done("--server", "", "token", "list")


def test_a_damaged_store_is_a_problem(project: Path) -> None:
    (project / ".placet" / "placet.db").write_bytes(b"garbage" * 1000)
    ran = call("doctor")
    assert ran.code == 2
    assert "✗ store.corrupt: " in ran.out


def test_a_store_somewhere_else_is_made_there(project: Path) -> None:
    (project / ".placet" / "log.head").unlink()
    assert call("--store", "sqlite:///deep/er/s.db", "gate", "register", "model.json").code == 1
    assert (project / "deep" / "er" / "s.db").is_file()
    assert row_count(project, "log_entry") == 7
    ran = call("--store", "sqlite:///model.json/s.db", "gate", "register", "model.json")
    assert (ran.code, ran.out) == (2, "")
    assert "store.unwritable" in ran.err


def test_two_projects_do_not_mix(project: Path, tmp_path: Path) -> None:
    make_project(tmp_path / "other")
    ran = call("gate", GATE, str(project / "model.json"), folder=tmp_path / "other")
    assert ran.code == 1
    assert "lineage.subject_known" in ran.out
