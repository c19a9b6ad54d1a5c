"""record, measure, attest, approve, add, verify, show, lineage: making evidence and looking at it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from placet_attestations.keys import load_private
from placet_attestations.limits import DEFAULT_LIMITS
from placet_attestations.oci import write_layout
from placet_attestations.signing import sign_statement
from placet_attestations.sqlite_store import SqliteEvidenceStore
from placet_attestations.statement import Statement, Subject
from tests.api.projects import GATE, TRUST, Ran, a_file, call, done, row_count
from tests.builders import a_digest, a_key, a_predicate, a_statement, a_subject

TOUCH = (sys.executable, "-c", "open('ran', 'w').write('x')")


def record(*options: str, command: tuple[str, ...] = TOUCH, step: str = "train") -> Ran:
    return call("record", "--step", step, *options, "--", *command)


def digest_of(path: str) -> str:
    return done("digest", path).out.split()[0]


def held(project: Path) -> list[bytes]:
    """The bytes of every bundle of the project."""
    store = SqliteEvidenceStore.open(project / ".placet" / "placet.db")
    try:
        return [raw for digest in store.all() if (raw := store.get(digest)) is not None]
    finally:
        store.close()


def signed(project: Path, statement: Statement, signer: str) -> bytes:
    return sign_statement(statement, load_private(project / ".placet" / "keys" / f"{signer}.key"))


# record


def test_a_recorded_step_says_what_it_made_and_where_it_is_held(project: Path) -> None:
    ran = record("--input=raw.csv", "--input=train.py=code", "--output=ran,name=ran,kind=dataset,alias=ran@1",
                 step="ingest")  # fmt: skip
    assert (ran.code, ran.out) == (0, "")
    assert re.search(
        r"recorded ingest: ran  sha256:[0-9a-f]{64}\nstatement sha256:[0-9a-f]{64}  log entry 7\n", ran.err
    )
    (row,) = done("verify", "ran@1", "--json").json
    assert (row["type"], row["counts"]) == ("ingest", True)
    parents = done("lineage", "ran", "--output", "json").json["artifacts"]
    assert sorted(parents) == sorted(map(digest_of, ("ran", "raw.csv", "train.py")))


def test_parameters_are_what_they_look_like(project: Path) -> None:
    told = "import os, sys; open('told', 'w').write(os.environ['PLACET_PARAMETERS'])"
    options = [
        f"--param={text}"
        for text in ("C=1.0", "n=3", "on=true", "list=[1]", "name=lbfgs", "odd=NaN", "eq=a=b")
    ]
    ran = record(*options, "--output=told", command=(sys.executable, "-c", told))
    assert ran.code == 0
    assert json.loads((project / "told").read_text()) == {
        "C": 1.0, "n": 3, "on": True, "list": [1], "name": "lbfgs", "odd": "NaN", "eq": "a=b",
    }  # fmt: skip


# Commands that write their output, and an input beside it.
TOUCHED = {
    name: ("sh", "-c", f"echo >> {name}; touch train.csv")
    for name in ("raw.csv", "requirements.lock", "train.py")
}


@pytest.mark.parametrize(
    ("options", "command", "code", "words"),
    [
        (("--output=ran",), ("false",), 2, "record.command_failed"),
        (("--output=ran",), ("/nowhere",), 2, "record.command:"),
        (("--output=other",), TOUCH, 2, "tree.missing"),
        (("--output=ran", "--input=nowhere"), TOUCH, 2, "tree.missing"),
        (("--output=ran", "--input="), TOUCH, 2, "artifact.empty"),
        (("--output=ran", "--input=ran"), (sys.executable, "-c", "pass"), 2, "tree.missing"),
        (("--output=train.csv", "--input=raw.csv"), TOUCHED["raw.csv"], 1, "record.input_changed"),
        (("--output=train.csv", "--lock=requirements.lock"), TOUCHED["requirements.lock"], 1,
         "record.input_changed"),
        (("--output=train.csv", "--code=train.py"), TOUCHED["train.py"], 1, "record.input_changed"),
        ((), TOUCH, 2, "record.no_output"),
        (("--output=ran,knd=model",), TOUCH, 2, "usage.output"),
        (("--output=ran,kind=modle",), TOUCH, 2, "statement.annotation"),
        (("--output=ran,name=a,name=b",), TOUCH, 2, "usage.twice"),
        (("--output=ran", "--input=raw.csv=datset"), TOUCH, 2, "statement.annotation"),
        (("--output=ran", "--seed=numpy=x"), TOUCH, 2, "usage.integer"),
        (("--output=ran", "--seed=numpy"), TOUCH, 2, "usage.pair"),
        (("--output=ran", "--param=C"), TOUCH, 2, "usage.pair"),
        (("--output=ran", "--param=C=1", "--param=C=2"), TOUCH, 2, "usage.twice"),
        (("--output=ran", "--param=C=1e999"), TOUCH, 2, "json.not_finite"),
        (("--output=ran", f"--param=C={'[' * 100}{']' * 100}"), TOUCH, 2, "json.too_deep"),
        (("--output=ran", f"--param=C={'[' * 150_000}"), TOUCH, 2, "record.command:"),
        (("--output=ran", "--as=nobody"), TOUCH, 2, "key.missing"),
        (("--output=ran", "--as=intern"), TOUCH, 1, "trust.role_missing"),
    ],
    ids=lambda value: None if isinstance(value, int) else str(value)[:40],
)  # fmt: skip
def test_a_step_that_went_wrong_is_not_signed_for(
    project: Path, options: tuple[str, ...], command: tuple[str, ...], code: int, words: str
) -> None:
    ran = record(*options, command=command)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert row_count(project, "evidence") == row_count(project, "log_entry") == 7


def test_another_builder_may_be_claimed_and_is_judged_at_the_gate(project: Path) -> None:
    assert record("--output=ran", "--builder=https://example.org/builder").code == 0
    ran = call("gate", "register", "ran", "--output", "json")
    assert ran.code == 1
    assert "trust.builder_not_allowed" in done("show", "ran").out


def test_without_anybody_to_sign_nothing_runs(project: Path) -> None:
    settings = project / "placet.yaml"
    settings.write_text(settings.read_text().replace("default: dev", "default:"))
    ran = record("--output=ran")
    assert ran.code == 2
    assert "signing.nobody" in ran.err
    assert not (project / "ran").exists()


# measure


def test_numbers_are_shown_and_signed(project: Path) -> None:
    ran = done("measure", "evaluation", "--model=model.json", "--labels=test.csv", "--predictions=predictions.csv",
               "--positive=1", "--suite=mine", "--as=evaluator")  # fmt: skip
    assert re.search(r"  accuracy +1\.0000\n", ran.err)
    a_file(project, "v.csv", (project / "test.csv").read_text())
    ran = done("measure", "splits", "--train=train.csv", "--test=test.csv", "--validation=v.csv", "--label=label",
               "--group=x", "--as=evaluator")  # fmt: skip
    assert re.search(r"  overlap\.rows +20\n", ran.err)
    assert row_count(project, "evidence") == 9


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("splits", "--train=nowhere.csv", "--test=test.csv"), 2, "file.missing"),
        (("splits", "--train=train.py", "--test=test.csv"), 2, "csv."),
        (("splits", "--train=train.csv", "--test=test.csv", "--ignore=nope"), 2, "measure.column"),
        (("splits", "--train=train.csv"), 2, "--test"),
        (
            ("splits", "--train=train.csv", "--test=./train.csv"),
            2,
            "measure.same: train and test are the same",
        ),
        (
            ("evaluation", "--model=nowhere", "--labels=test.csv", "--predictions=predictions.csv"),
            2,
            "tree.missing",
        ),
        (("evaluation", "--model=model.json", "--labels=test.csv", "--predictions=test.csv"), 2, "csv."),
        (("splits", "--train=train.csv", "--test=test.csv", "--as=dev"), 1, "trust.role_missing"),
    ],
)
def test_what_cannot_be_measured_or_said_is_not_signed(
    project: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    ran = call("measure", *options)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert row_count(project, "evidence") == 7


# attest, approve


def test_any_predicate_may_be_said_by_its_uri_and_satisfies_nothing(project: Path) -> None:
    uri = "https://example.org/anything/v1"
    ran = done("attest", uri, "model.json", "--from", a_file(project, "x.yaml", "anything: 2026-01-01\n"))
    assert f"attested {uri}: model.json  sha256:" in ran.err
    assert row_count(project, "evidence") == 8


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("dataset",), 2, "usage.artifact"),
        (("dataset", "raw.csv"), 2, "placet attest dataset --explain"),
        (("training", "raw.csv"), 2, "placet record --step train"),
        (("datset", "raw.csv", "--from=dataset-raw.yaml"), 2, "attest.type"),
        (("waiver", "raw.csv", "--from=dataset-raw.yaml"), 2, "attest.type"),
        (("measurement", "raw.csv", "--from=dataset-raw.yaml"), 2, "predicate.schema"),
        (("dataset", "raw.csv", "--from=nowhere.yaml"), 2, "file.missing"),
        (("dataset", "raw.csv", "--from=raw.csv"), 2, "yaml.shape"),
        (("dataset", "nowhere", "--from=dataset-raw.yaml"), 2, "artifact.missing"),
        (("dataset", "raw.csv", "--from=dataset-raw.yaml", "--as=intern"), 1, "trust.role_missing"),
        (
            ("dataset", "raw", "--from=dataset-raw.yaml", f"--expect=sha256:{'0' * 64}"),
            2,
            "artifact.unexpected",
        ),
        (("dataset", "--explain", "--from=x", "--nope"), 2, "No such option"),
        (("datset", "--explain"), 2, "attest.type"),
        (("https://example.org/x", "--explain"), 2, "has no schema here"),
    ],
)
def test_what_cannot_be_said_is_not_signed(
    project: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ran = call("attest", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert row_count(project, "evidence") == 7


def test_the_fields_of_a_type_and_the_rules_that_read_it_are_explained(empty: Path) -> None:
    text = done("attest", "dataset", "--explain").out
    assert text.startswith("dataset  https://placet.dev/attestation/dataset/v1\n")
    assert re.search(r"\n  rights +required", text)
    assert re.search(r"\n  data\.license_known +\S", text.partition("rules that read it:")[2])


def test_a_waiver_is_explained_as_signing_wants_it(empty: Path) -> None:
    waiver, approval = (done("attest", kind, "--explain").out for kind in ("waiver", "approval"))
    for field in ("reason", r"scope\.rule"):
        assert re.search(rf"\n  {field} +required", waiver)
        assert re.search(rf"\n  {field} +optional", approval)
    assert re.search(r"\n  kind +required +\(waiver\)\n", waiver)
    assert re.search(r"\n  scope\.gate +required", waiver)
    assert "it sets aside the rule that scope.rule names" in waiver
    assert re.search(r"\n  never set aside: .*lineage\.not_revoked.*, policy\.\*\n", waiver)
    assert re.search(r"\n  change\.approved +\S", approval.partition("rules that read it:")[2])
    assert "no rule asks for it" in done("attest", "deployment", "--explain").out


def test_an_approval_is_for_what_it_says(project: Path) -> None:
    ran = done("approve", "deploy/production", "model.json", "--ticket=CHG-7", "--system=jira", "--days=0.5",
               "--reason=tested", "--as=approver")  # fmt: skip
    assert f"approved deploy/production: model.json  {digest_of('model.json')}" in ran.err
    assert call("gate", "deploy/production", "model.json", "--context=ticket=CHG-7").code == 0
    assert call("gate", "deploy/production", "model.json", "--context=ticket=CHG-8").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("promote/productoin", "model.json", "--ticket=1", "--as=approver"), 2, "gate.unknown"),
        ((GATE, "model.json", "--as=approver"), 2, "--ticket"),
        ((GATE, "model.json", "--ticket=", "--as=approver"), 2, "predicate.schema"),
        ((GATE, "model.json", "--ticket=1", "--days=0", "--as=approver"), 2, "--days"),
        ((GATE, "model.json", "--ticket=1", "--days=367", "--as=approver"), 2, "--days"),
        ((GATE, "model.json", "--ticket=1", "--days=nan", "--as=approver"), 2, "approve.days"),
        ((GATE, "threshold", "--ticket=1", "--as=approver"), 2, "--expect"),
        ((GATE, "", "--ticket=1", "--as=approver"), 2, "artifact.empty"),
        ((GATE, "model.json", "--ticket=1"), 1, "trust.role_missing"),
    ],
)
def test_what_cannot_be_approved_is_not(
    project: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ran = call("approve", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
    assert row_count(project, "evidence") == 7


# add


@pytest.fixture
def other(project: Path, tmp_path: Path) -> Path:
    """Another project of the same people with nothing in it, and the working directory's bundles as files."""
    for number, raw in enumerate(held(project)):
        (project / f"{number}.sigstore.json").write_bytes(raw)
    (project / "all.jsonl").write_bytes(b"\n".join(held(project)) + b"\n\n")
    (project / ".placet" / "placet.db").unlink()
    (project / ".placet" / "log.head").unlink()
    return project


