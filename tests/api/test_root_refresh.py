"""What a TUF repository may do to us: the same answers as python-tuf's own client gives, attack by attack."""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api import exceptions
from tuf.api._payload import MetaFile
from tuf.ngclient import FetcherInterface, Updater  # type: ignore[attr-defined]

from placet_api.errors import HOUSE_ERRORS, BusyError, ServiceError, UsageError
from placet_api.root_refresh import Get, Refreshed, over_https, refresh
from placet_api.root_state import held, replace
from placet_attestations.errors import AttestationError, MalformedError, StoreError, VerificationError
from placet_attestations.limits import DEFAULT_LIMITS, Limits
from placet_attestations.roots.loading import LoadedRoot, RootFile, Shipped, Tuf, load_root, mirror_path
from placet_attestations.roots.shipped_roots import SHIPPED
from placet_attestations.roots.trusted_root import TrustedRoot
from placet_attestations.roots.tuf_chain import Wanted
from tests.tls import Authority
from tests.tuf_repository import NAME, Repository, served

OLD = SHIPPED["public-good"].read_trusted_root()
NEW = SHIPPED["staging"].read_trusted_root()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
URL = "http://127.0.0.1:1"


class InMemory(FetcherInterface):
    """python-tuf's door to the files."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self._files.get(url.removeprefix(f"{URL}/"))
        if data is None:
            raise exceptions.DownloadHTTPError("no such file", 404)
        return iter([data])


class Clients:
    """Ours and python-tuf's, each with its own memory of the same repository."""

    def __init__(self, folder: Path, repository: Repository, limits: Limits = DEFAULT_LIMITS) -> None:
        self.folder, self.repository, self.limits = folder, repository, limits
        (folder / "bootstrap.json").write_bytes(repository.bootstrap)
        (folder / "theirs" / "targets").mkdir(parents=True, exist_ok=True)

    def load(self) -> LoadedRoot:
        source = Tuf(URL, Path("bootstrap.json"))
        return load_root("acme", source, folder=self.folder, state=self.folder / "state", limits=self.limits)

    def ours(self) -> Refreshed:
        return refresh(
            self.load(),
            folder=self.folder,
            state=self.folder / "state",
            getting=self._getting,
            now=self.repository.now,
            limits=self.limits,
        )

    def theirs(self) -> bytes:
        """The target as python-tuf fetches it; raises what it raises."""
        updater = Updater(
            str(self.folder / "theirs"),
            URL,
            str(self.folder / "theirs" / "targets"),
            f"{URL}/targets",
            InMemory(self.repository.files),
            bootstrap=self.repository.bootstrap,
        )
        updater.refresh()
        info = updater.get_targetinfo(NAME)
        assert info is not None
        return Path(updater.find_cached_target(info) or updater.download_target(info)).read_bytes()

    def both(self) -> str:
        """`taken`, or the code of our refusal; both clients say the same."""
        try:
            theirs: bytes | None = self.theirs()
        except (exceptions.RepositoryError, exceptions.DownloadError, ValueError):
            theirs = None
        try:
            ours = self.ours()
        except HOUSE_ERRORS as error:
            code, target = error.code, None
        else:
            code, target = "taken", ours.after.target
        assert theirs == target, code
        return code

    def _getting(self, url: str) -> Get:
        assert url == URL

        def get(wanted: Wanted) -> bytes | None:
            data = self.repository.files.get(wanted.path)
            if data is not None and len(data) > wanted.max_bytes:
                raise ServiceError("service.answer", "too long")
            return data

        return get


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    return Clients(tmp_path, Repository(OLD))


def stranger() -> list[CryptoSigner]:
    return [CryptoSigner.generate_ed25519()]


def none(_: Any) -> None:
    return


def wrong_signature(path: str) -> Callable[[Repository], None]:
    return lambda repository: repository.again(path, none, stranger())


def lower(role: str) -> Callable[[Repository], None]:
    def attack(repository: Repository) -> None:
        repository.publish(NEW)  # what both of them saw is 2 by then
        repository.versions[role] = 1
        repository.versions.update({each: 9 for each in ("timestamp", "snapshot", "targets") if each != role})
        repository.publish(OLD, bump=False)

    return attack


