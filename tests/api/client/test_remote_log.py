"""`placet --server URL log verify` against a real service: honest, changed on the way, put back, forked, dying."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from placet_api.client.connection import Connection
from placet_api.client.remote_log import audit_service
from placet_api.errors import AccessError
from placet_api.project import anywhere
from placet_attestations.strictjson import JsonValue
from placet_engine.log.entry import admission_draft, event_draft
from placet_engine.log.log import DecisionLog
from placet_engine.log.merkle import leaf_hash
from placet_engine.log.note import NoteSigner
from tests.api.http.serving import Serving, serving
from tests.api.projects import GATE, Ran, call, done, placet_environment
from tests.fakes.relay import Passed, Relay, relaying

pytestmark = pytest.mark.xdist_group("http")

ADMISSION = "01a20d58-bffb-7f65-a57c-0aee42d28ac2"
ENTRIES = 600  # two full tiles of leaves, a part of a third, and the beginning of a tile above them


def fill(folder: Path, size: int, why: str) -> None:
    """Append events until the log has `size` entries."""
    state = folder / ".placet"
    with DecisionLog.open(state / "placet.db", key=state / "log.key", head=state / "log.head") as log:
        missing = size - log.head().size
        drafts = [
            event_draft("reload", datetime.now(UTC), {"why": f"{why} {number}"}) for number in range(missing)
        ]
        for future in [log.submit(draft) for draft in drafts]:
            future.result()


def admit(folder: Path) -> None:
    """Append the answer of a webhook."""
    state = folder / ".placet"
    told: dict[str, JsonValue] = {
        "environment": "staging",
        "code": "image.tag_only",
        "dryRun": True,
        "decisions": [],
    }
    with DecisionLog.open(state / "placet.db", key=state / "log.key", head=state / "log.head") as log:
        log.append(admission_draft(ADMISSION, datetime.now(UTC), "deny", told, b"{}"))


def copy(place: Path, folder: Path) -> Path:
    shutil.copytree(place, folder)
    return folder


@pytest.fixture(scope="module")
def place(ready: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of a service, with a decision and many events in its log; it is served from copies."""
    with placet_environment(cache):
        folder = copy(ready, tmp_path_factory.mktemp("log") / "churn")
        done("gate", GATE, "model.json", "--context", "ticket=CHG-1042", folder=folder)
        fill(folder, ENTRIES, "honest")
        admit(folder)
        token = done("token", "new", "auditor@example.org", "--role", "auditor", folder=folder).out
        (folder / "token").write_text(token)
        return folder


