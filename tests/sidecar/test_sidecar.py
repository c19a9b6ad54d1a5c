"""OPA as a sidecar: a real service over TLS, a second real OPA that polls it, and a policy set that changes mid-run."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from placet_api import settings
from placet_api.http.service import SWITCH_SECONDS
from placet_api.policy_bundles import opa_key
from placet_attestations.keys import load_public
from placet_engine.policy.bundle import load_policy_set
from placet_engine.policy.bundle_signature import key_id
from placet_engine.policy.shipped import shipped_policies
from tests.api.http.serving import Serving, serving
from tests.api.projects import TICKET, call, done, make_ready, placet_environment
from tests.engine.policy.processes import eventually
from tests.saying import PATIENCE
from tests.sidecar.opa import EXAMPLE, PATH, configuration, polling, reserved_port
from tests.tls import Authority

pytestmark = pytest.mark.xdist_group("sidecar")

CALLERS = 4
AFTER = 10
"""Decisions that each caller gets by the new policy set before the end."""

MOST = 100_000

PRODUCTION, STAGING = "promote/production", "promote/staging"
BOTH, IMAGES = "kinds: [model, image]", "kinds: [image]"


@dataclass(frozen=True, slots=True)
class Place:
    """A project whose service and OPA speak TLS, and a token of each caller."""

    folder: Path
    authority: Authority
    model: str
    gate: str
    admin: str
    auditor: str

    def files(self, port: int) -> dict[str, str]:
        """The variables of a service whose OPA listens at the port."""
        leaf = self.authority.issue_server("placet")
        return {
            "PLACET_HTTP_CERTIFICATE": str(leaf.cert),
            "PLACET_HTTP_KEY": str(leaf.key),
            "PLACET_HTTP_BUNDLE_KEY": str(self.folder / ".placet" / "keys" / "bundle.key"),
            "PLACET_HTTP_RATE": "100000",
            "PLACET_OPA_URL": f"https://127.0.0.1:{port}",
            "PLACET_OPA_CA": str(self.authority.certificate),
        }

    def configuration(self, service: Serving) -> dict[str, Any]:
        """Of an OPA that polls the service."""
        public = load_public(self.folder / "keys" / "bundle.pub")
        keys = {key_id(public): opa_key(public)}
        token = self.folder / "gate.token"
        token.write_text(self.gate)
        return configuration(service.url, self.authority.certificate, token, keys)

    def judge(self, *, production: str, staging: str) -> str:
        """Write a policy set whose gates take these kinds; its revision."""
        text = (shipped_policies() / "placet/settings/data.yaml").read_text()
        for gate, kinds in ((PRODUCTION, production), (STAGING, staging)):
            before, found, after = text.partition(f"\n  {gate}:\n")
            text = before + found + after.replace(BOTH, kinds, 1)
        (self.folder / "policies/placet/settings/data.yaml").write_text(text)
        return load_policy_set(self.folder / "policies").revision


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("sidecar") / "churn"
    with placet_environment(tmp_path_factory.mktemp("cache")):
        make_ready(folder)
        shutil.copytree(shipped_policies(), folder / "policies")
        told = folder / "placet.yaml"
        told.write_text(f"{told.read_text()}policies: policies\n")
        done("key", "new", "bundle", folder=folder)
        tokens = {
            role: done("token", "new", f"{role}@example.org", "--role", role, folder=folder).out.strip()
            for role in ("gate", "admin", "auditor")
        }
        model = done("digest", "model.json", folder=folder).out.split()[0]
        yield Place(folder, Authority.make(folder / "tls"), model, **tokens)


def test_the_examples_settings_are_settings() -> None:
    found = settings.resolve({}, {}, yaml.safe_load((EXAMPLE / "placet.yaml").read_text()), "placet.yaml")
    assert {key for key, source in found.sources.items() if source != "default"} == {
        *("opa.url", "opa.ca", "http.listen", "http.certificate", "http.key", "http.bundle_key")
    }


@dataclass(slots=True)
class Client:
    """Calls over TLS, one connection for all of them."""

    connection: http.client.HTTPSConnection

    @classmethod
    @contextmanager
    def of(cls, service: Serving, context: ssl.SSLContext) -> Iterator[Client]:
        parts = urlsplit(service.url)
        assert parts.scheme == "https"
        with closing(
            http.client.HTTPSConnection("127.0.0.1", parts.port or 0, context=context, timeout=PATIENCE)
        ) as connection:
            yield cls(connection)

    def ask(
        self, method: str, path: str, token: str, body: Any = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        sent = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, sent, {"authorization": f"Bearer {token}", **headers})
        got = self.connection.getresponse()
        return got.status, got.read(), {name.lower(): value for name, value in got.getheaders()}

    def decide(self, place: Place, gate: str) -> dict[str, Any]:
        question = {"gate": gate, "subject": {"digest": place.model}, "context": {"ticket": TICKET}}
        status, body, _ = self.ask("POST", "/v1/decisions", place.gate, question)
        assert status == 200, body
        decision: dict[str, Any] = json.loads(body)["decision"]
        return decision

    def rows(self, place: Place, kind: str) -> list[dict[str, Any]]:
        """Every entry of a kind."""
        found: list[dict[str, Any]] = []
        following = ""
        while True:
            path = f"/v1/decisions?limit=1000&kind={kind}{following}"
            page = json.loads(self.ask("GET", path, place.auditor)[1])
            found += page["items"]
            if page["next"] is None:
                return found
            following = f"&cursor={page['next']}"

    def policies(self, place: Place) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.ask("GET", "/v1/policies", place.auditor)[1])
        return told

    def ready(self, place: Place) -> bool:
        return self.ask("GET", "/readyz", place.gate)[0] == 200


@dataclass(slots=True)
class Caller:
    """Asks two gates in turn, until it has asked `AFTER` times after `switched`."""

    place: Place
    client: Client
    told: list[dict[str, Any]] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    switched: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        after = 0
        while after < AFTER:
            assert len(self.told) < MOST
            switched = self.switched.is_set()
            self.told.append(self.client.decide(self.place, (PRODUCTION, STAGING)[len(self.told) % 2]))
            after += switched and self.told[-1]["cause"] == "policy"
            if len(self.told) == AFTER:
                self.begun.set()

    def check(
        self, expected: Mapping[str, Mapping[str, str]], logged: dict[str, str], *, alone: bool
    ) -> None:
        """Each decision is that of the revision that it names, and was logged; first all by one, then all by the other.

        With several workers there are denials between the two: OPA has the next policy set from one of them, and
        another one has not read it yet.
        """
        revisions = []
        for decision in self.told:
            assert logged.pop(decision["id"]) == decision["verdict"]
            if decision["cause"] == "error" and not alone:
                assert (decision["verdict"], decision["error"]["code"]) == ("deny", "opa.wrong_bundle")
                continue
            assert decision["cause"] == "policy", decision
            revisions.append(decision["policy"]["revision"])
            assert decision["verdict"] == expected[revisions[-1]][decision["gate"]], decision
        first, second = expected
        assert revisions == sorted(revisions, key=[first, second].index), "nobody goes back"
        assert revisions[0] == first
        assert set(revisions[-AFTER:]) == {second}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_policy_set_changes_under_way_and_no_decision_is_a_mix(place: Place, workers: int) -> None:
    first = place.judge(production=BOTH, staging=IMAGES)
    context = place.authority.client_context()
    with ExitStack() as held:
        port = held.enter_context(reserved_port())
        variables = place.files(port) | {"PLACET_HTTP_WORKERS": str(workers)}
        service = held.enter_context(serving(place.folder, **variables))
        asking = held.enter_context(Client.of(service, context))
        # OPA can fetch its policy set only once the service is there: it is, and it denies.
        assert not asking.ready(place)
        alone = asking.decide(place, PRODUCTION)
        assert (alone["verdict"], alone["error"]["code"]) == ("deny", "opa.unreachable")
        with polling(
            place.folder / "opa", place.configuration(service), place.authority.issue_server("opa"), port
        ):
            eventually(lambda: asking.ready(place), "OPA has the policy set", PATIENCE)
            with ThreadPoolExecutor(CALLERS) as pool:
                callers = [
                    Caller(place, held.enter_context(Client.of(service, context))) for _ in range(CALLERS)
                ]
                running = [pool.submit(caller.run) for caller in callers]
                for caller in callers:
                    caller.begun.wait(PATIENCE)
                second = place.judge(production=IMAGES, staging=BOTH)
                service.process.send_signal(signal.SIGHUP)
                for _ in range(workers):
                    service.wait_for('"reloaded"')
                for caller in callers:
                    caller.switched.set()
                for done_ in running:
                    done_.result()
            told = {decision["id"] for caller in callers for decision in caller.told} | {alone["id"]}
            rows = [row for row in asking.rows(place, "decision") if row["decision"] in told]
            notes = asking.rows(place, "reload")[:workers]
            assert {note["policy"] for note in notes} == {second}
            assert asking.policies(place)["published"] == second
    assert first != second
    expected = {
        first: {PRODUCTION: "allow", STAGING: "deny"},
        second: {PRODUCTION: "deny", STAGING: "allow"},
    }
    logged = {row["decision"]: row["verdict"] for row in rows}
    for caller in callers:
        caller.check(expected, logged, alone=workers == 1)
    assert list(logged) == [alone["id"]]
    assert call("log", "verify", folder=place.folder).code == 0


def test_the_bundle_is_signed_anew_under_the_same_tag(place: Place) -> None:
    place.judge(production=BOTH, staging=BOTH)
    context, served = place.authority.client_context(), []
    for _ in range(2):  # as two workers do, or one that was started again
        with (
            reserved_port() as port,
            serving(place.folder, **place.files(port)) as service,
            Client.of(service, context) as asking,
        ):
            _, data, headers = asking.ask("GET", PATH, place.gate)
            served.append((data, headers["etag"]))
            tags = f'"another", {headers["etag"]}'
            status, none, _ = asking.ask("GET", PATH, place.gate, **{"if-none-match": tags})
            assert (status, none) == (304, b"")
    (data, tag), (again, same) = served
    assert tag == same
    assert data != again
    for number, found in enumerate((data, again)):
        file = place.folder / f"fetched-{number}.tar.gz"
        file.write_bytes(found)
        done("policy", "verify", file.name, "--key", "keys/bundle.pub", folder=place.folder)


def test_with_one_thread_a_reload_by_http_does_not_stand_in_opas_way(place: Place) -> None:
    place.judge(production=BOTH, staging=IMAGES)
    context = place.authority.client_context()
    with ExitStack() as held:
        port = held.enter_context(reserved_port())
        service = held.enter_context(serving(place.folder, **place.files(port), PLACET_HTTP_THREADS="1"))
        asking = held.enter_context(Client.of(service, context))
        config, leaf = place.configuration(service), place.authority.issue_server("opa")
        with polling(place.folder / "opa", config, leaf, port):
            eventually(lambda: asking.ready(place), "OPA has the policy set", PATIENCE)
            second = place.judge(production=IMAGES, staging=BOTH)
            status, body, _ = asking.ask("POST", "/v1/reload", place.admin)
            assert (status, json.loads(body)) == (200, {"generation": 1, "policy": second})
            assert asking.decide(place, PRODUCTION)["policy"]["revision"] == second
        # OPA is away now: a reload waits for it in vain, and the end of the service waits for neither.
        third = place.judge(production=BOTH, staging=BOTH)
        service.process.send_signal(signal.SIGHUP)
        eventually(lambda: asking.policies(place)["published"] == third, "it is published", PATIENCE)
        assert asking.policies(place)["revision"] == second
        asking.connection.close()  # a TLS connection that nobody reads is waited for as long as requests are
        assert service.end() == 0
    assert SWITCH_SECONDS > PATIENCE  # so the end did not wait for it