def test_bundles_made_elsewhere_are_verified_and_kept(other: Path) -> None:
    ran = done("add", "0.sigstore.json", "1.sigstore.json")
    assert ran.err.count("added ") == 2
    assert "(known already)" not in ran.err
    assert "(known already)" in done("add", "1.sigstore.json").err
    assert row_count(other, "evidence") == 2
    ran = done("add", "all.jsonl")
    assert ran.err.count("added all.jsonl:") == 7
    assert ran.err.count("(known already)") == 2
    assert call("gate", GATE, "model.json").code == 0


def test_one_that_is_refused_does_not_stop_the_others_and_each_is_named(other: Path) -> None:
    stranger = sign_statement(a_statement("dataset"), a_key("stranger"))
    good = (other / "0.sigstore.json").read_bytes()
    (other / "mixed.jsonl").write_bytes(b"\n".join([b"{}", good, stranger]))
    ran = call("add", "nowhere", "raw.csv", "mixed.jsonl", ".", "1.sigstore.json")
    assert ran.code == 2
    lines = [line.split(": ")[0] for line in ran.err.splitlines() if not line.startswith("  ")]
    assert lines == [
        "refused nowhere", "refused raw.csv", "refused mixed.jsonl:1", "added mixed.jsonl:2", "refused mixed.jsonl:3",
        "refused .", "added 1.sigstore.json",
    ]  # fmt: skip
    assert row_count(other, "evidence") == 2


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda project: sign_statement(a_statement("dataset"), a_key("stranger")), 1, "signature.unknown_key"),
        (lambda project: signed(project, a_statement("dataset"), "intern"), 1, "trust.role_missing"),
        (lambda project: b"\xff", 2, "json."),
        (lambda project: b"[1]", 2, "container.array"),
    ],
)  # fmt: skip
def test_what_does_not_verify_is_refused_with_its_exit_code(
    project: Path, make: Callable[[Path], bytes], code: int, words: str
) -> None:
    (project / "x.sigstore.json").write_bytes(make(project))
    ran = call("add", "x.sigstore.json")
    assert ran.code == code
    assert words in ran.err
    assert row_count(project, "evidence") == 7


