"""The setting http.issuers: whatever is wrong in it is said before the service starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from placet_api.errors import ConfigurationError
from placet_api.http.issuers import Mapped, parse_issuers
from tests.tls import Authority

ENTRY: Mapping[str, Any] = {
    "issuer": "https://token.actions.githubusercontent.com",
    "audience": "placet",
    "callers": [{"claims": {"repository": "acme/churn"}, "principal": "ci", "roles": ["gate"]}],
}
CALLER: dict[str, Any] = ENTRY["callers"][0]


def with_caller(**changes: Any) -> Mapping[str, Any]:
    return {**ENTRY, "callers": [CALLER | changes]}


def test_the_setting_is_read() -> None:
    (found,) = parse_issuers([{**ENTRY, "jwks": "https://example.org/keys"}], "placet.yaml", Path())
    assert (found.audience, found.jwks, found.ca) == ("placet", "https://example.org/keys", None)
    assert found.callers == (Mapped({"repository": "acme/churn"}, "ci", frozenset({"gate"})),)
    assert parse_issuers([], "placet.yaml", Path()) == ()


@pytest.mark.parametrize("host", ["127.0.0.1:99", "[::1]:99", "localhost"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    parse_issuers([{**ENTRY, "issuer": f"http://{host}"}], "placet.yaml", Path())


@pytest.mark.parametrize(
    ("item", "where"),
    [
        ("https://example.org", "[0]"),
        (dict[Any, Any](ENTRY) | {"colour": 1, 7: 1}, "[0]"),
        ({"issuer": "https://example.org"}, "[0]"),
        ({**ENTRY, "issuer": "http://example.org"}, "[0].issuer"),
        ({**ENTRY, "issuer": "https://"}, "[0].issuer"),
        ({**ENTRY, "issuer": "https://["}, "[0].issuer"),
        ({**ENTRY, "issuer": 7}, "[0].issuer"),
        ({**ENTRY, "audience": ""}, "[0].audience"),
        ({**ENTRY, "jwks": "ftp://example.org/keys"}, "[0].jwks"),
        ({**ENTRY, "ca": "missing.pem"}, "[0].ca"),
        ({**ENTRY, "callers": []}, "[0]"),
        ({**ENTRY, "callers": "all"}, "[0]"),
        ({**ENTRY, "callers": ["all"]}, "[0].callers[0]"),
        (with_caller(claims={}), "[0].callers[0]"),
        (with_caller(claims=["sub"]), "[0].callers[0]"),
        (with_caller(claims={"sub": 7}), "[0].callers[0].claims.sub"),
        (with_caller(claims={7: "x"}), "[0].callers[0].claims"),
        (with_caller(roles=[]), "[0].callers[0]"),
        (with_caller(roles="gate"), "[0].callers[0]"),
        (with_caller(roles=["gate", "root"]), "[0].callers[0]"),
        (with_caller(roles=[["gate"]]), "[0].callers[0]"),
        (with_caller(principal=" "), "[0].callers[0].principal"),
        (with_caller(principal="{sub"), "[0].callers[0].principal"),
        (with_caller(principal="{}"), "[0].callers[0].principal"),
        (with_caller(principal="sub}"), "[0].callers[0].principal"),
        (with_caller(name="x"), "[0].callers[0]"),
    ],
)
def test_a_setting_that_is_wrong_names_its_place(item: Any, where: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_issuers([item], "http.issuers", tmp_path)
    assert (caught.value.code, caught.value.where) == ("http.issuers", f"http.issuers{where}")


def test_an_issuer_stands_there_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        parse_issuers([ENTRY, ENTRY], "http.issuers", tmp_path)


def test_an_authority_is_read_when_the_setting_is(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    (found,) = parse_issuers([{**ENTRY, "ca": str(authority.certificate)}], "http.issuers", tmp_path)
    assert found.ca == authority.certificate
    # As every path of placet.yaml, it counts from the project, wherever the service was started.
    relative = {**ENTRY, "ca": authority.certificate.name}
    assert parse_issuers([relative], "http.issuers", authority.folder) == (found,)
    with pytest.raises(ConfigurationError):
        parse_issuers([relative], "http.issuers", tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError):
        parse_issuers([{**ENTRY, "ca": "~nobody-of-this-name/ca.crt"}], "http.issuers", tmp_path)
    (tmp_path / "odd.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError):
        parse_issuers([{**ENTRY, "ca": str(tmp_path / "odd.pem")}], "http.issuers", tmp_path)
