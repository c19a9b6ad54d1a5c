"""Reloads of a service whose OPA is somebody else's: published first, in force when OPA says so, or withdrawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from placet_api.errors import BusyError, ConfigurationError
from placet_api.http.service import Service
from placet_api.project import Project, open_project
from placet_api.wiring import open_house
from placet_attestations.digests import hash_file
from placet_attestations.errors import KeyFileError
from placet_engine.errors import LogError, PolicyError
from placet_engine.evaluate import GateRequest
from placet_engine.log.log import DecisionLog
from tests.api.projects import GATE, a_file, done
from tests.engine.policy.processes import eventually
from tests.engine.policy.toy import write_toy
from tests.fakes.opa import OpaService, opa_service

LONG = 120.0  # seconds that nobody waits for in the end


@pytest.fixture
def opa() -> Iterator[OpaService]:
    with opa_service() as running:
        yield running


def config(project: Path, opa: OpaService, number: int | None = None) -> None:
    """Write placet.yaml; each number makes a policy set of its own."""
    more = ""
    if number is not None:
        a_file(project, "overlay.yaml", f"freshness: {{evaluation_days: {number}}}\n")
        more = "settings: overlay.yaml\n"
    a_file(project, "placet.yaml", f"opa: {{url: '{opa.url}'}}\n{more}")


@contextmanager
def service_of(project: Path, opa: OpaService, seconds: float = LONG) -> Iterator[Service]:
    """A service in this process whose OPA has its policy set."""

    def read() -> Project:
        return open_project(project, {}, os.environ)

    config(project, opa)
    with open_house(read()) as house:
        service = Service(read(), read, house, switch_seconds=seconds)
        opa.revision = service.ruling.revision
        try:
            yield service
        finally:
            service.close()


def published(service: Service) -> str:
    with service.use() as house:
        assert house.published is not None
        return house.published.revision


def decide(service: Service, project: Path) -> dict[str, Any]:
    """The decision on the model: the fake OPA gives no result, so it is a denial that names who judged."""
    with service.use() as house:
        return dict(
            house.evaluator.decide(GateRequest(GATE, hash_file(project / "model.json")[0])).decision.body
        )


def judged(decision: dict[str, Any]) -> tuple[str, str]:
    return decision["policy"]["revision"], decision["error"]["code"]


def notes(log: DecisionLog) -> int:
    return len(log.find(kind="reload", limit=100))


def pending(service: Service) -> str:
    """The revision that is published and does not rule yet; waits for it."""
    eventually(lambda: published(service) != service.ruling.revision, "it is published")
    return published(service)


def test_a_service_starts_before_its_opa_has_anything(project: Path, opa: OpaService) -> None:
    with service_of(project, opa) as service:
        opa.revision = ""
        assert "opa" in service.readiness()
        assert judged(decide(service, project)) == (service.ruling.revision, "opa.wrong_bundle")
        opa.revision = "f" * 64
        assert f"policy set {'f' * 64}" in service.readiness()["opa"]
        opa.revision = service.ruling.revision
        assert service.readiness() == {}


def test_a_new_policy_set_is_published_and_rules_once_opa_has_it(project: Path, opa: OpaService) -> None:
    with service_of(project, opa) as service, ThreadPoolExecutor(1) as pool:
        first = service.ruling.revision
        config(project, opa, 7)
        reloading = pool.submit(service.reload, "a test")
        second = pending(service)
        assert judged(decide(service, project)) == (first, "opa.undefined")
        assert notes(service.house.log) == 0
        opa.revision = second
        assert reloading.result().revision == second
        assert judged(decide(service, project)) == (second, "opa.undefined")
        assert (published(service), notes(service.house.log)) == (second, 1)


@pytest.mark.parametrize("ending", [False, True])
def test_an_answer_by_the_new_policy_set_lets_it_rule_and_is_not_used(
    project: Path, opa: OpaService, ending: bool
) -> None:
    with service_of(project, opa) as service, ThreadPoolExecutor(1) as pool:
        opa.healthy = False  # so that only a decision can tell
        config(project, opa, 7)
        reloading = pool.submit(service.reload, "a test")
        opa.revision = pending(service)
        before = opa.asked
        with service.use() as held:
            assert judged(decide(service, project)) == (opa.revision, "opa.undefined")
            assert opa.asked == before + 2  # the first answer was not taken for one of either
            # Whoever still works by the old ruling is taken along, too.
            request = GateRequest(GATE, hash_file(project / "model.json")[0])
            late = held.evaluator.decide(request).decision.body
            assert judged(dict(late)) == (opa.revision, "opa.undefined")
        if ending:
            service.end_soon()  # and nobody takes back what rules
        assert reloading.result() is service.ruling
        assert notes(service.house.log) == 1


def test_without_a_switch_the_reload_fails_and_what_ruled_goes_on(project: Path, opa: OpaService) -> None:
    with service_of(project, opa, 0.3) as service:
        first = service.ruling
        config(project, opa, 7)
        with pytest.raises(PolicyError) as caught:
            service.reload("a test")
        assert caught.value.code == "opa.not_switched"
        assert first.revision in caught.value.message
        assert (service.ruling, published(service)) == (first, first.revision)
        assert judged(decide(service, project)) == (first.revision, "opa.undefined")
        assert notes(service.house.log) == 0
        # Had OPA taken it in that moment, nobody would judge by it: denied, until OPA has fetched the old one again.
        opa.revision = "7" * 64
        assert judged(decide(service, project)) == (first.revision, "opa.wrong_bundle")


def test_one_more_reload_waits_and_reads_what_is_there_then(project: Path, opa: OpaService) -> None:
    with service_of(project, opa) as service, ThreadPoolExecutor(2) as pool:
        config(project, opa, 7)
        first = pool.submit(service.reload, "the first")
        second = pending(service)
        waiting = pool.submit(service.reload, "the second")
        eventually(service._waiting.locked, "it waits")
        with pytest.raises(BusyError) as caught:
            service.reload("the third")
        assert caught.value.code == "http.reloading"
        config(project, opa, 8)
        opa.revision = second
        assert first.result().number == 1
        eventually(lambda: published(service) != second, "the second is published")
        opa.revision = third = published(service)
        assert (waiting.result().revision, waiting.result().number) == (third, 2)
        assert len({second, third}) == 2


def test_an_end_does_not_wait_for_opa(project: Path, opa: OpaService) -> None:
    with ThreadPoolExecutor(2) as pool:
        with service_of(project, opa) as service:
            config(project, opa, 7)
            reloading = pool.submit(service.reload, "a test")
            pending(service)
            queued = pool.submit(service.reload, "another")
            eventually(service._waiting.locked, "it waits")
        for refused in (reloading, queued):
            error = refused.exception()
            assert isinstance(error, BusyError)
            assert error.code == "http.closing"


def test_trust_alone_waits_for_no_opa(project: Path, opa: OpaService) -> None:
    # A revocation counts at once, also while OPA is away.
    with service_of(project, opa) as service:
        opa.healthy, opa.revision = False, ""
        trust = project / "trust.yaml"
        trust.write_text(
            trust.read_text().replace("revoked: []", "revoked:\n  - {signer: intern, from: always}")
        )
        assert service.reload("a test") is service.ruling
        assert (service.ruling.number, notes(service.house.log)) == (1, 1)


def test_a_policy_set_that_does_not_compile_is_never_published(project: Path, opa: OpaService) -> None:
    with service_of(project, opa) as service:
        first = service.ruling
        write_toy(project / "broken", {"placet/main/main.rego": "package placet.main\n\ndecision := {"})
        a_file(project, "placet.yaml", f"opa: {{url: '{opa.url}'}}\npolicies: broken\n")
        with pytest.raises(PolicyError) as caught:
            service.reload("a test")
        assert caught.value.code == "policy.compile"
        assert (service.ruling, published(service)) == (first, first.revision)


class FullLog(LogError):
    """What a log raises that cannot be written."""


def test_a_log_that_takes_no_note_leaves_everything_as_it_was(project: Path, opa: OpaService) -> None:
    with service_of(project, opa) as service:
        first = service.ruling
        append: Callable[..., Any] = service.house.log.append

        def refuse(*_: Any, **__: Any) -> Any:
            raise FullLog("log.unwritable", "no room")

        config(project, opa, 7)
        with ThreadPoolExecutor(1) as pool:
            reloading = pool.submit(service.reload, "a test")
            second = pending(service)
            service.house.log.append = refuse  # type: ignore[method-assign]
            opa.revision = second
            with pytest.raises(FullLog):
                reloading.result()
        assert (service.ruling, published(service)) == (first, first.revision)
        with pytest.raises(FullLog):
            decide(service, project)
        service.house.log.append = append  # type: ignore[method-assign]
        assert judged(decide(service, project)) == (first.revision, "opa.wrong_bundle")


def test_a_bundle_key_that_others_may_read_signs_nothing(project: Path, opa: OpaService) -> None:
    done("key", "new", "bundle", folder=project)
    key = project / ".placet/keys/bundle.key"
    key.chmod(0o640)
    a_file(project, "placet.yaml", f"http: {{bundle_key: {key}}}\n")
    found = open_project(project, {}, os.environ)
    with open_house(found) as house, pytest.raises(KeyFileError) as caught:
        Service(found, lambda: found, house)
    assert caught.value.code == "key.permissions"


def test_a_configuration_that_vanished_is_no_configuration(project: Path) -> None:
    def read() -> Project:
        return open_project(project, {}, os.environ)

    (project / ".placet").mkdir(exist_ok=True)
    with open_house(read()) as house:
        service = Service(read(), read, house)
        (project / "placet.yaml").unlink()
        with pytest.raises(ConfigurationError) as caught:
            service.reload("a test")
        assert (caught.value.code, service.ruling.number) == ("settings.vanished", 0)
        a_file(project, "placet.yaml", "")
        assert service.reload("a test").number == 1
        service.close()


def test_a_reload_forgets_every_verdict(project: Path, opa: OpaService) -> None:
    with service_of(project, opa) as service:
        with service.use() as house:
            digest = next(iter(house.store.all()))
            raw = house.store.get(digest)
            assert raw is not None
            first = house.verifier.verify(raw, house.trust)
            assert house.verifier.verify(raw, house.trust) is first
        service.reload("a test")
        with service.use() as house:
            again = house.verifier.verify(raw, house.trust)
        assert again == first
        assert again is not first