def test_a_changed_bundle_is_refused(project: Path) -> None:
    bundle = json.loads(held(project)[0])
    bundle["dsseEnvelope"]["payload"] = bundle["dsseEnvelope"]["payload"][:-8] + "AAAAAAA="
    (project / "x.sigstore.json").write_text(json.dumps(bundle))
    assert call("add", "x.sigstore.json").code == 1
    assert call("verify", "x.sigstore.json").code == 1


# verify


def test_everything_that_counts_is_said_by_whom(project: Path) -> None:
    ran = done("verify", "model.json")
    assert len(ran.out.splitlines()) == 3
    assert "✓ training     dev (dev@example.org)" in ran.out
    rows = done("verify", "threshold@1.0", "--json").json
    assert {row["type"] for row in rows} == {"training", "measurement", "approval"}


def test_nothing_held_is_no_yes(project: Path) -> None:
    ran = call("verify", a_digest("unknown"))
    assert (ran.code, ran.out, ran.err) == (1, "", "nothing is held about it\n")
    ran = call("verify", a_digest("unknown"), "--json")
    assert (ran.code, ran.json, ran.err) == (1, [], "")


def test_what_no_longer_counts_is_said_with_the_reason(project: Path) -> None:
    a_file(
        project, "trust.yaml", TRUST.replace("revoked: []", "revoked:\n  - {signer: approver, from: always}")
    )
    ran = call("verify", "model.json")
    assert ran.code == 1
    assert re.search(r"✗ approval +approver +sha256:\w+…  approver is revoked from always", ran.out)


