"""`--output vsa=FILE`: the gate's verdict as a signed SLSA verification summary, here and from a service."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from placet_api import summary
from placet_api.errors import UsageError
from placet_attestations.digests import Digest
from placet_attestations.errors import MalformedError
from placet_attestations.keys import load_public
from placet_attestations.predicate_types import VERIFICATION_SUMMARY
from placet_attestations.reading import read_signed
from placet_attestations.sigstore.sigstore_bundle import KeyMaterial
from placet_attestations.statement import Statement, Subject
from placet_attestations.strictjson import dumps
from placet_attestations.trust import load_trust
from placet_attestations.verify import verify
from tests.api.http.serving import serving as a_service
from tests.api.projects import GATE, TICKET, Ran, a_file, call, decisions, done
from tests.builders import a_bundle, a_digest, a_subject
from tests.fakes.service import TOKEN, Service, as_answer, serving

SIGNER = "  - {id: gate, principal: gate, key: keys/gate.pub, roles: [gate]%s}\nrules:\n"
RULE = f'  - {{roles: [gate], types: ["{VERIFICATION_SUMMARY}"], kinds: [model, image, dataset]}}\n'


def trust_the_gate(folder: Path, more: str = "") -> None:
    """Give the gate's key, which `placet init` made, its record in trust.yaml; `more` stands in the record."""
    path = folder / "trust.yaml"
    path.write_text(path.read_text().replace("rules:\n", SIGNER % more + RULE))


@pytest.fixture
def gated(project: Path) -> Path:
    """A ready project whose gate has a key."""
    trust_the_gate(project)
    return project


def ask(
    *options: str, gate: str = GATE, artifact: str = "model.json", to: str = "model.vsa.sigstore.json"
) -> Ran:
    return call("gate", gate, artifact, *options, "--output", f"vsa={to}")


def read(path: str | Path = "model.vsa.sigstore.json") -> Statement:
    """The statement in a bundle, after its signature was checked against the project's trust policy."""
    verified = verify(Path(path).read_bytes(), load_trust(Path("trust.yaml")))
    assert verified.signer.id == "gate"
    return verified.statement


# the statement


def a_body(**changes: Any) -> dict[str, Any]:
    """A decision document that allows."""
    body: dict[str, Any] = {
        "id": "01a20ca3-df93-7e6a-92f7-920666684ab5",
        "gate": GATE,
        "environment": "production",
        "subject": {"digest": a_digest("model"), "kind": "model", "name": "churn"},
        "time": "2026-11-24T08:19:55.923271Z",
        "verdict": "allow",
        "would": "allow",
        "mode": "enforce",
        "cause": "policy",
        "dry_run": False,
        "policy": {"revision": "0c64", "archive": a_digest("policies")},
        "versions": {"opa": "1.22.2", "placet": "0.1.0"},
        "anchors": {"log_key": "placet.local/6c7a+a415+Aan/", "digest": a_digest("anchors")},
    }
    return body | changes


def test_a_summary_says_what_the_standard_asks_and_no_more() -> None:
    body, used = a_body(), (a_digest("a"), a_digest("b"))
    statement = summary.summarize(body, 42, used)
    assert statement.predicate_type == "https://slsa.dev/verification_summary/v1"
    assert statement.subjects == (Subject("churn", a_digest("model")),)
    assert statement.predicate == {
        "verifier": {
            "id": "https://placet.dev/verifiers/gate/v1",
            "version": {"opa": "1.22.2", "placet": "0.1.0"},
        },
        "timeVerified": "2026-11-24T08:19:55.923271Z",
        "resourceUri": "https://placet.dev/gates/promote/production",
        "policy": {
            "uri": "https://placet.dev/policies/0c64",
            "digest": {"sha256": a_digest("policies").hex},
        },
        "inputAttestations": [{"digest": {"sha256": digest.hex}} for digest in used],
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED"],
        "slsaVersion": "1.2",
        "https://placet.dev/decision/v1": {
            "id": "01a20ca3-df93-7e6a-92f7-920666684ab5",
            "gate": GATE,
            "environment": "production",
            "verdict": "allow",
            "would": "allow",
            "mode": "enforce",
            "cause": "policy",
            "document": Digest.of(dumps(body)),
            "entry": 42,
            "log": "placet.local/6c7a",
            "policyRevision": "0c64",
            "anchors": a_digest("anchors"),
        },
    }
    assert statement.raw == summary.summarize(body, 42, used).raw


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "deny"},
        {"would": "deny"},
        {"verdict": "ALLOW"},
        {"cause": "error"},
        {"verdict": "deny", "would": "deny", "cause": "error"},
    ],
)
def test_only_a_real_allow_has_passed(changes: Mapping[str, Any]) -> None:
    predicate = summary.summarize(a_body(**changes), 1, None).predicate
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])
    # Nothing was looked at, or nobody knows what: an empty list would say that nothing was.
    assert "inputAttestations" not in predicate


