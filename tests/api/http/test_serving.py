"""The service as its callers meet it: a real process, real tokens, a real OPA."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.routing import Route

from placet_api.errors import ConfigurationError
from placet_api.http.app import make_app
from placet_api.http.calls import CALLS, Call
from placet_api.http.service import Service
from placet_api.project import open_project
from placet_api.wiring import House, open_house
from placet_engine.log.keyfile import load_verifier
from placet_engine.log.merkle import leaf_hash
from placet_engine.log.receipt import check_receipt
from placet_engine.policy.child import ChildOpa
from tests.api.http.serving import Answer, Serving, serving, started
from tests.api.projects import GATE, TICKET, call, done, model_of, placet_environment, token_for
from tests.saying import PATIENCE
from tests.tls import Authority

pytestmark = pytest.mark.xdist_group("http")
STRANGER = "sha256:" + "5" * 64


def question(model: str, **more: Any) -> dict[str, Any]:
    return {"gate": GATE, "subject": {"digest": model}, "context": {"ticket": TICKET}, **more}


def path_of(call: Call, model: str) -> str:
    return call.path.replace("{digest}", model).replace("{id}", "0").replace("{place:path}", "0/000.p/1")


def test_it_lives_is_ready_and_describes_itself(service: Serving) -> None:
    assert service.get("/healthz").json == {"live": True}
    assert service.get("/readyz").json == {"ready": True, "missing": {}}
    described = service.get("/openapi.json").json
    for call_ in CALLS:
        assert call_.method.lower() in described["paths"][call_.path.replace(":path}", "}")]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_every_route_asks_who_and_which_role(
    service: Serving, tokens: dict[str, str], model: str, call: Call
) -> None:
    assert call.roles, "a call without roles would be nobody's"
    path = path_of(call, model)
    body = None if call.method == "GET" else b"{}"
    nobody = service.ask(call.method, path, None, body)
    assert (nobody.status, code_of(call, nobody)) == (401, "access.missing")
    # The last challenge counts here: a browser is told of its own, too, and on a line of its own.
    assert nobody.headers["www-authenticate"].startswith("Basic" if call.basic else "Bearer")
    assert service.ask(call.method, path, "placet_aaaaaaaaaaaa_bbbb", body).status == 401
    for role, token in tokens.items():
        answer = service.ask(call.method, path, token, body)
        if role in call.roles:
            assert answer.status not in (401, 403), answer
        else:
            assert (answer.status, code_of(call, answer)) == (403, "access.forbidden"), (role, answer)


def code_of(call: Call, answer: Answer) -> str:
    """The code of a refusal, which a page tells in words."""
    if not call.page:
        return str(answer.code)
    (found,) = re.findall(rb"Code <code>([a-z_.]+)</code>", answer.body)
    return str(found.decode())


@pytest.mark.parametrize(
    ("method", "path", "may"), [("GET", "/metrics", "auditor"), ("POST", "/v1/reload", "admin")]
)
def test_what_is_served_beside_the_table_asks_too(
    service: Serving, tokens: dict[str, str], method: str, path: str, may: str
) -> None:
    assert service.ask(method, path).status == 401
    assert service.ask(method, path, tokens["gate"]).status == 403
    assert service.ask(method, path, tokens[may]).status == 200


def test_every_served_route_is_in_the_table_or_among_the_six_named_here(project: Path) -> None:
    # The walk above is worth something only while nothing is served beside what it walks.
    found = open_project(project, {}, os.environ)
    with open_house(found) as house:
        service = Service(found, lambda: found, house)
        app = make_app(service)
        service.close()
    served = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    assert len(app.routes) == len(served)
    beside = {"/healthz", "/readyz", "/openapi.json", "/pages.css", "/metrics", "/v1/reload"}
    assert {path for _, path in served - {(call.method, call.path) for call in CALLS}} == beside


def test_nothing_else_is_served(service: Serving) -> None:
    assert service.get("/docs").code == "http.no_route"
    refused = service.ask("DELETE", "/v1/decisions")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")
    assert service.get("/v1/decisions/?x").status == 404


def opa_of(house: House) -> int | None:
    assert isinstance(house.engine, ChildOpa)
    return house.engine.pid


def test_a_house_that_was_replaced_is_used_by_nobody_new(project: Path) -> None:
    found = open_project(project, {}, os.environ)
    with open_house(found) as house:
        service = Service(found, lambda: found, house)
        before = service.ruling
        with service.use() as held:
            service.reload("a test")
            assert opa_of(held) is not None
            assert not before.enter()
        assert opa_of(held) is None
        with service.use() as following:
            assert following is not held
        service.close()
        assert opa_of(following) is None


def test_a_service_that_cannot_decide_leaves_no_opa(project: Path) -> None:
    (project / "placet.yaml").write_text("http: {issuers: [1]}\n")
    found = open_project(project, {}, os.environ)
    with open_house(found) as house, pytest.raises(ConfigurationError):
        Service(found, lambda: found, house)


def test_a_decision_is_logged_and_proved(
    service: Serving, tokens: dict[str, str], model: str, place: Path
) -> None:
    told = service.post("/v1/decisions", question(model), tokens["gate"]).json
    decision = told["decision"]
    assert (decision["verdict"], decision["actor"]["principal"]) == ("allow", "gate@example.org"), decision
    checked = check_receipt(told["receipt"].encode(), load_verifier(place / "log.pub"))
    assert checked.decision == decision
    assert checked.index == told["entry"]
    auditor = tokens["auditor"]
    again = service.get(f"/v1/decisions/{decision['id']}", auditor).json
    assert again == {"decision": decision, "entry": told["entry"]}
    proof = service.get(f"/v1/decisions/{decision['id']}/proof", auditor).body
    assert check_receipt(proof, load_verifier(place / "log.pub")).decision == decision
    assert service.get(f"/v1/decisions/{decision['id']}/input", auditor).json["subject"] == model
    assert service.get("/checkpoint", auditor).body.startswith(b"placet")


def test_a_denial_is_an_answer_and_what_cannot_be_judged_is_a_denial(
    service: Serving, tokens: dict[str, str], model: str
) -> None:
    denied = service.post("/v1/decisions", question(STRANGER), tokens["gate"])
    assert (denied.status, denied.json["decision"]["verdict"]) == (200, "deny")
    unknown = service.post("/v1/decisions", question(model, gate="promote/moon"), tokens["gate"]).json[
        "decision"
    ]
    assert (unknown["verdict"], unknown["cause"], unknown["error"]["code"]) == (
        "deny",
        "error",
        "gate.unknown",
    )
    late = service.post("/v1/decisions?timeout=0.001s", question(model), tokens["gate"]).json["decision"]
    assert (late["verdict"], late["cause"]) == ("deny", "error")
    dry = service.post("/v1/decisions", question(model, dry_run=True), tokens["gate"]).json["decision"]
    assert dry["dry_run"] is True


def test_decisions_are_found_a_page_at_a_time(service: Serving, tokens: dict[str, str], model: str) -> None:
    for _ in range(3):
        service.post("/v1/decisions", question(STRANGER), tokens["gate"])
    auditor = tokens["auditor"]
    first = service.get("/v1/decisions?verdict=deny&limit=2", auditor).json
    assert len(first["items"]) == 2
    second = service.get(f"/v1/decisions?verdict=deny&limit=2&cursor={first['next']}", auditor).json
    entries = [row["entry"] for row in first["items"] + second["items"]]
    assert entries == sorted(entries, reverse=True)
    assert len(set(entries)) == len(entries)
    about = service.get(f"/v1/artifacts/{STRANGER}/decisions?limit=2", auditor).json
    assert [row["subject"] for row in about["items"]] == [STRANGER, STRANGER]
    same = service.get(f"/v1/decisions?subject={STRANGER}&limit=2", auditor).json
    assert about == same
    by_rule = service.get("/v1/decisions?rule=lineage.subject_known", auditor).json["items"]
    assert by_rule
    assert all("lineage.subject_known" in row["reasons"] for row in by_rule)
    assert service.get("/v1/decisions?actor=nobody@example.org", auditor).json["items"] == []
    assert service.get("/v1/decisions?since=2999-01-01T00:00:00Z", auditor).json["items"] == []


def test_what_is_known_of_an_artifact(service: Serving, tokens: dict[str, str], model: str) -> None:
    reader = tokens["submitter"]
    page = service.get(f"/v1/artifacts/{model}", reader).json
    assert page["kinds"] == ["model"]
    assert service.get("/v1/artifacts?name=threshold", reader).json == {"items": [model]}
    assert service.get(f"/v1/artifacts?prefix={model[:25]}", reader).json == {"items": [model]}
    rows = service.get(f"/v1/artifacts/{model}/statements", reader).json["items"]
    assert {row["type"] for row in rows} == {"training", "measurement", "approval"}
    assert service.get(f"/v1/artifacts/{model}/lineage", reader).json["subject"] == model
    assert b"threshold" in service.get(f"/v1/artifacts/{model}/lineage?format=text", reader).body
    drawn = service.get(f"/v1/artifacts/{model}/lineage?format=svg", reader)
    assert (drawn.headers["content-type"], drawn.headers["x-content-type-options"]) == (
        "image/svg+xml",
        "nosniff",
    )
    held = service.get(f"/v1/attestations?subject={model}&signer=dev", reader).json["items"]
    assert [row["type"] for row in held] == ["training"]
    raw = service.get(f"/v1/attestations/{held[0]['statement']}", reader)
    assert json.loads(raw.body)["mediaType"] == raw.headers["content-type"]
    again = service.ask("POST", "/v1/attestations", tokens["submitter"], raw.body)
    assert (again.status, again.json["items"][0]["new"]) == (200, False)
    lines = raw.body.replace(b"\n", b" ") + b"\n" + b'{"no":"bundle"}' + b"\n"
    mixed = service.ask("POST", "/v1/attestations", tokens["submitter"], lines).json
    assert [len(mixed["items"]), len(mixed["refused"])] == [1, 1]


def test_new_evidence_is_taken_in_and_forged_evidence_is_not(
    service: Serving, tokens: dict[str, str], place: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(place, other, ignore=shutil.ignore_patterns("placet.db*", "log.head"))
    (other / "new.csv").write_text("id\n1\n")
    done("attest", "dataset", "new.csv", "--from", "dataset-raw.yaml", "--as", "data-owner", folder=other)
    digest = done("digest", "new.csv", folder=other).out.split()[0]
    row = done("show", digest, "--json", folder=other).json["statements"][0]
    with serving(other) as source:
        raw = source.get(
            f"/v1/attestations/{row['statement']}", token_for(other, "x@example.org", "auditor")
        ).body
    assert service.ask("POST", "/v1/attestations", tokens["submitter"], raw).status == 201
    bundle = json.loads(raw)
    bundle["dsseEnvelope"]["payload"] = bundle["dsseEnvelope"]["payload"][:-8] + "AAAAAAA="
    forged = service.post("/v1/attestations", bundle, tokens["submitter"])
    assert forged.status == 422
    assert forged.json["refused"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "json.syntax"),
        (b"[]", 400, "http.body"),
        (b"\xff", 400, "json.invalid_utf8"),
        (b'{"gate":"x","gate":"y"}', 400, "json.duplicate_key"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, 400, "json.too_deep"),
        (b'{"gate":1,"subject":{"digest":"sha256:00"}}', 400, "http.body"),
        (b'{"gate":"x","subject":{"digest":"sha256:00"}}', 400, "digest.short"),
        (b'{"gate":"x","subject":"sha256:00"}', 400, "http.body"),
        (b'{"gate":"x","subject":{"digest":"' + STRANGER.encode() + b'"},"context":[]}', 400, "http.body"),
        (
            b'{"gate":"x","subject":{"digest":"' + STRANGER.encode() + b'"},"context":{"a":1}}',
            400,
            "http.body",
        ),
        (b'{"gate":"x","subject":{"digest":"' + STRANGER.encode() + b'"},"dry_run":1}', 400, "http.body"),
        (b'{"gate":"x","subject":{"digest":"' + STRANGER.encode() + b'"},"at":1}', 400, "http.body"),
        (b'{"gate":"x","verdict":"allow"}', 400, "http.body"),
        (b" " * (256 * 1024 + 1), 413, "json.too_large"),
    ],
)
def test_bad_questions_are_refused_with_a_code(
    service: Serving, tokens: dict[str, str], body: bytes, status: int, code: str
) -> None:
    answer = service.post("/v1/decisions", body, tokens["gate"])
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/decisions?colour=red",
        "/v1/decisions?gate=a&gate=b",
        "/v1/decisions?limit=1001",
        "/v1/decisions?limit=x",
        "/v1/decisions?verdict=maybe",
        "/v1/decisions?kind=other",
        "/v1/artifacts",
        "/v1/artifacts?prefix=sha256:00",
        "/v1/attestations",
        f"/v1/artifacts/{STRANGER}/lineage?format=png",
    ],
)
def test_bad_queries_are_refused_with_a_code(service: Serving, tokens: dict[str, str], path: str) -> None:
    answer = service.get(path, tokens["auditor"])
    assert (answer.status, answer.code) == (400, "http.query")


def test_what_is_not_there_is_not_found(service: Serving, tokens: dict[str, str]) -> None:
    auditor = tokens["auditor"]
    assert service.get("/v1/decisions/ffffffff", auditor).code == "log.not_found"
    assert service.get(f"/v1/attestations/{STRANGER}", auditor).code == "attestation.unknown"
    assert service.get("/v1/artifacts/latest", auditor).status == 400
    for wait in ("0", "-1", "soon", "9999"):
        assert service.post(f"/v1/decisions?timeout={wait}", {}, tokens["gate"]).code == "http.query"


def test_the_log_is_served_as_tiles(service: Serving, tokens: dict[str, str]) -> None:
    auditor = tokens["auditor"]
    size = int(service.get("/checkpoint", auditor).body.split(b"\n")[1])
    width = min(size, 256)
    hashes = service.get(f"/tile/0/000.p/{width}" if width < 256 else "/tile/0/000", auditor).body
    entries = service.get(
        f"/tile/entries/000.p/{width}" if width < 256 else "/tile/entries/000", auditor
    ).body
    assert len(hashes) == 32 * width
    leaves = []
    while entries:
        length = int.from_bytes(entries[:2], "big")
        leaves.append(entries[2 : 2 + length])
        entries = entries[2 + length :]
    assert [leaf_hash(leaf) for leaf in leaves] == [hashes[n : n + 32] for n in range(0, len(hashes), 32)]
    assert service.get("/tile/0/999", auditor).code == "log.not_found"
    assert service.get("/tile/0/x", auditor).code == "log.tile_path"


def test_opa_fetches_the_bundle_once(service: Serving, tokens: dict[str, str]) -> None:
    got = service.get("/bundles/placet.tar.gz", tokens["gate"])
    assert got.body.startswith(b"\x1f\x8b")
    tag = got.headers["etag"]
    same = service.ask("GET", "/bundles/placet.tar.gz", tokens["gate"], headers={"if-none-match": tag})
    assert (same.status, same.body) == (304, b"")
    rules = service.get("/v1/policies/catalogue", tokens["gate"]).json["rules"]
    assert "change.approved" in rules
    assert service.get("/v1/policies", tokens["gate"]).json["gates"][GATE]["mode"] == "enforce"


def test_one_byte_too_many_is_refused(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    shutil.copytree(ready, folder)
    token = token_for(folder, "s@example.org", "submitter")
    with serving(folder, PLACET_HTTP_BODY="1000") as small:
        assert small.ask("POST", "/v1/attestations", token, b"x" * 1000).status == 400
        assert small.ask("POST", "/v1/attestations", token, b"x" * 1001).code == "http.too_large"


def test_asking_too_often_is_refused_with_the_time_to_wait(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "often"
    shutil.copytree(ready, folder)
    token, other = token_for(folder, "a@example.org", "gate"), token_for(folder, "b@example.org", "gate")
    with serving(folder, PLACET_HTTP_RATE="0.5") as slow:
        answers = [slow.get("/v1/policies", token) for _ in range(3)]
        assert answers[0].status == 200
        assert (answers[-1].status, answers[-1].code) == (429, "access.too_many")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert slow.get("/v1/policies", other).status == 200


def test_slow_clients_and_too_many_connections_are_closed(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "slow"
    shutil.copytree(ready, folder)
    bounds = {"PLACET_HTTP_REQUEST_SECONDS": "0.3", "PLACET_HTTP_CONNECTIONS": "5"}
    with serving(folder, **bounds) as strict:
        held = [socket.create_connection(("127.0.0.1", strict.port), PATIENCE) for _ in range(5)]
        for client in held:
            client.sendall(
                b"POST /v1/decisions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
            )
        with socket.create_connection(("127.0.0.1", strict.port), PATIENCE) as extra:
            assert ended(extra)
        assert all(ended(client) for client in held)
        with socket.create_connection(("127.0.0.1", strict.port), PATIENCE) as large:
            large.sendall(b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 40_000 + b"\r\n")
            assert ended(large)
        assert strict.get("/healthz").status == 200
        for client in held:
            client.close()


def ended(client: socket.socket) -> bool:
    """Whether the other side closes the connection, whatever it says before."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_reload_is_checked_noted_and_then_rules(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reload"
    shutil.copytree(ready, folder)
    gate, auditor = token_for(folder, "g@example.org", "gate"), token_for(folder, "a@example.org", "auditor")
    admin, subject = token_for(folder, "o@example.org", "admin"), model_of(folder)
    with serving(folder) as running:
        assert running.post("/v1/decisions", question(subject), gate).json["decision"]["verdict"] == "allow"
        good = (folder / "trust.yaml").read_text()
        (folder / "trust.yaml").write_text("version: 7\n")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("the reload was refused")
        assert running.post("/v1/reload", {}, admin).status == 422
        assert running.post("/v1/decisions", question(subject), gate).json["decision"]["verdict"] == "allow"
        revoked = f"revoked:\n  - {{artifact: {subject}, from: always, reason: retracted}}\n"
        (folder / "trust.yaml").write_text(good.replace("revoked: []\n", revoked))
        running.process.send_signal(signal.SIGHUP)
        running.wait_for('"reloaded"')
        denied = running.post("/v1/decisions", question(subject), gate).json["decision"]
        assert denied["verdict"] == "deny"
        (folder / "overlay.yaml").write_text(
            "evaluation: {thresholds: {'*': {accuracy: {min: 0.99, max: 1}}}}\n"
        )
        (folder / "placet.yaml").write_text((folder / "placet.yaml").read_text() + "settings: overlay.yaml\n")
        before = running.get("/v1/policies", auditor).json["revision"]
        assert running.post("/v1/reload", {}, admin).json["policy"] != before
        settings = (folder / "placet.yaml").read_text()
        (folder / "placet.yaml").write_text(settings + "http: {queue: 5}\n")
        changed = running.post("/v1/reload", {}, admin)
        assert (changed.code, changed.json["where"]) == ("http.restart", "http.queue")
        (folder / "placet.yaml").write_text("store: sqlite:///elsewhere.db\n")
        assert running.post("/v1/reload", {}, admin).code == "http.restart"
        notes = running.get("/v1/decisions?kind=reload", auditor).json["items"]
        assert len(notes) == 2
    (folder / "placet.yaml").write_text("trust: trust.yaml\n")
    assert call("log", "verify", folder=folder).code == 0