@pytest.mark.parametrize("reason", [', reason: "retracted"', ""])
def test_a_revoked_artifact_does_not_verify(project: Path, reason: str) -> None:
    entry = f'{{artifact: "{digest_of("model.json")}", from: always{reason}}}'
    a_file(project, "trust.yaml", TRUST.replace("revoked: []", f"revoked:\n  - {entry}"))
    ran = call("verify", "model.json")
    assert ran.code == 1
    assert f"revoked: {'retracted' if reason else 'no reason given'}" in ran.out
    assert call("verify", "model.json", "--json").json[0]["code"] == "lineage.not_revoked"
    assert "REVOKED" in done("show", "model.json").out


def test_a_file_is_verified_as_if_it_came_now_and_not_kept(project: Path) -> None:
    statements = {
        "claims": (a_statement("dataset"), "data-owner", 0, "counts"),
        "depends": (a_statement("measurement"), "evaluator", 0, "whether it counts depends on the kind"),
        "never": (a_statement("measurement"), "intern", 1, "no admitted statement says what kind"),
        "forbidden": (a_statement("dataset"), "intern", 1, "may not make dataset statements"),
    }
    for name, (statement, signer, code, words) in statements.items():
        (project / f"{name}.sigstore.json").write_bytes(signed(project, statement, signer))
        ran = call("verify", f"{name}.sigstore.json")
        assert (ran.code, words in ran.out) == (code, True), name
    lines = b"\n".join(raw.read_bytes() for raw in sorted(project.glob("*.sigstore.json")))
    (project / "all.jsonl").write_bytes(lines)
    rows = call("verify", "all.jsonl", "--json").json
    assert sorted(row["counts"] for row in rows) == [False, False, True, True]
    assert row_count(project, "evidence") == 7


