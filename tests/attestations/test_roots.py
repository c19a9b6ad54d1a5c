from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_attestations.digests import Digest
from placet_attestations.errors import AttestationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots import loading as roots
from placet_attestations.roots.loading import (
    LoadedRoot,
    RootFile,
    RootSource,
    Shipped,
    Staleness,
    Tuf,
    digest_of,
    load_root,
    mirror_path,
    pin_of,
    stale,
    tuf_of,
)
from placet_attestations.roots.shipped_roots import SHIPPED
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.roots.tuf_mirror import Mirror, VerifiedMirror, verify_mirror
from tests.tuf_repository import Repository

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PUBLIC = SHIPPED["public-good"].read_trusted_root()
STAGING = SHIPPED["staging"].read_trusted_root()


def one_line(raw: bytes, *, logs: bool = True) -> bytes:
    document = json.loads(raw)
    if not logs:
        document["tlogs"] = []
    return json.dumps(document).encode()


def load(source: RootSource, folder: Path, state: Path | None = None, **more: Any) -> LoadedRoot:
    return load_root("it", source, folder=folder, state=state, **more)


def refusal(source: RootSource, folder: Path, **more: Any) -> str:
    with pytest.raises(AttestationError) as caught:
        load(source, folder, **more)
    assert caught.value.hint
    return caught.value.code


def test_a_shipped_root(tmp_path: Path) -> None:
    root = load(Shipped("public-good"), tmp_path)
    assert root.roots == (TrustedRoot.parse(PUBLIC),)
    assert root.digest == root.pin == Digest.of(PUBLIC)
    assert (root.as_of, root.problem) == (SHIPPED["public-good"].vouched, None)
    assert tuf_of(root, tmp_path) is None
    assert refusal(Shipped("public-god"), tmp_path) == "root.unknown"


def test_a_shipped_root_that_is_to_be_refreshed_is_used_until_it_was(tmp_path: Path) -> None:
    for state in (None, tmp_path):
        root = load(Shipped("staging", refresh=True), tmp_path, state)
        assert root.digest == Digest.of(STAGING)
        assert root.pin not in (root.digest, load(Shipped("staging"), tmp_path).pin)
        assert root.as_of == SHIPPED["staging"].vouched
        assert root.problem is not None
        assert root.problem.code == "root.tuf_missing"
    found = tuf_of(load(Shipped("staging", refresh=True), tmp_path), tmp_path)
    assert found == (SHIPPED["staging"].url, SHIPPED["staging"].read_tuf_root(), "trusted_root.json")