def test_a_dry_run_is_never_made_a_summary() -> None:
    assert summary.result_of(a_body(dry_run=True)) == "FAILED"
    with pytest.raises(UsageError) as caught:
        summary.summarize(a_body(dry_run=True), 1, ())
    assert caught.value.code == "vsa.dry_run"


def test_every_gate_is_a_resource_of_its_own() -> None:
    gates = ["promote/staging", "promote/production", "promote/ü b", "promote%2Fproduction", "promote/a?b#c"]
    uris = [summary.resource_uri(gate) for gate in gates]
    assert len(set(uris)) == len(gates)
    assert all(uri.isascii() and not {" ", "?", "#"} & set(uri) for uri in uris)


def other_bundle(kind: str) -> bytes:
    """A bundle that is not the summary of `a_body()` at entry 1."""
    right = summary.summarize(a_body(), 1, ())
    predicate = dict(right.predicate)
    match kind:
        case "another decision":
            return a_bundle(summary.summarize(a_body(id="01a20ca3"), 1, ()))
        case "another entry":
            return a_bundle(summary.summarize(a_body(), 2, ()))
        case "another subject":
            return a_bundle(Statement.build(VERIFICATION_SUMMARY, [a_subject("x")], predicate))
        case "two subjects":
            both = [*right.subjects, a_subject("x")]
            return a_bundle(Statement.build(VERIFICATION_SUMMARY, both, predicate))
        case "another verdict":
            changed = predicate | {"verificationResult": "FAILED", "verifiedLevels": ["FAILED"]}
        case "another gate":
            changed = predicate | {"resourceUri": summary.resource_uri("promote/staging")}
        case "no extension":
            changed = {key: value for key, value in predicate.items() if key != summary.EXTENSION}
        case _:
            return a_bundle()
    return a_bundle(Statement.build(VERIFICATION_SUMMARY, right.subjects, changed))


OTHERS = (
    "another decision",
    "another entry",
    "another subject",
    "two subjects",
    "another verdict",
    "another gate",
    "no extension",
    "no summary at all",
)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_summary_of_something_else_is_told_apart(kind: str) -> None:
    summary.require_about(a_bundle(summary.summarize(a_body(), 1, ())), a_body(), 1)
    with pytest.raises(MalformedError) as caught:
        summary.require_about(other_bundle(kind), a_body(), 1)
    assert caught.value.code == "vsa.other"


# here


def test_an_allow_is_signed_by_the_gates_own_key(gated: Path) -> None:
    ran = ask("--output", "json", "--output", "junit=placet.xml", "--context", f"ticket={TICKET}")
    assert ran.code == 0, ran
    bundle, statement = read_signed(Path("model.vsa.sigstore.json").read_bytes()), read()
    assert bundle.material == KeyMaterial(load_public(gated / "keys/gate.pub").hint)
    shown, said = ran.json, statement.predicate[summary.EXTENSION]
    assert isinstance(said, dict)
    assert statement.predicate["verificationResult"] == "PASSED"
    assert [subject.digest for subject in statement.subjects] == [shown["subject"]["digest"]]
    assert (said["id"], said["entry"]) == (shown["id"], shown["entry"])
    assert said["anchors"] == shown["anchors"]["digest"]
    policy = statement.predicate["policy"]
    assert isinstance(policy, dict)
    assert policy["digest"] == {"sha256": shown["policy"]["archive"].removeprefix("sha256:")}
    # What is called the decision's document is what the log commits to.
    receipt = json.loads(Path(shown["receipt"]).read_text())
    assert said["document"] == Digest.of(receipt["decision"].encode())