def expired(role: str) -> Callable[[Repository], None]:
    return lambda repository: repository.publish(NEW, days={role: -1})


def expired_root(repository: Repository) -> None:
    repository.root.expires = repository.now - timedelta(days=1)
    repository.publish_root(repository.keys["root"], version=2)


def below_threshold(repository: Repository) -> None:
    repository.root.version = 2
    repository.publish_root(repository.keys["root"][:1])


def by_new_keys_alone(repository: Repository) -> None:
    repository.keys["root"] = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa()]
    repository.root.roles["root"].keyids = []
    for signer in repository.keys["root"]:
        repository.root.add_key(signer.public_key, "root")
    repository.publish_root(repository.keys["root"], version=2)


def by_old_keys_alone(repository: Repository) -> None:
    old = repository.keys["root"]
    by_new_keys_alone(repository)
    repository.publish_root(old)


def skipped_root(repository: Repository) -> None:
    repository.root.version = 3
    repository.files["2.root.json"] = repository.publish_root(repository.keys["root"])


def mixed(repository: Repository) -> None:
    old = repository.copy()
    repository.publish(NEW)
    repository.files["3.targets.json"] = old["2.targets.json"]


def announced_otherwise(repository: Repository) -> None:
    """A snapshot that says another version than its timestamp does."""
    repository.publish(NEW)
    repository.files["3.snapshot.json"] = repository.files["2.snapshot.json"]

    def change(timestamp: Any) -> None:
        timestamp.snapshot_meta = MetaFile(3)

    repository.again("timestamp.json", change, repository.keys["timestamp"])


def without_targets(repository: Repository) -> None:
    repository.publish(NEW)

    def drop(targets: Any) -> None:
        targets.targets.clear()

    repository.again("3.targets.json", drop, repository.keys["targets"])


def other_target(repository: Repository) -> None:
    repository.publish(NEW)
    for path in repository.files:
        if path.startswith("targets/"):
            repository.files[path] = b"{}"


def longer_target(repository: Repository) -> None:
    repository.publish(NEW)
    for path in repository.files:
        if path.startswith("targets/"):
            repository.files[path] += b" "


def endless(path: str) -> Callable[[Repository], None]:
    def attack(repository: Repository) -> None:
        repository.files[path] = repository.files.get(path, b"{}") + b" " * 6_000_000

    return attack


def gone(path: str) -> Callable[[Repository], None]:
    return lambda repository: (repository.files.pop(path), None)[1]


def other_role(repository: Repository) -> None:
    repository.files["timestamp.json"] = repository.files["1.snapshot.json"]


def no_json(repository: Repository) -> None:
    repository.files["timestamp.json"] = b"[" * 16_000


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (none, "taken"),
        (lambda repository: repository.publish(NEW), "taken"),
        (lambda repository: repository.rotate("root"), "taken"),
        (lambda repository: (repository.rotate("timestamp"), repository.publish(NEW)), "taken"),
        (lambda repository: repository.rotate("timestamp"), "root.tuf_signature"),
        (lambda repository: repository.rotate("timestamp", compromised=True), "root.tuf_signature"),
        (wrong_signature("timestamp.json"), "root.tuf_signature"),
        (below_threshold, "root.tuf_signature"),
        (by_new_keys_alone, "root.tuf_signature"),
        (by_old_keys_alone, "root.tuf_signature"),
        (skipped_root, "root.tuf_version"),
        (lower("timestamp"), "root.tuf_version"),
        (lower("snapshot"), "root.tuf_version"),
        (lower("targets"), "root.tuf_version"),
        (mixed, "root.tuf_hash"),
        (announced_otherwise, "root.tuf_version"),
        (expired("timestamp"), "root.tuf_expired"),
        (expired("snapshot"), "root.tuf_expired"),
        (expired("targets"), "root.tuf_expired"),
        (expired_root, "root.tuf_expired"),
        (without_targets, "root.tuf_hash"),
        (other_target, "root.tuf_hash"),
        (longer_target, "service.answer"),
        (endless("timestamp.json"), "service.answer"),
        (endless("2.root.json"), "service.answer"),
        (gone("timestamp.json"), "roots.incomplete"),
        (other_role, "root.tuf_shape"),
        (no_json, "root.tuf_shape"),
    ],
)
def test_both_clients_take_and_refuse_the_same(
    clients: Clients, attack: Callable[[Repository], None], code: str
) -> None:
    """The first fetch is honest; `lower` needs a second one to go back behind."""
    repository = clients.repository
    repository.publish(OLD)
    assert clients.both() == "taken"
    kept = mirror_path(clients.folder / "state", "acme").read_bytes()
    attack(repository)
    assert clients.both() == code
    if code != "taken":
        assert mirror_path(clients.folder / "state", "acme").read_bytes() == kept
        assert clients.load().digest == TrustedRoot.parse(OLD).digest


