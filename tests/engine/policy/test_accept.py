from __future__ import annotations

import json
from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.accept import Acceptance, accept
from placet_engine.policy.binary import TESTED_VERSION, Binary, locate
from placet_engine.policy.bundle import PolicySet, load_policy_set
from placet_engine.policy.capabilities import Capabilities
from tests.engine.policy.toy import INDEX, MAIN, RULE, SETTINGS, write_toy


def refused(
    folder: Path, opa: Binary, capabilities: Capabilities, cache: Path, changes: dict[str, str | None]
) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        accept(load_policy_set(write_toy(folder, changes)), opa, capabilities, cache=cache, schema=b"{}")
    assert not cache.exists() or not list(cache.iterdir())
    return caught.value


def broken_opa(folder: Path, opa: Binary) -> Binary:
    """An OPA that is counted on not to be run: it fails."""
    path = folder / "broken-opa"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    return locate(path)


def test_a_good_set_is_accepted_and_remembered(
    policy_set: PolicySet, opa: Binary, capabilities: Capabilities, tmp_path: Path
) -> None:
    cache = tmp_path / "new" / "cache"
    accepted = accept(policy_set, opa, capabilities, cache=cache, schema=b"{}")
    assert accepted.archive == policy_set.archive_sha256
    assert (accepted.opa, accepted.capabilities) == (opa.sha256, capabilities.sha256)
    assert accepted.opa_version == TESTED_VERSION
    assert cache.stat().st_mode & 0o777 == 0o700
    gone = Capabilities(tmp_path / "no-such-file", capabilities.sha256)
    assert accept(policy_set, opa, gone, cache=cache, schema=b"{}") == accepted  # nothing was compiled again


def test_another_set_opa_capabilities_or_schema_is_not_remembered(
    policy_set: PolicySet, opa: Binary, capabilities: Capabilities, toy: Path, tmp_path: Path
) -> None:
    accept(policy_set, opa, capabilities, cache=tmp_path, schema=b"{}")
    (marker,) = tmp_path.glob("accepted-*")
    overlaid = load_policy_set(toy, overlay={"limit": 9})
    accept(overlaid, opa, capabilities, cache=tmp_path, schema=b"{}")
    assert len(list(tmp_path.glob("accepted-*"))) == 2
    with pytest.raises(PolicyError):
        accept(policy_set, broken_opa(tmp_path, opa), capabilities, cache=tmp_path, schema=b"{}")
    fewer = tmp_path / "fewer.json"
    fewer.write_text('{"builtins": []}')
    with pytest.raises(PolicyError) as caught:
        accept(policy_set, opa, Capabilities(fewer, opa.sha256), cache=tmp_path, schema=b"{}")
    assert caught.value.code == "policy.compile"
    assert marker.exists()


def spoil_text(marker: Path) -> None:
    marker.write_bytes(marker.read_bytes()[:-3])


def spoil_value(marker: Path) -> None:
    found = json.loads(marker.read_bytes())
    marker.write_text(json.dumps({**found, "archive": found["opa"]}))


def spoil_version(marker: Path) -> None:
    marker.write_text(json.dumps({**json.loads(marker.read_bytes()), "opa_version": 1}))


def spoil_kind(marker: Path) -> None:
    marker.write_text("[]")


def spoil_mode(marker: Path) -> None:
    marker.chmod(0o666)


def spoil_link(marker: Path) -> None:
    marker.rename(marker.with_name("moved"))
    marker.symlink_to(marker.with_name("moved"))


@pytest.mark.parametrize(
    "spoil", [spoil_text, spoil_value, spoil_version, spoil_kind, spoil_mode, spoil_link]
)
def test_a_marker_that_is_not_as_it_was_left_is_none(
    policy_set: PolicySet, opa: Binary, capabilities: Capabilities, tmp_path: Path, spoil: object
) -> None:
    accepted = accept(policy_set, opa, capabilities, cache=tmp_path, schema=b"{}")
    (marker,) = tmp_path.glob("accepted-*")
    assert callable(spoil)
    spoil(marker)
    gone = Capabilities(tmp_path / "no-such-file", capabilities.sha256)
    with pytest.raises(PolicyError):  # it is compiled again, which fails without capabilities
        accept(policy_set, opa, gone, cache=tmp_path, schema=b"{}")
    assert accept(policy_set, opa, capabilities, cache=tmp_path, schema=b"{}") == accepted