def test_a_file_and_when_somebody_checked_it(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(PUBLIC)
    root = load(RootFile(Path("root.json"), checked=NOW), tmp_path)
    assert (root.digest, root.pin, root.as_of) == (Digest.of(PUBLIC), Digest.of(PUBLIC), NOW)
    assert load(RootFile(Path("root.json")), tmp_path).as_of is None
    assert refusal(RootFile(Path("other.json")), tmp_path) == "file.missing"
    (tmp_path / "root.json").write_bytes(b"{}")
    assert refusal(RootFile(Path("root.json")), tmp_path) == "root.type"


def test_several_roots_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "roots.jsonl"
    path.write_bytes(b"\n".join([one_line(PUBLIC), b"", one_line(STAGING, logs=False), b""]))
    root = load(RootFile(Path("roots.jsonl"), without_log=True), tmp_path)
    assert [each.without_log for each in root.roots if isinstance(each, TrustedRoot)] == [False, True]
    assert root.digest == root.pin == Digest.of(path.read_bytes())
    plain = load(RootFile(Path("roots.jsonl")), tmp_path)
    assert [each.without_log for each in plain.roots if isinstance(each, TrustedRoot)] == [False, False]
    assert refusal(RootFile(Path("roots.jsonl")), tmp_path, limits=Limits(max_roots=1)) == "root.count"
    path.write_bytes(b"\n")
    assert refusal(RootFile(Path("roots.jsonl")), tmp_path) == "root.count"


def test_without_log_is_only_for_what_has_none(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(PUBLIC)
    assert refusal(RootFile(Path("root.json"), without_log=True), tmp_path) == "root.without_log"


def test_a_bootstrap_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert refusal(Tuf("https://tuf.example.org", Path("none.json")), tmp_path) == "file.missing"


def test_the_pin_of_tuf_is_url_target_and_bootstrap(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"a")
    (tmp_path / "b.json").write_bytes(b"b")
    sources = [
        Tuf("https://one.example.org", Path("a.json")),
        Tuf("https://two.example.org", Path("a.json")),
        Tuf("https://one.example.org", Path("b.json")),
        Tuf("https://one.example.org", Path("a.json"), "other.json"),
    ]
    loaded = [load(source, tmp_path) for source in sources]
    assert len({root.pin for root in loaded}) == 4
    assert load(Tuf("https://one.example.org/", Path("a.json")), tmp_path).pin == loaded[0].pin
    assert {root.roots for root in loaded} == {()}
    assert tuf_of(loaded[0], tmp_path) == ("https://one.example.org", b"a", "trusted_root.json")


def mirrored(repository: Repository) -> VerifiedMirror:
    files = repository.files
    mirror = Mirror(
        (), files["timestamp.json"], files["1.snapshot.json"], files["1.targets.json"], repository.target
    )
    return verify_mirror(mirror, repository.bootstrap, "trusted_root.json")


def test_what_was_fetched_is_in_use(tmp_path: Path) -> None:
    repository = Repository(STAGING, now=NOW)
    path = mirror_path(tmp_path, "it")
    path.parent.mkdir()
    path.write_bytes(mirrored(repository).mirror.dump())
    (tmp_path / "root.json").write_bytes(repository.bootstrap)
    root = load(Tuf("https://tuf.example.org", Path("root.json")), tmp_path, tmp_path)
    assert (root.digest, root.as_of, root.problem) == (Digest.of(STAGING), NOW + timedelta(days=7), None)


@pytest.mark.parametrize(
    ("days", "warn", "error", "expected"),
    [
        (89, 90, None, "fresh"),
        (90, 90, None, "fresh"),
        (91, 90, None, "warn"),
        (1000, 90, None, "warn"),
        (1000, None, None, "fresh"),
        (181, 90, 180, "error"),
        (181, None, 180, "error"),
        (10, 90, 5, "error"),
        (-7, 90, 180, "fresh"),
    ],
)
def test_staleness(days: int, warn: int | None, error: int | None, expected: Staleness) -> None:
    root = LoadedRoot("it", (), Digest.of(b""), Digest.of(b""), NOW)
    spans = [None if each is None else timedelta(days=each) for each in (warn, error)]
    assert stale(root, NOW + timedelta(days=days), *spans) == expected
    assert stale(replace(root, as_of=None), NOW, *spans) == "fresh"


def test_roots_together() -> None:
    one = LoadedRoot("one", (), Digest.of(b"1"), Digest.of(b"p1"))
    two = LoadedRoot("two", (), Digest.of(b"2"), Digest.of(b"p2"))
    assert pin_of([one, two]) == pin_of([two, one]) != digest_of([one, two])
    newer = replace(one, digest=Digest.of(b"3"))
    assert pin_of([newer, two]) == pin_of([one, two])
    assert digest_of([newer, two]) != digest_of([one, two])
    assert pin_of([replace(one, id="two"), replace(two, id="one")]) != pin_of([one, two])


def test_what_was_fetched_before_a_newer_root_was_shipped_is_not_used(tmp_path: Path) -> None:
    repository = Repository(STAGING, now=NOW)
    path = mirror_path(tmp_path, "it")
    path.parent.mkdir()
    path.write_bytes(mirrored(repository).mirror.dump())
    shipped = replace(load(Shipped("public-good"), tmp_path), id="it", as_of=NOW + timedelta(days=8))
    kept = roots._kept(shipped, repository.bootstrap, "trusted_root.json", tmp_path, DEFAULT_LIMITS)
    assert (kept.digest, kept.as_of) == (shipped.digest, shipped.as_of)
    assert kept.problem is not None
    assert kept.problem.code == "root.tuf_older"
    older = replace(shipped, as_of=NOW + timedelta(days=7))
    kept = roots._kept(older, repository.bootstrap, "trusted_root.json", tmp_path, DEFAULT_LIMITS)
    assert (kept.digest, kept.problem) == (Digest.of(STAGING), None)
