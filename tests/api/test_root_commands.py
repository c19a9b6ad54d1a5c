"""`placet trust roots`, `placet trust refresh`, and what the doctor says of roots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet_attestations.digests import Digest
from placet_attestations.roots.shipped_roots import SHIPPED
from tests.api.projects import TRUST, call, done
from tests.tuf_repository import Repository, served

PUBLIC = SHIPPED["public-good"].read_trusted_root()
STAGING = SHIPPED["staging"].read_trusted_root()


@pytest.fixture
def repository(project: Path) -> Iterator[Repository]:
    """A repository, and a project whose trust.yaml names it."""
    made = Repository(PUBLIC)
    (project / "root.json").write_bytes(made.bootstrap)
    (project / "staging.json").write_bytes(STAGING)
    with served(made.files) as url:
        roots = (
            "roots:\n"
            f"  - {{id: acme, tuf: '{url}', bootstrap: root.json}}\n"
            "  - {id: plain, file: staging.json, checked: 2020-01-01}\n"
            "  - {id: public-good, refresh: true}\n"
            "  - {id: staging}\n"
        )
        (project / "trust.yaml").write_text(roots + TRUST.removeprefix("version: 1\n") + "version: 1\n")
        yield made


def test_refresh_fetches_and_says_what_is_new(project: Path, repository: Repository) -> None:
    first = done("trust", "refresh", "acme", "--json").json
    assert [(row["id"], row["before"], row["after"]) for row in first] == [("acme", None, Digest.of(PUBLIC))]
    assert first[0]["versions"] == {"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}
    repository.publish(STAGING)
    words = done("trust", "refresh", "acme").out
    assert f"acme: {Digest.of(PUBLIC)} -> {Digest.of(STAGING)}\n" in words
    assert "root 1, timestamp 2, snapshot 2, targets 2" in words
    assert f"acme: {Digest.of(STAGING)}\n" in done("trust", "refresh", "acme").out


def test_a_refresh_that_fails_says_why_and_keeps_what_there_was(
    project: Path, repository: Repository
) -> None:
    done("trust", "refresh", "acme")
    repository.files.pop("timestamp.json")
    ran = call("trust", "refresh", "acme")
    assert ran.code == 3
    assert "acme: not refreshed: " in ran.out
    assert "(roots.incomplete)" in ran.out
    rows = call("trust", "refresh", "acme", "--json").json
    assert rows[0]["error"]["code"] == "roots.incomplete"
    found = {row["id"]: row for row in done("trust", "roots", "--json").json}
    assert (found["acme"]["digest"], found["acme"]["state"]) == (Digest.of(PUBLIC), "fresh")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("acne",), "roots.unknown"), (("plain",), "roots.not_tuf"), (("staging",), "roots.not_tuf")],
)
def test_a_root_that_cannot_be_refreshed_is_said(
    project: Path, repository: Repository, arguments: tuple[str, ...], code: str
) -> None:
    ran = call("trust", "refresh", *arguments)
    assert (ran.code, code in ran.err) == (2, True)


def test_offline_nothing_is_fetched(project: Path, repository: Repository) -> None:
    (project / "placet.yaml").write_text("roots: {refresh: never}\n")
    ran = call("trust", "refresh")
    assert (ran.code, "roots.offline" in ran.err) == (2, True)
    (project / "placet.yaml").write_text("roots: {refresh: sometimes}\n")
    ran = call("trust", "roots")
    assert (ran.code, "roots.refresh" in ran.err) == (2, True)


def test_roots_are_listed_with_what_they_hold(project: Path, repository: Repository) -> None:
    found = {row["id"]: row for row in done("trust", "roots", "--json").json}
    assert list(found) == ["acme", "plain", "public-good", "staging"]
    assert (found["acme"]["state"], found["acme"]["problem"]) == ("error", "root.tuf_missing")
    assert (found["plain"]["state"], found["plain"]["source"]) == ("warn", "file staging.json")
    assert (found["public-good"]["problem"], found["staging"]["problem"]) == ("root.tuf_missing", None)
    kinds = {part["kind"] for part in found["staging"]["parts"]}
    assert kinds == {"authority", "time stamps", "log", "certificate log"}
    words = done("trust", "roots").out
    assert "plain: warn, as of 2020-01-01T00:00:00Z; file staging.json\n" in words
    assert "acme: error, of unknown age; TUF http://127.0.0.1:" in words
    assert "shipped (public-good), kept fresh by TUF" in words


def test_the_doctor_tells_of_roots_and_of_those_that_are_too_old(
    project: Path, repository: Repository
) -> None:
    done("trust", "refresh", "acme")
    ran = call("doctor")
    assert "root acme        TUF http://127.0.0.1:" in ran.out
    assert "✗ root.tuf_missing: nothing was fetched yet for the root public-good" in ran.out
    (project / "placet.yaml").write_text("roots: {error_days: 100}\n")
    ran = call("doctor")
    assert ran.code == 2
    assert "✗ root.stale: the root plain is too old: as of 2020-01-01T00:00:00Z" in ran.out


def test_without_roots_there_is_nothing_to_tell(project: Path) -> None:
    assert done("trust", "roots").out == "trust.yaml uses no trusted root\n"
    assert done("trust", "refresh").out == "no root is kept fresh by TUF\n"
    assert not (project / ".placet" / "roots").exists()