def test_a_repository_without_consistent_snapshots_is_read_too(tmp_path: Path) -> None:
    clients = Clients(tmp_path, Repository(OLD, consistent=False))
    assert clients.both() == "taken"
    clients.repository.publish(NEW)
    assert clients.both() == "taken"
    assert clients.load().digest == TrustedRoot.parse(NEW).digest


def test_a_new_key_lets_a_repository_recover_from_versions_that_ran_ahead(clients: Clients) -> None:
    repository = clients.repository
    repository.versions.update(timestamp=900, snapshot=900)
    repository.publish(OLD, bump=False)
    assert clients.both() == "taken"
    repository.versions.update(timestamp=1, snapshot=1)
    repository.publish(NEW, bump=False)
    assert clients.both() == "root.tuf_version"
    for role in ("timestamp", "snapshot"):
        repository.rotate(role)
    repository.publish(NEW)
    assert clients.both() == "taken"


def test_a_key_under_two_ids_counts_once_towards_a_threshold(clients: Clients) -> None:
    """python-tuf counts it twice: the one difference of the two in what is refused."""
    repository = clients.repository
    (key,) = repository.keys["timestamp"]
    twin = CryptoSigner(
        key._private_key,
        type(key.public_key)(
            "b" * 64, key.public_key.keytype, key.public_key.scheme, dict(key.public_key.keyval)
        ),
    )
    repository.root.add_key(twin.public_key, "timestamp")
    repository.root.roles["timestamp"].threshold = 2
    repository.root.version = 2
    repository.publish_root(repository.keys["root"])
    repository.keys["timestamp"].append(twin)
    repository.publish(NEW)
    assert clients.theirs() == NEW
    with pytest.raises(VerificationError, match="1 of 2 keys") as caught:
        clients.ours()
    assert caught.value.code == "root.tuf_signature"


def test_an_equal_version_keeps_what_was_seen(clients: Clients) -> None:
    """Two timestamps of one version: the first one counts, and nothing else is asked for."""
    assert clients.both() == "taken"
    clients.repository.publish(NEW, bump=False)
    for path in tuple(clients.repository.files):
        if path.endswith(("snapshot.json", "targets.json")) or path.startswith("targets/"):
            del clients.repository.files[path]
    assert clients.both() == "taken"
    assert clients.load().digest == TrustedRoot.parse(OLD).digest


def test_what_is_kept_still_holds_when_it_has_expired_and_says_until_when(clients: Clients) -> None:
    clients.repository.publish(NEW, days={"snapshot": 2, "timestamp": 3})
    done = clients.ours()
    loaded = clients.load()
    assert done.before is None
    assert loaded.as_of == done.after.until == clients.repository.now + timedelta(days=2)
    assert (loaded.problem, len(loaded.roots), loaded.digest) == (None, 1, TrustedRoot.parse(NEW).digest)


def test_a_refresh_moves_the_digest_and_not_the_pin(clients: Clients) -> None:
    nothing = clients.load()
    assert (nothing.roots, getattr(nothing.problem, "code", "")) == ((), "root.tuf_missing")
    clients.ours()
    first = clients.load()
    clients.repository.publish(NEW)
    done = clients.ours()
    second = clients.load()
    assert done.before is not None
    assert first.pin == second.pin == nothing.pin
    assert len({nothing.digest, first.digest, second.digest}) == 3