@pytest.fixture(scope="module")
def service(place: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = copy(place, tmp_path_factory.mktemp("served") / "churn")
    with placet_environment(cache), serving(folder) as running:
        yield running


@pytest.fixture
def desk(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The auditor's folder: a token in the environment, and the log's key from other hands."""
    folder = tmp_path / "desk"
    folder.mkdir()
    shutil.copy(place / "log.pub", folder)
    monkeypatch.setenv("PLACET_TOKEN", (place / "token").read_text().strip())
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def relay(service: Serving, desk: Path) -> Iterator[Relay]:
    with relaying(service.url) as running:
        yield running


def verify(url: str, *arguments: str) -> Ran:
    return call("--server", url, "log", "verify", *arguments)


def test_a_whole_log_holds_and_its_head_is_kept(service: Serving, desk: Path) -> None:
    ran = verify(service.url)
    assert ran.code == 0, ran
    size = verify(service.url, "--json").json["entries"]
    assert size >= ENTRIES
    first, kept, unchecked = ran.out.splitlines()
    assert first.endswith(f"is whole: all of its {size} entries hold")
    assert kept == "  its head is kept here from now on; there was none yet to compare it with"
    assert "payloads, reservations, index" in unchecked
    assert f"it goes on from the head of {size} entries that was kept here" in verify(service.url).out
    (head,) = (desk / ".placet" / "heads").iterdir()
    assert str(size) in head.read_text()


def test_far_and_near_give_the_same_shape(service: Serving, desk: Path) -> None:
    far, near = (
        verify(service.url, "--json").json,
        call("log", "verify", "--json", folder=service.folder).json,
    )
    assert far.keys() == near.keys()
    assert (near["unchecked"], near["compared_with"]) == ([], near["entries"])
    assert (far["unchecked"], far["compared_with"]) == (["payloads", "reservations", "index"], None)
    assert (far["origin"], far["ok"], far["first_bad"], far["reason"]) == (near["origin"], True, None, None)


def test_an_auditor_finds_shows_and_proves(service: Serving, desk: Path) -> None:
    for arguments in (
        ("list", "--all", "--limit", "3"),
        ("list", "--json"),
        ("find", "--actor", "dev@example.org", "--json"),
        ("find", "--rule", "change.approved"),
    ):
        far = call("--server", service.url, "log", *arguments)
        assert far == call("log", *arguments, folder=service.folder)
    listed = call("--server", service.url, "log", "list", "--all").out
    assert f"deny  (dry run)  admission  staging  {ADMISSION}  image.tag_only" in listed
    (row,) = call("--server", service.url, "log", "find", "--gate", GATE, "--json").json
    shown = call("--server", service.url, "log", "show", row["decision"])
    assert shown == call("log", "show", row["decision"], folder=service.folder)
    assert call("--server", service.url, "log", "prove", row["decision"], "--to", "one.proof").code == 0
    done("log", "check", "one.proof", "--log-key", "log.pub")


def test_the_key_comes_from_the_checkers_hands(
    service: Serving, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (desk / "log.pub").read_text().strip()
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PLACET_SERVER", service.url)
    ran = call("log", "verify")  # in CI the tree is not the checker's
    assert (ran.code, "log.no_key" in ran.err) == (2, True)
    assert call("log", "verify", "--log-key", key).code == 0
    monkeypatch.delenv("CI")
    (desk / "log.pub").unlink()
    ran = verify(service.url)
    assert (ran.code, "log.no_key" in ran.err) == (2, True)
    assert verify(service.url, "--log-key", key).code == 0


def test_another_key_makes_no_head(service: Serving, desk: Path) -> None:
    (desk / "other.pub").write_text(NoteSigner.generate("example.org/other").verifier.vkey)
    ran = verify(service.url, "--log-key", "other.pub")
    assert ran.code == 1
    assert "the head is the first that does not hold: the checkpoint of the log does not hold" in ran.out
    assert not (desk / ".placet").exists()


def flipped(place: int) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        changed = bytearray(body)
        changed[place] ^= 1
        return bytes(changed)

    return change


def in_leaf(body: bytes) -> bytes:
    """Another word in the last entry of a bundle, of the same length."""
    head, word, tail = body.rpartition(b"honest")
    assert word
    return head + b"Honest" + tail


@pytest.mark.parametrize(
    ("path", "change", "first_bad", "reason"),
    [
        ("/tile/0/000", flipped(5 * 32 + 7), 5, "its leaf is not the one in the tree"),
        ("/tile/0/001", flipped(0), 256, "its leaf is not the one in the tree"),
        ("/tile/0/002.p/", flipped(3), 512, "its leaf is not the one in the tree"),
        ("/tile/1/000.p/2", flipped(32), 256, "the tree's node over entries 256 to 511 is not theirs"),
        ("/tile/0/000", lambda body: body[:-32], 255, "its leaf is not the one in the tree"),
        ("/tile/0/000", lambda body: body + bytes(32), 0, "its tile is longer than the tree"),
        ("/tile/entries/000", in_leaf, 255, "its leaf is not the one in the tree"),
        ("/tile/entries/001", flipped(2), 256, "a leaf is not JSON"),
        ("/tile/entries/001", lambda body: body[:-1], 511, "it is cut off in its bundle"),
        ("/tile/entries/001", lambda body: b"", 256, "it is cut off in its bundle"),
        ("/tile/entries/001", lambda body: body + b"\0\0", 256, "its bundle holds more than its entries"),
        ("/checkpoint", flipped(-5), None, "the checkpoint of the log does not hold"),
    ],
)
def test_one_changed_byte_is_found_where_it_is(
    relay: Relay, desk: Path, path: str, change: Callable[[bytes], bytes], first_bad: int | None, reason: str
) -> None:
    relay.twist = lambda asked, answer: (
        replace(answer, body=change(answer.body)) if asked.startswith(path) else answer
    )
    ran = verify(relay.url, "--json")
    assert ran.code == 1, ran
    assert (ran.json["ok"], ran.json["first_bad"]) == (False, first_bad)
    assert reason in ran.json["reason"]
    assert verify(relay.url).out.startswith("the log ")
    assert not (desk / ".placet").exists()


def test_entries_and_tiles_changed_alike_do_not_make_the_signed_root(relay: Relay, desk: Path) -> None:
    """Whoever changes an entry and the tile over it still has no signature for what they make."""

    def lie(path: str, answer: Passed) -> Passed:
        if path.startswith("/tile/entries/002"):
            return replace(answer, body=answer.body.replace(b"honest", b"Honest"))
        if not path.startswith("/tile/0/002"):
            return answer
        lied = relay.answer(path.replace("/tile/0/", "/tile/entries/"), f"Bearer {token()}").body
        return replace(answer, body=b"".join(map(leaf_hash, leaves(lied))))

    relay.twist = lie
    ran = verify(relay.url)
    assert ran.code == 1
    assert "the entries up to it do not make the signed root" in ran.out


def leaves(bundle: bytes) -> Iterator[bytes]:
    while bundle:
        stop = 2 + int.from_bytes(bundle[:2], "big")
        yield bundle[2:stop]
        bundle = bundle[stop:]


def token() -> str:
    return os.environ["PLACET_TOKEN"]


def test_a_log_that_was_cut_and_signed_again_is_found_out(place: Path, desk: Path, tmp_path: Path) -> None:
    longer = copy(place, tmp_path / "longer")
    fill(longer, ENTRIES + 40, "later")
    with serving(longer) as running:
        assert verify(running.url).code == 0
    # The same key, an earlier copy of store and head: to itself this service looks whole.
    shorter = copy(place, tmp_path / "shorter")
    with serving(shorter) as running:
        ran = verify(running.url, "--json")
        assert call("log", "verify", folder=shorter).code == 0
    assert ran.code == 1
    kept = ran.json["compared_with"]
    assert kept >= ENTRIES + 40
    assert ran.json["first_bad"] == ran.json["entries"] < kept
    assert ran.json["reason"] == f"it is missing: a head of {kept} entries was signed and kept"


def test_a_log_that_forked_is_found_out(place: Path, desk: Path, tmp_path: Path) -> None:
    first = copy(place, tmp_path / "first")
    fill(first, ENTRIES + 40, "told to one")
    with serving(first) as running:
        assert verify(running.url).code == 0
    second = copy(place, tmp_path / "second")
    fill(second, ENTRIES + 300, "told to another")
    with serving(second) as running:
        ran = verify(running.url, "--json")
        other = tmp_path / "elsewhere"
        other.mkdir()
        key = str(desk / "log.pub")
        assert call("--server", running.url, "log", "verify", "--log-key", key, folder=other).code == 0
    assert ran.code == 1
    assert ran.json["first_bad"] == ran.json["compared_with"] - 1
    assert "signed and kept, and these are not they" in ran.json["reason"]


def test_a_service_that_dies_on_the_way_says_nothing(place: Path, desk: Path, tmp_path: Path) -> None:
    with serving(copy(place, tmp_path / "dying")) as running, relaying(running.url) as relay:
        relay.before = lambda path: path == "/tile/entries/001" and running.end(signal.SIGKILL)
        ran = verify(relay.url)
        assert (ran.code, ran.out) == (3, "")
        assert "service." in ran.err
        assert relay.asked[-1] == "/tile/entries/001"
    assert not (desk / ".placet").exists()


def problem(status: int, code: str, after: str | None = None) -> Passed:
    body = json.dumps({"code": code, "detail": "the service says so"}).encode()
    return Passed(status, "application/problem+json", body, after)


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (
            problem(404, "log.not_found"),
            1,
            "entry 256 is the first that does not hold: the service has it no more",
        ),
        (
            problem(503, "log.corrupt"),
            1,
            "entry 256 is the first that does not hold: the service has it no more",
        ),
        (problem(503, "http.busy"), 3, "http.busy"),
        (problem(404, "http.no_route"), 2, "http.no_route"),
        (problem(401, "access.unknown"), 2, "access.unknown"),
        (Passed(200, "text/html", b"<p>log in"), 3, "the answer is text/html"),
    ],
)
def test_what_a_service_says_instead_of_a_tile(relay: Relay, said: Passed, code: int, words: str) -> None:
    relay.twist = lambda path, answer: said if path == "/tile/entries/001" else answer
    ran = verify(relay.url)
    assert (ran.code, words in ran.out + ran.err) == (code, True)


def test_a_checkpoint_that_is_no_text_is_no_answer(relay: Relay) -> None:
    relay.twist = lambda path, answer: replace(answer, body=b"\xff") if path == "/checkpoint" else answer
    ran = verify(relay.url)
    assert (ran.code, "service.answer" in ran.err) == (3, True)


def test_where_nothing_is_signed_nothing_is_verified(relay: Relay, desk: Path) -> None:
    def hidden(path: str, answer: Passed) -> Passed:
        return replace(answer, body=b"") if path == "/checkpoint" else answer

    relay.twist = hidden
    ran = verify(relay.url)
    assert (ran.code, "the service has no signed head" in ran.out) == (1, True)
    assert not (desk / ".placet").exists()
    relay.twist = lambda _, answer: answer
    assert verify(relay.url).code == 0
    relay.twist = hidden
    ran = verify(relay.url, "--json")
    assert (ran.code, ran.json["first_bad"], ran.json["entries"]) == (1, None, 0)


def test_slower_is_heard(relay: Relay, desk: Path) -> None:
    slow = [problem(429, "access.rate", after) for after in ("3", "60", None)]
    relay.twist = lambda path, answer: slow.pop(0) if slow and path == "/tile/0/001" else answer
    pauses: list[float] = []
    connection = Connection(relay.url, token(), None, 60)
    project = anywhere(desk, {}, {})
    assert audit_service(connection, project, None, pause=pauses.append).ok
    assert pauses == [3, 5, 1]
    relay.twist = lambda path, answer: problem(429, "access.rate", "1") if path == "/tile/0/001" else answer
    with pytest.raises(AccessError, match="the service says so"):
        audit_service(connection, project, None, pause=pauses.append)
    assert len(pauses) == 22


def test_a_head_that_cannot_be_read_or_kept(relay: Relay, desk: Path) -> None:
    heads = desk / ".placet" / "heads"
    heads.parent.mkdir()
    heads.symlink_to("nowhere")
    ran = verify(relay.url)
    assert (ran.code, "log.unwritable" in ran.err, ran.out) == (3, True, "")
    heads.unlink()
    assert verify(relay.url).code == 0
    (head,) = heads.iterdir()
    head.write_text("something else")
    ran = verify(relay.url)
    assert ran.code == 1
    assert "the kept head of the log does not hold" in ran.out