def test_a_folder_that_cannot_be_written_is_no_reason_to_refuse(
    policy_set: PolicySet, opa: Binary, capabilities: Capabilities, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    got = accept(policy_set, opa, capabilities, cache=tmp_path / "file" / "cache", schema=b"{}")
    assert isinstance(got, Acceptance)


def test_a_set_without_settings_is_accepted(opa: Binary, capabilities: Capabilities, tmp_path: Path) -> None:
    main = MAIN.replace('"limit": settings.limit, ', "").replace("import data.placet.settings\n\n", "")
    folder = write_toy(
        tmp_path / "set",
        {"placet/settings/data.yaml": None, "placet/main/main.rego": main, "schemas/settings.json": None},
    )
    accept(load_policy_set(folder), opa, capabilities, cache=tmp_path / "cache", schema=b"{}")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (
            {"placet/x.rego": "package placet.x\n\ny := nothing(1)\n"},
            "policy.compile",
            "undefined function nothing",
        ),
        ({"placet/x.rego": "package placet.x\n\ny := \n"}, "policy.compile", "x.rego:4: rego_parse_error"),
        ({"placet/x.rego": "package placet.x\n\nimport data.y\n"}, "policy.compile", "import data.y unused"),
        (
            {"placet/x.rego": 'package placet.x\n\ny := http.send({"url": "x", "method": "get"})\n'},
            "policy.compile",
            "undefined function http.send",
        ),
        ({"placet/x.rego": "package placet.x\n\ny := time.now_ns()\n"}, "policy.compile", "time.now_ns"),
        (
            {"placet/index/data.json": INDEX.replace("ISO-1", "ISO-2")},
            "policy.index",
            "first.there has other words",
        ),
        ({"placet/main/main.rego": MAIN.replace("# entrypoint: true\n", "")}, "policy.entrypoint", "none"),
        (
            {"placet/rules/first/first.rego": RULE.replace("severity: error", "x: y")},
            "policy.metadata",
            "severity ''",
        ),
        (
            {"placet/x.rego": 'package placet.x\n\ny := time.clock([1, "Europe/Berlin"])\n'},
            "policy.metadata",
            "placet/x.rego:3: time zone 'Europe/Berlin'",
        ),
        ({"placet/settings/data.yaml": SETTINGS + "limitt: 3\n"}, "settings.invalid", "unknown setting"),
        (
            {"placet/settings/data.yaml": SETTINGS.replace("there]", "their]")},
            "settings.invalid",
            "which no rule has",
        ),
        ({"schemas/settings.json": "{"}, "settings.schema", "cannot be used"),
    ],
)
def test_a_set_that_must_not_be_asked_is_refused(
    opa: Binary,
    capabilities: Capabilities,
    tmp_path: Path,
    changes: dict[str, str | None],
    code: str,
    words: str,
) -> None:
    error = refused(tmp_path / "set", opa, capabilities, tmp_path / "cache", changes)
    assert error.code == code
    assert words in error.message
    assert str(tmp_path) not in error.message
    assert error.hint


def test_settings_that_two_readers_read_otherwise_are_refused(
    opa: Binary, capabilities: Capabilities, tmp_path: Path
) -> None:
    changes: dict[str, str | None] = {
        # A text to us, 31 to OPA.
        "placet/settings/data.yaml": SETTINGS.replace("limit: 3", "limit: 0x1f"),
        "schemas/settings.json": "{}",
    }
    error = refused(tmp_path / "set", opa, capabilities, tmp_path / "cache", changes)
    assert error.code == "settings.ambiguous"


@pytest.mark.parametrize("inspected", ["nonsense", "[]", '{"annotations": 1}', '{"annotations": [{}]}'])
def test_an_opa_that_says_something_else_of_a_set_accepts_none(
    opa: Binary, capabilities: Capabilities, tmp_path: Path, inspected: str
) -> None:
    """Its version is right, its checks pass, and its words cannot be read: that is no acceptance."""
    path = tmp_path / "odd-opa"
    path.write_text(f"#!/bin/sh\n[ \"$1\" = inspect ] && echo '{inspected}' || exec '{opa.path}' \"$@\"\n")
    path.chmod(0o755)
    assert refused(tmp_path / "toy", locate(path), capabilities, tmp_path / "cache", {}).code == "opa.version"


def test_what_is_no_opa_says_nothing_of_a_set(capabilities: Capabilities, tmp_path: Path) -> None:
    error = refused(tmp_path / "toy", locate(Path("/bin/true")), capabilities, tmp_path / "cache", {})
    assert error.code == "opa.version"