@pytest.mark.parametrize("field", ["timestamp", "snapshot", "targets", "target"])
def test_what_lies_in_the_state_folder_is_not_believed_for_lying_there(clients: Clients, field: str) -> None:
    clients.repository.rotate("root")
    clients.ours()
    path = mirror_path(clients.folder / "state", "acme")
    document = json.loads(path.read_bytes())
    document[field] = document[field][:-8] + ("AAAA" if field == "target" else "") + document[field][-8:]
    other = Repository(NEW)
    forged = {"timestamp": "timestamp.json", "snapshot": "1.snapshot.json", "targets": "1.targets.json"}
    if field != "target":
        document[field] = base64.b64encode(other.files[forged[field]]).decode()
    path.write_text(json.dumps(document))
    loaded = clients.load()
    assert loaded.roots == ()
    assert loaded.problem is not None
    assert loaded.problem.code in {"root.tuf_signature", "root.tuf_hash"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "json.syntax"),
        (b"[]", "root.tuf_mirror"),
        (b"{}", "root.tuf_mirror"),
        (b'{"format":"placet tuf mirror v1","roots":{},"target":""}', "root.tuf_mirror"),
        (b'{"format":"placet tuf mirror v1","roots":["*"]}', "root.tuf_mirror"),
        (b'{"format":"placet tuf mirror v1","roots":[],"more":""}', "root.tuf_mirror"),
        (b'{"format":"another","roots":[]}', "root.tuf_mirror"),
    ],
)
def test_a_broken_mirror_is_a_problem_and_the_next_refresh_mends_it(
    clients: Clients, content: bytes, code: str
) -> None:
    path = mirror_path(clients.folder / "state", "acme")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    loaded = clients.load()
    assert (loaded.roots, getattr(loaded.problem, "code", "")) == ((), code)
    assert clients.ours().before is None
    assert clients.load().problem is None


def test_a_mirror_that_cannot_be_read_is_a_problem(clients: Clients) -> None:
    mirror_path(clients.folder / "state", "acme").mkdir(parents=True)
    assert getattr(clients.load().problem, "code", "") == "file.special"


def test_a_target_that_is_no_trusted_root_replaces_nothing(clients: Clients) -> None:
    clients.ours()
    clients.repository.publish(b"{}")
    with pytest.raises(AttestationError) as caught:
        clients.ours()
    assert caught.value.code == "root.type"
    assert clients.load().digest == TrustedRoot.parse(OLD).digest


def test_a_target_of_another_name_is_not_found(clients: Clients) -> None:
    source = Tuf(URL, Path("bootstrap.json"), "other.json")
    root = load_root("acme", source, folder=clients.folder, state=None)
    with pytest.raises(VerificationError) as caught:
        refresh(
            root,
            folder=clients.folder,
            state=clients.folder / "state",
            getting=clients._getting,
            now=clients.repository.now,
        )
    assert caught.value.code == "root.tuf_target"


def test_roots_without_end_are_refused(tmp_path: Path) -> None:
    clients = Clients(tmp_path, Repository(OLD), Limits(max_tuf_roots=2))
    for _ in range(2):
        clients.repository.rotate("root")
    clients.ours()
    clients.repository.rotate("root")
    with pytest.raises(MalformedError) as caught:
        clients.ours()
    assert caught.value.code == "root.tuf_size"
    clients.limits = Limits(max_tuf_roots=1)
    assert getattr(clients.load().problem, "code", "") == "root.tuf_mirror"


def test_a_file_beyond_its_size_is_refused_by_the_chain_itself(clients: Clients) -> None:
    clients.ours()
    clients.limits = Limits(max_tuf_timestamp_bytes=20)
    assert getattr(clients.load().problem, "code", "") == "root.tuf_size"


def test_a_newer_bootstrap_goes_on_with_what_is_kept(clients: Clients) -> None:
    clients.repository.rotate("root")
    clients.repository.rotate("root")
    clients.ours()
    (clients.folder / "bootstrap.json").write_bytes(clients.repository.files["2.root.json"])
    assert clients.load().problem is None
    assert clients.ours().after.versions.root == 3


def test_another_repositorys_memory_is_none(clients: Clients) -> None:
    clients.ours()
    other = Repository(NEW)
    other.rotate("root")
    again = Clients(clients.folder, other)
    assert getattr(again.load().problem, "code", "") == "root.tuf_signature"
    assert again.ours().before is None