def test_all_the_evidence_of_the_verdict_is_listed(gated: Path) -> None:
    shown = json.loads(ask("--output", "json").out)
    listed = read().predicate["inputAttestations"]
    facts = json.loads(done("log", "show", shown["id"], "--input").out)
    assert isinstance(listed, list)
    assert listed == [
        {"digest": {"sha256": key.removeprefix("sha256:")}} for key in sorted(facts["statements"])
    ]
    assert len(listed) == shown["lineage"]["statements"] > 5


def test_a_denial_is_signed_too_and_says_so(gated: Path) -> None:
    ran = ask(artifact=a_file(gated, "unknown.bin", "x"))
    assert ran.code == 1
    assert read().predicate["verificationResult"] == "FAILED"
    assert read().predicate["inputAttestations"] == []


def test_what_could_not_be_evaluated_has_failed(gated: Path) -> None:
    assert ask(gate="no/such").code == 3
    predicate = read().predicate
    assert (predicate["verificationResult"], "inputAttestations" in predicate) == ("FAILED", False)


def test_a_gate_that_only_warns_passes_nothing(gated: Path) -> None:
    overlay = a_file(gated, "warn.yaml", f"gates: {{{GATE}: {{mode: warn}}}}")
    unknown = a_file(gated, "unknown.bin", "x")
    ran = call("--settings", overlay, "gate", GATE, unknown, "--output", "vsa=model.vsa.sigstore.json")
    assert ran.code == 0
    assert read().predicate["verificationResult"] == "FAILED"


def test_a_summary_can_be_the_only_output(gated: Path) -> None:
    ran = call("gate", GATE, "model.json", "--output", "vsa")
    assert ran.out.count("\n") == 1
    assert ran.out.endswith("}\n")
    assert ran.code == 0
    assert verify(ran.out.encode(), load_trust(gated / "trust.yaml")).signer.id == "gate"


@pytest.mark.parametrize("option", [("--dry-run",), ("--at", "2030-01-01T00:00:00Z")])
def test_nothing_is_decided_when_a_dry_run_wants_a_summary(gated: Path, option: tuple[str, ...]) -> None:
    ran = ask(*option)
    assert (ran.code, "vsa.dry_run" in ran.err, decisions(gated)) == (2, True, [])
    assert not Path("model.vsa.sigstore.json").exists()


def without_key(folder: Path) -> None:
    trust_the_gate(folder)
    (folder / ".placet/keys/gate.key").unlink()


def with_another_key(folder: Path) -> None:
    without_key(folder)
    (folder / "keys/gate.pub").rename(folder / "keys/other.pub")
    done("key", "new", "gate", folder=folder)
    (folder / "keys/other.pub").rename(folder / "keys/gate.pub")


def with_a_persons_key(folder: Path) -> None:
    trust_the_gate(folder)
    settings = folder / "placet.yaml"
    settings.write_text(settings.read_text().replace("signing:\n", "signing:\n  gate: approver\n"))


def with_two_roles(folder: Path) -> None:
    trust_the_gate(folder)
    path = folder / "trust.yaml"
    path.write_text(path.read_text().replace("roles: [gate]}\nrules", "roles: [gate, approver]}\nrules"))


def revoked(folder: Path) -> None:
    trust_the_gate(folder)
    path = folder / "trust.yaml"
    path.write_text(path.read_text().replace("revoked: []", "revoked: [{signer: gate, from: always}]"))


NO_GATE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no key": (without_key, "vsa.no_key"),
    "no signer": (lambda _: None, "vsa.no_role"),
    "another key": (with_another_key, "vsa.no_role"),
    "a person's key": (with_a_persons_key, "vsa.no_role"),
    "a person's role": (with_two_roles, "vsa.no_role"),
    "its time is over": (
        lambda folder: trust_the_gate(folder, ", valid: {until: 2026-01-01}"),
        "vsa.no_role",
    ),
    "its time is to come": (
        lambda folder: trust_the_gate(folder, ", valid: {from: 2099-01-01}"),
        "vsa.no_role",
    ),
    "revoked": (revoked, "vsa.no_role"),
}


@pytest.mark.parametrize("what", NO_GATE)
def test_without_a_gates_key_nothing_is_decided(project: Path, what: str) -> None:
    prepare, code = NO_GATE[what]
    prepare(project)
    ran = ask()
    assert (ran.code, code in ran.err, "trust.yaml" in ran.err) == (2, True, True), ran
    assert decisions(project) == []
    assert not Path("model.vsa.sigstore.json").exists()


