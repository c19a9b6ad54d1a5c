from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from placet_api.errors import AccessError, UsageError
from placet_api.http.authentication import Authenticator
from placet_api.http.callers import ROLES, Caller
from placet_api.http.oidc import MAX_TOKEN, Issuers
from placet_api.http.tokens import TokenStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TokenStore]:
    with closing(TokenStore(tmp_path / "placet.db")) as found:
        yield found


def refusal(ask: Callable[[], object]) -> AccessError:
    with pytest.raises(AccessError) as caught:
        ask()
    return caught.value


def test_a_token_is_its_caller(store: TokenStore) -> None:
    token, record = store.new("ci@example.org", ("gate", "submitter", "gate"), 90, NOW)
    assert token.startswith(f"placet_{record.id}_")
    assert store.caller(token, NOW) == Caller(
        f"token:{record.id}", "ci@example.org", frozenset({"gate", "submitter"})
    )


def test_the_store_keeps_no_secret(store: TokenStore, tmp_path: Path) -> None:
    token, record = store.new("ci@example.org", ("gate",), 90, NOW)
    secret = token.removeprefix(f"placet_{record.id}_")
    assert len(secret) == 43  # 32 bytes
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert record.id.encode() in held
    assert secret.encode() not in held
    assert stat.S_IMODE((tmp_path / "placet.db").stat().st_mode) == 0o600


def test_no_two_tokens_are_alike(store: TokenStore) -> None:
    made = [store.new("ci", ("gate",), 1, NOW) for _ in range(20)]
    assert len({token for token, _ in made}) == len({record.id for _, record in made}) == 20


def test_an_unknown_id_and_a_wrong_secret_read_the_same(store: TokenStore) -> None:
    token, record = store.new("ci", ("gate",), 1, NOW)
    wrong = f"placet_{record.id}_{'A' * 43}"
    unknown = token.replace(record.id, "0" * 12)
    first, second = [refusal(partial(store.caller, text, NOW)) for text in (wrong, unknown)]
    assert (first.code, first.message, first.status, first.hint) == (
        second.code,
        second.message,
        second.status,
        second.hint,
    )
    assert (first.code, first.status) == ("access.unknown", 401)


@pytest.mark.parametrize(
    "text",
    ["", "placet_", "placet_abc_def", "placet_0123456789AB_" + "A" * 43, "placet_0123456789ab_" + "A" * 44],
)
def test_what_is_no_token_is_malformed(store: TokenStore, text: str) -> None:
    error = refusal(lambda: store.caller(text, NOW))
    assert (error.code, error.status) == ("access.malformed", 401)


def test_a_token_ends_at_its_time(store: TokenStore) -> None:
    token, _ = store.new("ci", ("gate",), 2, NOW)
    store.caller(token, NOW + timedelta(days=2, microseconds=-1))
    error = refusal(lambda: store.caller(token, NOW + timedelta(days=2)))
    assert (error.code, error.status) == ("access.expired", 401)


def test_a_revocation_by_another_process_counts_at_once(store: TokenStore, tmp_path: Path) -> None:
    token, record = store.new("ci", ("gate",), 1, NOW)
    store.caller(token, NOW)
    with closing(TokenStore(tmp_path / "placet.db")) as other:
        other.revoke(record.id, NOW)
    error = refusal(lambda: store.caller(token, NOW))
    assert (error.code, error.status) == ("access.revoked", 401)


def test_a_second_revocation_keeps_the_time_of_the_first(store: TokenStore) -> None:
    _, record = store.new("ci", ("gate",), 1, NOW)
    store.revoke(record.id, NOW)
    store.revoke(record.id, NOW + timedelta(hours=1))
    assert [found.revoked for found in store.all()] == ["2026-03-01T12:00:00Z"]


def test_what_is_not_there_cannot_be_revoked(store: TokenStore) -> None:
    with pytest.raises(UsageError) as caught:
        store.revoke("0" * 12, NOW)
    assert caught.value.code == "token.unknown"


def test_tokens_are_listed_oldest_first(store: TokenStore) -> None:
    records = [store.new(f"p{day}", ("gate",), 1, NOW + timedelta(days=day))[1] for day in (2, 0, 1)]
    assert store.all() == sorted(records, key=lambda record: record.created)


@pytest.mark.parametrize(
    ("principal", "roles", "days", "code"),
    [
        ("ci", (), 1, "token.role"),
        ("ci", ("gate", "root"), 1, "token.role"),
        (" ", ("gate",), 1, "token.principal"),
        ("a\nb", ("gate",), 1, "token.principal"),
        ("x" * 257, ("gate",), 1, "token.principal"),
        ("ci", ("gate",), 0, "token.days"),
        ("ci", ("gate",), float("nan"), "token.days"),
        ("ci", ("gate",), float("inf"), "token.days"),
    ],
)
def test_what_no_token_is_made_for(
    store: TokenStore, principal: str, roles: tuple[str, ...], days: float, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        store.new(principal, roles, days, NOW)
    assert caught.value.code == code
    assert store.all() == []


def test_many_threads_share_one_store(store: TokenStore) -> None:
    def use(number: int) -> str:
        token, record = store.new(f"p{number}", ("gate",), 1, NOW)
        assert store.caller(token, NOW).principal == f"p{number}"
        store.revoke(record.id, NOW)
        return refusal(lambda: store.caller(token, NOW)).code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(24))) == {"access.revoked"}
    assert len(store.all()) == 24


def test_tokens_live_in_the_file_of_the_evidence(store: TokenStore, tmp_path: Path) -> None:
    store.new("ci", ("gate",), 1, NOW)
    with closing(sqlite3.connect(tmp_path / "placet.db")) as connection:
        assert connection.execute("SELECT count(*) FROM api_token").fetchone() == (1,)


def test_the_header_leads_to_the_caller(store: TokenStore) -> None:
    token, record = store.new("ci", tuple(ROLES), 1, NOW)
    authenticator = Authenticator(store, Issuers(()))
    for header in (f"Bearer {token}", f"bearer  {token} "):
        assert authenticator.caller(header, NOW).id == f"token:{record.id}"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "access.missing"),
        ("", "access.malformed"),
        ("Bearer", "access.malformed"),
        ("Bearer ", "access.malformed"),
        ("Basic Y2k6Y2k=", "access.malformed"),
        ("Bearer placet_tök", "access.malformed"),
        ("Bearer " + "x" * (MAX_TOKEN + 1), "access.malformed"),
        ("Bearer placet_x", "access.malformed"),
        ("Bearer not.a.jwt", "access.malformed"),
    ],
)
def test_no_other_header_does(store: TokenStore, header: str | None, code: str) -> None:
    error = refusal(lambda: Authenticator(store, Issuers(())).caller(header, NOW))
    assert (error.code, error.status) == (code, 401)