def test_what_was_acknowledged_survives_a_kill_and_a_term(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kill"
    shutil.copytree(ready, folder)
    gate, subject = token_for(folder, "g@example.org", "gate"), model_of(folder)
    acknowledged: list[str] = []

    def ask(running: Serving) -> None:
        try:
            told = running.post("/v1/decisions", question(subject), gate)
        except OSError:
            return
        if told.status == 200:
            acknowledged.append(told.json["decision"]["id"])

    for number in (signal.SIGKILL, signal.SIGTERM):
        running = started(folder)
        with ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(ask, running) for _ in range(20)]
            asked[3].result()
            code = running.end(number)
            assert code == (0 if number == signal.SIGTERM else -number)
    assert call("log", "verify", folder=folder).code == 0
    logged = {row["decision"] for row in call("log", "list", "--json", "--limit", "1000", folder=folder).json}
    assert set(acknowledged) <= logged
    assert acknowledged


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"PLACET_HTTP_LISTEN": "nowhere"}, "http.listen"),
        ({"PLACET_HTTP_LISTEN": "0.0.0.0:0"}, "http.tls"),
        ({"PLACET_HTTP_LISTEN": "127.host.example:0"}, "http.tls"),
        ({"PLACET_HTTP_LISTEN": "203.0.113.7:1", "PLACET_HTTP_CERTIFICATE": "x"}, "http.tls"),
        ({"PLACET_HTTP_CERTIFICATE": "x.pem", "PLACET_HTTP_KEY": "x.pem"}, "http.tls"),
    ],
)
def test_it_does_not_start_where_it_should_not(project: Path, variables: dict[str, str], code: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "placet", "serve"],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 2, ran
    assert code in ran.stderr


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"PLACET_KUBERNETES_LISTEN": "127.0.0.1:0"}, "http.tls"),
        ({"PLACET_KUBERNETES_LISTEN": "everywhere"}, "http.listen"),
    ],
)
def test_a_webhook_without_tls_does_not_start(project: Path, variables: dict[str, str], code: str) -> None:
    with placet_environment(project / "cache"), pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        ran = call("serve", "--listen", "127.0.0.1:0")
    assert ran.code == 2
    assert code in ran.err


