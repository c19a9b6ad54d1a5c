from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from placet_api.cli.context import Call
from placet_api.cli.token import command
from placet_api.errors import AccessError, ConfigurationError, UsageError
from placet_api.http.tokens import TokenStore


@pytest.fixture
def folder(empty: Path) -> Path:
    """A project without anything but a place for its store, and the working directory."""
    (empty / ".placet").mkdir()
    return empty


def token(*arguments: str) -> Result:
    # click remembers a command's help option from the first context it meets: give it what `placet` gives.
    names: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
    return CliRunner().invoke(command, arguments, obj=Call({}, variables={}), **names)


def made(*arguments: str) -> str:
    """The text of a new token."""
    ran = token("new", *arguments)
    assert ran.exception is None, ran
    return ran.stdout.strip()


def store(folder: Path) -> TokenStore:
    return TokenStore(folder / ".placet" / "placet.db")


def test_a_new_token_stands_alone_on_standard_output(folder: Path) -> None:
    ran = token("new", "ci@example.org", "--role", "gate", "--role", "submitter", "--days", "30")
    text = ran.stdout.removesuffix("\n")
    assert text.split() == [text]
    assert "ci@example.org: gate, submitter, until " in ran.stderr
    assert text not in ran.stderr
    with closing(store(folder)) as held:
        caller = held.caller(text, datetime.now(UTC))
        (record,) = held.all()
    assert (caller.principal, caller.roles) == ("ci@example.org", frozenset({"gate", "submitter"}))
    days = datetime.fromisoformat(record.expires) - datetime.fromisoformat(record.created)
    assert days.days == 30


def test_a_token_is_valid_for_ninety_days_unless_said_otherwise(folder: Path) -> None:
    made("ci", "--role", "gate")
    with closing(store(folder)) as held:
        (record,) = held.all()
    assert (datetime.fromisoformat(record.expires) - datetime.fromisoformat(record.created)).days == 90


def test_the_list_says_what_is_known_but_no_secret(folder: Path) -> None:
    text = made("ci", "--role", "gate")
    _, name, secret = text.split("_", 2)
    gone = made("old", "--role", "auditor").split("_")[1]
    token("revoke", gone)
    lines = token("list").stdout.splitlines()
    assert len(lines) == 2
    assert any(line.startswith(f"{name}  ci  gate  until ") for line in lines)
    assert any(line.startswith(f"{gone}  old  auditor  revoked ") for line in lines)
    rows = json.loads(token("list", "--json").stdout)
    assert {row["id"]: row["revoked"] is None for row in rows} == {name: True, gone: False}
    assert secret not in token("list").output + token("list", "--json").output


def test_a_revoked_token_is_nobodys(folder: Path) -> None:
    text = made("ci", "--role", "gate")
    name = text.split("_")[1]
    ran = token("revoke", name)
    assert (ran.stdout, ran.stderr) == ("", f"revoked {name}\n")
    with closing(store(folder)) as held, pytest.raises(AccessError) as caught:
        held.caller(text, datetime.now(UTC))
    assert caught.value.code == "access.revoked"


def test_an_unknown_token_cannot_be_revoked(folder: Path) -> None:
    error = token("revoke", "0" * 12).exception
    assert isinstance(error, UsageError)
    assert error.code == "token.unknown"


@pytest.mark.parametrize(
    "arguments",
    [
        ("new", "ci"),
        ("new", "ci", "--role", "root"),
        ("new", "ci", "--role", "gate", "--days", "0"),
        ("new", "ci", "--role", "gate", "--days", "99999"),
        ("new", "--role", "gate"),
    ],
)
def test_a_wrong_call_makes_no_token(folder: Path, arguments: tuple[str, ...]) -> None:
    assert token(*arguments).exit_code == 2
    with closing(store(folder)) as held:
        assert held.all() == []


def test_days_that_are_no_number_make_no_token(folder: Path) -> None:
    error = token("new", "ci", "--role", "gate", "--days", "nan").exception
    assert isinstance(error, UsageError)
    assert error.code == "token.days"


def test_tokens_belong_to_a_project(empty: Path) -> None:
    error = token("list").exception
    assert isinstance(error, ConfigurationError)
    assert error.code == "project.missing"
