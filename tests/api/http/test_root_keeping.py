"""A running service takes over what TUF says, with one worker and with two: as a reload, without a request."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import pytest

from placet_attestations.roots.loading import mirror_path
from placet_attestations.roots.shipped_roots import SHIPPED
from tests.api.http.serving import Serving, serving, wait_until
from tests.api.projects import token_for
from tests.tuf_repository import Repository, served

PUBLIC = SHIPPED["public-good"].read_trusted_root()


def number_of(running: Serving, token: str, name: str) -> float | None:
    """The highest value of a metric about the root acme."""
    text = running.get("/metrics", token).body.decode()
    found = re.findall(rf'^{name}{{root="acme"}} (\S+)$', text, re.MULTILINE)
    return max(map(float, found), default=None)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_fetches_at_its_start_and_reloads(place: Path, tmp_path: Path, workers: str) -> None:
    folder = shutil.copytree(place, tmp_path / "project", symlinks=True)
    token = token_for(folder, "auditor@example.org", "auditor")
    repository = Repository(PUBLIC)
    (folder / "root.json").write_bytes(repository.bootstrap)
    trust = folder / "trust.yaml"
    with served(repository.files) as url:
        trust.write_text(
            trust.read_text() + f"roots:\n  - {{id: acme, tuf: '{url}', bootstrap: root.json}}\n"
        )
        with serving(folder, PLACET_HTTP_WORKERS=workers) as running:
            running.wait_for("reloaded: roots: acme is another one")
            wait_until(lambda: (number_of(running, token, "placet_root_age_seconds") or 0.0) < -86400 * 6)
            wait_until(lambda: running.get("/readyz").status == 200)
            assert mirror_path(folder / ".placet" / "roots", "acme").exists()
            assert number_of(running, token, "placet_root_refresh_failures_total") is None
            assert running.end(signal.SIGTERM) == 0


def test_a_repository_that_is_away_ends_nothing_and_is_counted(place: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(place, tmp_path / "project", symlinks=True)
    token = token_for(folder, "auditor@example.org", "auditor")
    (folder / "root.json").write_bytes(Repository(PUBLIC).bootstrap)
    trust = folder / "trust.yaml"
    with served({}) as url:
        trust.write_text(
            trust.read_text() + f"roots:\n  - {{id: acme, tuf: '{url}', bootstrap: root.json}}\n"
        )
        with serving(folder) as running:
            running.wait_for("the root acme was not refreshed")
            wait_until(lambda: number_of(running, token, "placet_root_refresh_failures_total") == 1.0)
            assert running.get("/readyz").status == 200
            assert running.end(signal.SIGTERM) == 0