def test_with_a_client_authority_the_webhook_answers_its_clients_only(ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "churn"
    shutil.copytree(ready, folder)
    authority, stranger = Authority.make(tmp_path / "ca"), Authority.make(tmp_path / "other")
    leaf, client = authority.issue_server("placet"), authority.issue_client("apiserver")
    variables = {
        "PLACET_KUBERNETES_LISTEN": "127.0.0.1:0",
        "PLACET_KUBERNETES_CERTIFICATE": str(leaf.cert),
        "PLACET_KUBERNETES_KEY": str(leaf.key),
    }
    missing = variables | {"PLACET_KUBERNETES_CLIENT_CA": str(tmp_path / "nothing.pem")}
    with pytest.raises(AssertionError, match="no authority"), serving(folder, **missing):
        pass
    allowed = variables | {"PLACET_KUBERNETES_CLIENT_CA": str(authority.certificate)}
    with serving(folder, **allowed) as running:
        url = urlsplit(running.hook)
        for context in (authority.client_context(), authority.client_context(stranger.issue_client("x"))):
            refused = http.client.HTTPSConnection(
                "127.0.0.1", url.port or 0, context=context, timeout=PATIENCE
            )
            with pytest.raises(OSError):  # noqa: PT011 - TLS says it in one way or another
                asked(refused, "GET", "/healthz")
        known = http.client.HTTPSConnection(
            "127.0.0.1", url.port or 0, context=authority.client_context(client), timeout=PATIENCE
        )
        assert asked(known, "GET", "/readyz") == (200, {"ready": True, "missing": {}})
        status, review = asked(known, "POST", "/v1/admission/validate?timeout=5s", b"{}")
        assert (status, review["response"]["allowed"]) == (200, False)
        known.close()


def asked(
    connection: http.client.HTTPSConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, Any]:
    try:
        connection.request(method, path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except OSError:
        connection.close()
        raise
