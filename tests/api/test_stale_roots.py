"""A root that is too old by the setting `roots.error_days` is out of use; who judges stays who it was."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from placet_api.bundle_files import read_bundles
from placet_api.project import open_project
from placet_api.verifying import verify_file
from placet_api.wiring import open_house
from placet_attestations.errors import VerificationError
from tests.certified import ROOTS, a_realm, by_workflow

CHECKED = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project whose trust.yaml names a root that somebody checked."""
    a_realm(tmp_path, roots=ROOTS.replace("acme.json}", "acme.json, checked: 2026-11-01}"))
    (tmp_path / "placet.yaml").write_text("roots: {error_days: 20}\n")
    (tmp_path / "it.json").write_bytes(by_workflow())
    return tmp_path


@pytest.mark.parametrize(("days", "stale"), [(19, False), (20, False), (21, True)])
def test_the_house_uses_no_root_that_is_too_old(place: Path, days: int, stale: bool) -> None:
    project = open_project(place, {}, os.environ)
    with open_house(project, clock=lambda: CHECKED + timedelta(days=days)) as house:
        raw = (place / "it.json").read_bytes()
        (row,) = verify_file(house, read_bundles(place / "it.json"))
        if stale:
            with pytest.raises(VerificationError) as caught:
                house.verifier.verify(raw, house.trust)
            assert (caught.value.code, row.code, row.counts) == ("root.stale", "root.stale", False)
        else:
            assert (row.code, row.counts) == (None, True)
        pin = house.trust.roots_pin
    with open_house(project, clock=lambda: CHECKED) as house:
        assert house.trust.roots_pin == pin


def test_by_default_no_root_is_too_old(place: Path) -> None:
    (place / "placet.yaml").write_text("{}\n")
    project = open_project(place, {}, os.environ)
    with open_house(project, clock=lambda: CHECKED + timedelta(days=10_000)) as house:
        assert [row.counts for row in verify_file(house, read_bundles(place / "it.json"))] == [True]


def test_what_was_proved_before_a_revocation_counts_when_it_is_verified_today(place: Path) -> None:
    trust = place / "trust.yaml"
    text = trust.read_text()
    for since, counts in (("2026-10-01", True), ("2026-01-01", False)):
        trust.write_text(f"{text}revoked: [{{signer: ci, from: {since}}}]\n")
        with open_house(open_project(place, {}, os.environ), clock=lambda: CHECKED) as house:
            (row,) = verify_file(house, read_bundles(place / "it.json"))
            assert (row.counts, row.code) == (counts, None if counts else "trust.signer_revoked")
            assert ("revoked" in row.words) is not counts