def test_a_file_of_bundles_is_known_by_what_stands_in_it(project: Path) -> None:
    bundle = signed(project, a_statement("dataset"), "data-owner")
    contents = {
        "a.vsa.json": bundle,
        "spaced.json": b"\n " + bundle + b"\n",
        "lines": b"\n".join((bundle, bundle)) + b"\n",
    }
    for name, data in contents.items():
        (project / name).write_bytes(data)
        rows = done("verify", name, "--json").json
        assert [row["type"] for row in rows] == ["dataset"] * (2 if name == "lines" else 1), name
    assert done("add", "lines").err.count("added lines:") == 2
    a_file(project, "envelope.json", '{"payloadType": "x", "payload": "", "signatures": []}')
    assert call("verify", "envelope.json", "--json").json[0]["code"] == "dsse.no_signature"


@pytest.mark.parametrize("text", ["", "version: 1", '{"a": 1}', '{"mediaType": 1}', "{", '{"a": 1}\n{"b": 2}',
                                  '{"mediaType": "application/vnd.oci.image.manifest.v1+json"}'])  # fmt: skip
def test_any_other_file_is_an_artifact(project: Path, text: str) -> None:
    a_file(project, "thing.json", text)
    ran = call("verify", "thing.json")
    assert (ran.code, ran.err) == (1, "nothing is held about it\n")


def test_a_file_that_cannot_be_read_is_no_bundle(project: Path) -> None:
    with Path("large.json").open("wb") as file:
        file.write(b"{")
        file.truncate(8 * DEFAULT_LIMITS.max_bundle_bytes + 1)
    assert call("verify", "large.json").err == "nothing is held about it\n"
    assert "placet: " in call("verify", "\0").err


def test_a_file_that_is_no_bundle_does_not_verify(project: Path) -> None:
    a_file(project, "x.sigstore.json", '{"\\u001b]0;pwn\\u0007": 1}')
    ran = call("verify", "x.sigstore.json")
    assert ran.code == 1
    assert "\x1b" not in ran.out


# show, lineage