# as evidence


def test_a_summary_is_taken_in_and_changes_no_verdict(gated: Path) -> None:
    ask()
    unknown = a_file(gated, "unknown.bin", "x")
    ask(artifact=unknown, to="unknown.vsa.sigstore.json")
    ran = call("verify", "model.vsa.sigstore.json")
    assert (ran.code, VERIFICATION_SUMMARY in ran.out) == (0, True), ran
    done("add", "model.vsa.sigstore.json", "unknown.vsa.sigstore.json")
    held = call("verify", "model.json")
    assert (held.code, "PASSED for https://placet.dev/gates/" in held.out) == (0, True), held
    assert "kept, no rule reads it" in held.out
    told = call("verify", "unknown.vsa.sigstore.json")
    assert (told.code, "FAILED for https://placet.dev/gates/" in told.out) == (0, True), told
    assert "  · predicate.unread: PASSED for" in done("show", "model.json").out
    assert ask().code == 0
    assert ask(artifact=unknown).code == 1


# from a service


@pytest.fixture
def far(gated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service over a project with a gate's key; the working directory has the model and nothing else."""
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(gated / "model.json", bare)
    monkeypatch.chdir(bare)
    monkeypatch.setenv("PLACET_TOKEN", TOKEN)
    with serving(gated) as running:
        monkeypatch.setenv("PLACET_SERVER", running.url)
        yield running


def test_the_service_signs_with_its_own_key(far: Service) -> None:
    ran = ask("--output", "json")
    assert ran.code == 0, ran
    verified = verify(Path("model.vsa.sigstore.json").read_bytes(), load_trust(far.folder / "trust.yaml"))
    said = verified.statement.predicate[summary.EXTENSION]
    assert isinstance(said, dict)
    assert (verified.signer.id, said["id"], said["entry"]) == ("gate", ran.json["id"], ran.json["entry"])


@pytest.mark.parametrize("option", [("--dry-run",), ("--at", "2030-01-01T00:00:00Z")])
def test_a_service_is_not_asked_for_a_summary_of_a_dry_run(far: Service, option: tuple[str, ...]) -> None:
    ran = ask(*option)
    assert (ran.code, "vsa.dry_run" in ran.err, far.seen) == (2, True, [])


@pytest.mark.parametrize("given", [None, 7, "{}", *OTHERS[:1]])
def test_no_summary_but_that_of_the_decision_is_written(far: Service, given: Any) -> None:
    told = other_bundle(given).decode() if given in OTHERS else given
    far.twist = lambda _, answer: as_answer(json.loads(answer.body) | {"summary": told})
    ran = ask()
    assert (ran.code, "service.answer" in ran.err, ran.out) == (3, True, "")
    assert not list(Path().rglob("*.vsa.sigstore.json"))
    assert not list(Path().rglob("*.placet-proof"))


def test_over_http_it_is_asked_for_by_a_member_of_the_body(gated: Path) -> None:
    token = done("token", "new", "ci@example.org", "--role", "gate").out.strip()
    model = {"digest": done("digest", "model.json").out.split()[0]}
    with a_service(gated) as service:

        def post(**more: Any) -> Any:
            return service.post(
                "/v1/decisions", {"gate": GATE, "subject": model, "context": {}, **more}, token
            )

        answer = post(summary=True).json
        verified = verify(answer["summary"].encode(), load_trust(gated / "trust.yaml"))
        assert verified.statement.predicate["verificationResult"] == "PASSED"
        summary.require_about(answer["summary"].encode(), answer["decision"], answer["entry"])
        assert "summary" not in post().json
        assert "summary" not in post(summary=False).json
        held = len(decisions(gated))
        for more, code in (
            ({"summary": "yes"}, "http.body"),
            ({"summary": True, "dry_run": True}, "vsa.dry_run"),
            ({"summary": True, "at": "2030-01-01T00:00:00Z"}, "vsa.dry_run"),
        ):
            refused = post(**more)
            assert (refused.status, refused.code) == (400, code)
        (gated / ".placet/keys/gate.key").unlink()
        refused = post(summary=True)
        assert (refused.status, refused.code) == (400, "vsa.no_key")
        assert str(gated) not in refused.body.decode()
        assert len(decisions(gated)) == held