def test_only_what_tuf_keeps_fresh_can_be_refreshed(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(OLD)
    for source in (Shipped("public-good"), RootFile(Path("root.json"))):
        root = load_root("it", source, folder=tmp_path, state=None)
        with pytest.raises(UsageError) as caught:
            refresh(root, folder=tmp_path, state=tmp_path, getting=over_https(None, 1), now=NOW)
        assert caught.value.code == "roots.not_tuf"


def web(clients: Clients, url: str, ca: Path | None = None, seconds: float = 10.0) -> Refreshed:
    root = load_root("acme", Tuf(url, Path("bootstrap.json")), folder=clients.folder, state=None)
    return refresh(
        root,
        folder=clients.folder,
        state=clients.folder / "state",
        getting=over_https(ca, seconds),
        now=clients.repository.now,
    )


def test_a_repository_is_fetched_over_http_from_this_machine_and_over_tls(clients: Clients) -> None:
    with served(clients.repository.files) as url:
        assert web(clients, url).after.target == OLD
    authority = Authority.make(clients.folder / "tls")
    clients.repository.publish(NEW)
    with served(clients.repository.files, authority.issue_server("tuf").server_context()) as url:
        with pytest.raises(ServiceError) as caught:
            web(clients, url)
        assert caught.value.code == "roots.unreachable"
        assert web(clients, url, authority.certificate).after.target == NEW


@pytest.mark.parametrize(
    "url", ["http://tuf.example.org", "https://127.0.0.1:1", "ftp://127.0.0.1", "nonsense"]
)
def test_an_address_that_cannot_be_used_is_unreachable(clients: Clients, url: str) -> None:
    with pytest.raises(ServiceError) as caught:
        web(clients, url)
    assert caught.value.code == "roots.unreachable"


def test_time_is_over_for_all_files_together(clients: Clients) -> None:
    moments = iter([0.0, 0.0, 0.1, 99.0])
    with served(clients.repository.files) as url:
        get = over_https(None, 10.0, lambda: next(moments))(url)
        assert get(Wanted("2.root.json", 100)) is None
        assert get(Wanted("timestamp.json", 20_000))
        with pytest.raises(ServiceError, match="longer than") as caught:
            get(Wanted("1.snapshot.json", 20_000))
    assert caught.value.code == "roots.unreachable"


def test_more_bytes_than_announced_are_not_read(clients: Clients) -> None:
    with served(clients.repository.files) as url, pytest.raises(ServiceError, match="longer than"):
        over_https(None, 10.0)(url)(Wanted("timestamp.json", 20))


def test_one_process_at_a_time_refreshes_a_root(clients: Clients) -> None:
    state = clients.folder / "state"
    with held(state, "acme"):
        with pytest.raises(BusyError) as caught, held(state, "acme", 0.12):
            pass
        assert caught.value.code == "roots.busy"
        with held(state, "another"):
            pass
    clients.ours()


def test_a_process_that_was_killed_leaves_the_old_one_and_nothing_else(clients: Clients) -> None:
    clients.ours()
    path = mirror_path(clients.folder / "state", "acme")
    child = os.fork()
    if child == 0:
        with held(clients.folder / "state", "acme"):
            (path.parent / "half.new").write_bytes(b"half")
            os._exit(0)
    os.waitpid(child, 0)
    assert clients.load().problem is None
    clients.ours()
    assert sorted(each.name for each in path.parent.iterdir()) == ["lock", "mirror.json"]


def test_a_full_disk_leaves_the_old_one(clients: Clients) -> None:
    clients.ours()
    path = mirror_path(clients.folder / "state", "acme")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StoreError) as caught:
            replace(clients.folder / "state", "acme", b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert caught.value.code == "root.unwritable"
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["lock", "mirror.json"]


def test_a_state_folder_that_is_a_file_is_said(clients: Clients) -> None:
    (clients.folder / "state").write_text("")
    with pytest.raises(StoreError) as caught:
        clients.ours()
    assert caught.value.code == "root.unwritable"


def test_an_answer_of_another_status_is_no_answer(clients: Clients) -> None:
    with served({}, status=500) as url, pytest.raises(ServiceError, match="HTTP 500") as caught:
        over_https(None, 10.0)(url)(Wanted("timestamp.json", 20))
    assert caught.value.code == "roots.unreachable"