def test_one_page_shows_what_is_known(project: Path) -> None:
    done("gate", "register", "model.json")
    text = done("show", "model.json").out
    assert text.splitlines()[0] == digest_of("model.json")
    for words in ("kind       model", "called     threshold, threshold@1.0", "made from  3 artifacts", "✓ approval",
                  "allow register"):  # fmt: skip
        assert words in text
    page = done("show", "threshold", "--json").json
    assert (page["names"], page["kinds"], len(page["statements"]), page["refused"]) == (
        ["threshold"], ["model"], 3, [],
    )  # fmt: skip
    assert (page["decisions"][0]["verdict"], page["older"]) == ("allow", False)
    assert "older" not in text
    assert "dry run" not in text


def test_a_dry_run_is_shown_as_one_and_a_full_page_says_that_there_is_more(project: Path) -> None:
    done("gate", "register", "model.json")
    for _ in range(20):
        done("gate", "register", "model.json", "--dry-run")
    lines = done("show", "model.json").out.splitlines()
    assert sum("allow (dry run) register" in line for line in lines) == 20
    more = f"placet log list --limit 1000 --subject {digest_of('model.json')}"
    assert lines[-1] == f"  … and older ones:  {more}"
    assert len(done(*more.split()[1:]).out.splitlines()) == 21
    page = done("show", "model.json", "--json").json
    assert (len(page["decisions"]), page["older"]) == (20, True)


def test_a_page_on_nobodys_artifact_says_so(project: Path) -> None:
    text = done("show", a_digest("unknown")).out
    assert "unknown: nobody who may has vouched for it" in text
    assert "called     -" in text


def test_what_was_refused_is_shown_too(project: Path) -> None:
    a_file(project, "trust.yaml", TRUST.replace('may_name: ["*"]', 'may_name: ["other-*"]'))
    assert "trust.name_not_allowed" in done("show", "model.json").out
    assert call("show", "threshold").code == 2  # a name that nobody may give is no name


@pytest.mark.parametrize("form", ["text", "json", "dot"])
def test_a_lineage_is_drawn_back_to_its_roots(project: Path, form: str) -> None:
    text = done("lineage", "model.json", "--output", form).out
    for name in ("model.json", "train.csv", "raw.csv", "split.py", "requirements.lock"):
        assert digest_of(name)[:19] in text
    assert text.startswith(
        {"text": "model  threshold  sha256:", "json": "{", "dot": "digraph lineage {"}[form]
    )


def test_reading_verbs_find_what_lies_on_the_disk(project: Path) -> None:
    write_layout(Path("image"), {"app/model": Path("model.json")}, created="1970-01-01T00:00:00Z")
    for text in ("oci-layout:image", "train.csv", digest_of("train.csv")[:19], "train"):
        assert done("lineage", text).out


def test_names_of_strangers_do_no_harm(project: Path) -> None:
    hostile = "\x1b]0;pwn\x07"
    subject = Subject(f"x{hostile}", a_digest("x"), {"placet.dev/kind": "model"})
    predicate = a_predicate("training")
    predicate["buildDefinition"]["resolvedDependencies"] = [
        {
            "name": hostile,
            "digest": {"sha256": a_digest("y").hex},
            "annotations": {"placet.dev/role": "dataset"},
        }
    ]
    statement = Statement.build("https://slsa.dev/provenance/v1", [subject], predicate)
    (project / "x.sigstore.json").write_bytes(signed(project, statement, "dev"))
    for arguments in (("add", "x.sigstore.json"), ("verify", "x.sigstore.json"), ("show", a_digest("x")),
                      ("lineage", a_digest("x")), ("verify", a_digest("x")),
                      ("gate", "register", a_digest("x"))):  # fmt: skip
        ran = call(*arguments)
        assert ran.code in (0, 1, 2)
        assert "\x1b" not in ran.out + ran.err
        assert "\x07" not in ran.out + ran.err


def test_a_subject_without_annotations_claims_what_its_step_makes(project: Path) -> None:
    statement = a_statement("training", [a_subject("weights")])
    (project / "x.sigstore.json").write_bytes(signed(project, statement, "dev"))
    done("add", "x.sigstore.json")
    assert done("show", a_digest("weights"), "--json").json["kinds"] == ["model"]
