"""What callers of each role read and hand in: decisions for auditors only, envelopes without bundles, words of 400."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from placet_api.http.callers import ROLES
from placet_attestations.bundle import make_bundle
from placet_attestations.digests import Digest
from placet_attestations.keys import load_private
from placet_attestations.signing import sign_payload, sign_statement
from placet_attestations.statement import PAYLOAD_TYPE, Statement, Subject
from tests.api.http.serving import Serving
from tests.api.projects import GATE, call
from tests.builders import a_predicate

pytestmark = pytest.mark.xdist_group("http")


@pytest.fixture(scope="module")
def model(model: str, service: Serving, tokens: dict[str, str]) -> str:
    """The model, once a gate decided about it."""
    question = {"gate": GATE, "subject": {"digest": model}}
    assert service.post("/v1/decisions", question, tokens["gate"]).status == 200
    return model


@pytest.mark.parametrize("role", ROLES)
def test_only_auditors_see_decisions_about_an_artifact(
    service: Serving, tokens: dict[str, str], model: str, role: str
) -> None:
    page = service.get(f"/v1/artifacts/{model}", tokens[role]).json
    assert page["statements"]
    if role in ("auditor", "admin"):
        assert (len(page["decisions"]), page.get("withheld")) == (1, None)
    else:
        assert "decisions" not in page
        assert page["withheld"] == {"decisions": "only auditors see them"}
        assert GATE not in json.dumps(page)


@pytest.mark.parametrize(("role", "told"), [("gate", False), ("auditor", True)])
def test_show_says_why_there_are_no_decisions(
    service: Serving,
    tokens: dict[str, str],
    model: str,
    role: str,
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLACET_TOKEN", tokens[role])
    ran = call("--server", service.url, "show", model)
    assert ran.code == 0, ran
    assert (GATE in ran.out, "decisions: only auditors see them" in ran.out) == (told, not told)


def envelope(place: Path, model: str, ticket: str, signer: str = "approver") -> bytes:
    """A signed approval without a bundle around it."""
    statement = Statement.build(
        "https://placet.dev/attestation/approval/v1",
        [Subject(ticket, Digest.parse(model))],
        a_predicate("approval"),
    )
    bundle = sign_statement(statement, load_private(place / f".placet/keys/{signer}.key"))
    return json.dumps(json.loads(bundle)["dsseEnvelope"]).encode()


def test_an_envelope_without_a_bundle_is_taken_in_once(
    service: Serving, tokens: dict[str, str], place: Path, model: str
) -> None:
    raw = envelope(place, model, "CHG-1")
    first = service.post("/v1/attestations", raw, tokens["submitter"])
    again = service.post("/v1/attestations", raw, tokens["submitter"])
    assert (first.status, again.status) == (201, 200), first
    (row,) = first.json["items"]
    assert row["digest"] == row["statement"] == again.json["items"][0]["digest"]
    assert (row["signer"], row["subjects"]) == ("approver", [model])
    kept = service.get(f"/v1/attestations/{row['digest']}", tokens["submitter"]).body
    assert Digest.of(kept) == row["digest"]
    held = service.get(f"/v1/attestations?subject={model}&signer=approver", tokens["gate"]).json["items"]
    (mine,) = [item for item in held if item["digest"] == row["digest"]]
    assert mine["since"].endswith("Z")


def test_envelopes_come_in_lines_too(
    service: Serving, tokens: dict[str, str], place: Path, model: str
) -> None:
    lines = envelope(place, model, "CHG-2") + b"\n" + envelope(place, model, "CHG-3", "intern") + b"\n"
    told = service.post("/v1/attestations", lines, tokens["submitter"]).json
    assert ([row["signer"] for row in told["items"]], [row["code"] for row in told["refused"]]) == (
        ["approver"],
        ["trust.role_missing"],
    )


def both(place: Path, model: str, ticket: str) -> bytes:
    """An envelope that the approver signed, and an intern, who may not."""
    first, second = (json.loads(envelope(place, model, ticket, name)) for name in ("approver", "intern"))
    return json.dumps({**first, "signatures": first["signatures"] + second["signatures"]}, indent=1).encode()


def test_each_signature_of_an_envelope_is_an_item_of_its_own(
    service: Serving, tokens: dict[str, str], place: Path, model: str
) -> None:
    answer = service.post("/v1/attestations", both(place, model, "CHG-4"), tokens["submitter"])
    assert answer.status == 201, answer
    assert [(row["line"], row["part"], row["signer"]) for row in answer.json["items"]] == [(1, 1, "approver")]
    assert [(row["line"], row["part"], row["code"]) for row in answer.json["refused"]] == [
        (1, 2, "trust.role_missing")
    ]
    lines = b"{}\n\n" + both(place, model, "CHG-5").replace(b"\n", b"") + b"\n"
    told = service.post("/v1/attestations", lines, tokens["submitter"]).json
    assert [(row["line"], row["part"]) for row in told["items"]] == [(3, 1)]
    assert [(row["line"], row.get("part")) for row in told["refused"]] == [(1, None), (3, 2)]


def test_answers_of_registries_are_taken_in(
    service: Serving, tokens: dict[str, str], place: Path, model: str
) -> None:
    bundle = sign_statement(
        Statement.build(
            "https://placet.dev/attestation/approval/v1",
            [Subject("CHG-6", Digest.parse(model))],
            a_predicate("approval"),
        ),
        load_private(place / ".placet/keys/approver.key"),
    )
    answer = b'{"attestations": [{"bundle": %b, "repository_id": 1}, {"bundle": {}}]}' % bundle
    told = service.post("/v1/attestations", answer, tokens["submitter"]).json
    assert [(row["digest"], row["part"]) for row in told["items"]] == [(Digest.of(bundle), 1)]
    assert [(row["part"], row["code"]) for row in told["refused"]] == [(2, "bundle.shape")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[1]", "container.array"),
        (b'{"attestations": [{"bundle": null}]}', "container.no_bundle"),
        (b'{"attestation_bundles": [{"attestations": [{}]}], "version": 2}', "container.version"),
    ],
)
def test_containers_of_no_known_form_are_refused_whole(
    service: Serving, tokens: dict[str, str], body: bytes, code: str
) -> None:
    answer = service.post("/v1/attestations", body, tokens["submitter"])
    assert (answer.status, answer.code) == (422, code)


def test_a_statement_about_nothing_that_is_known_here_is_refused(
    service: Serving, tokens: dict[str, str], place: Path
) -> None:
    key = load_private(place / ".placet/keys/approver.key")
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "pkg:npm/x@1", "digest": {"sha512": "ab" * 64}}],
        "predicateType": "https://placet.dev/attestation/approval/v1",
        "predicate": dict(a_predicate("approval")),
    }
    signed = sign_payload(PAYLOAD_TYPE, json.dumps(statement).encode(), key)
    answer = service.post("/v1/attestations", make_bundle(signed, key.public_key), tokens["submitter"])
    assert (answer.status, answer.code) == (422, "statement.no_sha256")


def test_more_lines_than_one_request_may_have_are_refused(service: Serving, tokens: dict[str, str]) -> None:
    answer = service.post("/v1/attestations", b"{}\n" * 1001, tokens["submitter"])
    assert (answer.status, answer.code) == (413, "http.too_large")


def test_add_hands_in_an_envelope(
    service: Serving,
    tokens: dict[str, str],
    place: Path,
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLACET_TOKEN", tokens["submitter"])
    (tmp_path / "a.dsse.json").write_bytes(envelope(place, model, "CHG-4"))
    ran = call("--server", service.url, "add", str(tmp_path / "a.dsse.json"))
    assert ran.code == 0, ran


def test_times_are_written_one_way(service: Serving, tokens: dict[str, str], model: str) -> None:
    for path in ("", "/lineage", "/statements"):
        answer = service.get(f"/v1/artifacts/{model}{path}", tokens["auditor"])
        assert answer.status == 200
        assert b"+00:00" not in answer.body, path


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/v1/attestations/sha256:00", None, "digest.short"),
        ("GET", "/v1/attestations?subject=sha256:00", None, "digest.short"),
        ("GET", "/v1/artifacts/latest/lineage", None, "digest.syntax"),
        ("GET", "/v1/artifacts?prefix=sha256:xxxxxxxxxxxxxxxx", None, "digest.prefix"),
        ("GET", "/v1/artifacts/latest/decisions", None, "digest.syntax"),
        ("GET", "/v1/decisions?subject=latest", None, "digest.syntax"),
        ("GET", "/v1/decisions?since=yesterday", None, "time.syntax"),
        ("POST", "/v1/attestations", b"{", "json.syntax"),
        ("POST", "/v1/decisions", b"{", "json.syntax"),
    ],
)
def test_what_cannot_be_read_is_the_callers_mistake(
    service: Serving, tokens: dict[str, str], method: str, path: str, body: bytes | None, code: str
) -> None:
    by = {"/v1/attestations": "submitter", "/v1/decisions": "gate"} if method == "POST" else {}
    answer = service.ask(method, path, tokens[by.get(path, "auditor")], body)
    assert (answer.status, answer.code) == (400, code)
    assert answer.json["title"] == "The request is wrong"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("decisions?verdict=maybe", "verdict must be one of allow, deny, not 'maybe'"),
        ("decisions?kind=x", "kind must be one of decision, evidence, admission, reload, not 'x'"),
        ("attestations?signer=dev", "subject is needed"),
    ],
)
def test_a_filter_that_means_nothing_is_told_what_would(
    service: Serving, tokens: dict[str, str], query: str, words: str
) -> None:
    answer = service.get(f"/v1/{query}", tokens["auditor"])
    assert (answer.status, words in answer.json["detail"]) == (400, True), answer


def test_evidence_that_does_not_hold_does_not_verify(
    service: Serving, tokens: dict[str, str], place: Path, model: str
) -> None:
    forged: dict[str, Any] = json.loads(envelope(place, model, "CHG-5"))
    forged["payload"] = forged["payload"][:-8] + "AAAAAAA="
    answer = service.post("/v1/attestations", forged, tokens["submitter"])
    assert (answer.status, answer.code) == (422, "signature.unknown_key")
    assert service.post("/v1/attestations", {"no": "bundle"}, tokens["submitter"]).status == 422


def test_an_unknown_token_is_told_what_to_do(service: Serving) -> None:
    answer = service.get("/v1/policies", "placet_" + "a" * 12 + "_" + "b" * 43)
    assert (answer.status, answer.code) == (401, "access.unknown")
    assert "placet token new" in answer.json["hint"]


def test_a_url_with_the_apis_own_path_is_told_so(
    service: Serving, tokens: dict[str, str], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_TOKEN", tokens["gate"])
    ran = call("--server", f"{service.url}/v1", "show", model)
    assert ran.code != 0
    assert "leave /v1 out of it" in ran.err
