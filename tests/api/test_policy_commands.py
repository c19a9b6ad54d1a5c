"""policy: the rules, their words, their tests, their bundle."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path

import pytest

from placet_engine.policy.bundle import load_policy_set
from placet_engine.policy.limits import DEFAULT_POLICY_LIMITS
from placet_engine.policy.shipped import shipped_policies
from tests.api.projects import GATE, a_file, call, done
from tests.engine.policy.toy import INDEX, MAIN, write_toy

TOY_TEST = """\
package placet.main_test

import data.placet.main

test_a_number_is_limited if {
	main.decision.limit == 3 with input as {"x": 1}
}

test_first_reports if {
	main.decision.reported == 1 with input as {"x": 1}
}
"""


@pytest.fixture
def toy(empty: Path) -> Path:
    """A small policy set with whole tests, in the working directory."""
    return write_toy(empty / "toy", {"placet/main/main_test.rego": TOY_TEST})


def test_the_rules_are_listed_with_what_they_serve(empty: Path) -> None:
    rules = done("policy", "list", "--json").json
    assert len(rules) >= 12
    lines = done("policy", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(rules)
    assert "change.approved                    The change is approved  [R16, R72]" in lines


def test_a_rule_says_what_it_asks(empty: Path) -> None:
    text = done("policy", "show", "change.approved").out
    assert text.startswith("change.approved: The change is approved\n  topic         change\n")
    assert re.search(r"\n  solution +\S", text)
    rule = done("policy", "show", "change.approved", "--json").json
    assert (rule["code"], rule["topic"]) == ("change.approved", "change")


@pytest.mark.parametrize(
    ("code", "hint"), [("change.aproved", "did you mean change.approved?"), ("zzz", "placet policy list")]
)
def test_an_unknown_rule_is_told_with_the_nearest(empty: Path, code: str, hint: str) -> None:
    ran = call("policy", "show", code)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"placet: policy.unknown_rule: no rule has the code {code}\n  {hint}\n"


def test_a_projects_own_rules_are_its_rules(toy: Path) -> None:
    for given in (("--policies", "toy"), ()):
        a_file(Path(), "placet.yaml", "policies: toy\n" if not given else "")
        assert done(*given, "policy", "list").out.split()[0] == "first.there"
        # A rule without controls has no such line.
        assert "depends_on" not in done(*given, "policy", "show", "first.there").out


def test_tests_that_pass_pass(toy: Path) -> None:
    ran = done("policy", "test", "toy")
    assert [line[:7] for line in ran.out.splitlines()] == ["ok     "] * 3


def test_a_policy_set_without_tests_says_so(toy: Path) -> None:
    (toy / "placet" / "main" / "main_test.rego").unlink()
    ran = call("policy", "test", "toy")
    assert (ran.code, ran.out) == (2, "")
    assert "policy.no_tests" in ran.err


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"placet/main/main_test.rego": TOY_TEST.replace("limit == 3", "limit == 4")}, ["tests pass"]),
        ({"placet/main/main_test.rego": TOY_TEST.replace("\t", "   ")}, ["formatted"]),
        ({"placet/main/main.rego": MAIN.replace("settings.limit", "1")}, ["types"]),
    ],
)  # fmt: skip
def test_what_fails_fails_and_says_what(toy: Path, changes: dict[str, str | None], failed: list[str]) -> None:
    (toy / "placet/main/main_test.rego").unlink()
    write_toy(toy, {"placet/main/main_test.rego": TOY_TEST, **changes})
    ran = call("policy", "test", "toy")
    assert ran.code == 1
    titles = [line.removeprefix("FAILED ") for line in ran.out.splitlines() if line.startswith("FAILED ")]
    assert titles
    assert all(any(title.startswith(words) for title in titles) for words in failed)


def test_the_same_set_makes_the_same_bytes(empty: Path) -> None:
    outputs = [done("policy", "build", "--to", name).out for name in ("a.tar.gz", "b.tar.gz")]
    assert outputs[0].replace("a.tar.gz", "b.tar.gz") == outputs[1]
    assert (empty / "a.tar.gz").read_bytes() == (empty / "b.tar.gz").read_bytes()
    assert re.match(
        r"placet@[0-9a-f]{64}\narchive sha256:[0-9a-f]{64}  [0-9,]+ bytes, \d+ files\n", outputs[0]
    )
    with tarfile.open(empty / "a.tar.gz") as bundle:
        names = bundle.getnames()
    assert not [name for name in names if name.endswith("_test.rego")]


def test_the_shipped_set_is_in_order_and_is_not_written_to(empty: Path) -> None:
    before = (shipped_policies() / "placet/index/data.json").stat()
    done("policy", "build")
    done("policy", "build", "--check")
    assert (shipped_policies() / "placet/index/data.json").stat().st_mtime_ns == before.st_mtime_ns


def test_an_index_is_made_anew_and_its_drift_is_seen(toy: Path) -> None:
    index = toy / "placet" / "index" / "data.json"
    assert "wrote" not in done("policy", "build", "toy", "--check").out
    index.write_text(INDEX.replace("There is something", "There is nothing"))
    ran = call("policy", "build", "toy", "--check", "--to", "x.tar.gz")
    assert (ran.code, ran.out) == (2, "")
    assert "placet: policy.index: first.there has other words in the index" in ran.err
    assert not Path("x.tar.gz").exists()
    assert "wrote toy/placet/index/data.json" in done("policy", "build", "toy").out
    assert index.read_text() == INDEX
    done("policy", "build", "toy", "--check")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("build", "nowhere"), 3, "policy."),
        (("build", "empty"), 3, "policy.empty"),
        (("build", "toy", "--to", "nowhere/x"), 2, "usage.output"),
        (("build", "broken"), 3, "policy.compile"),
    ],
)
def test_what_cannot_be_built_is_told(toy: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    Path("empty").mkdir()
    write_toy(Path("broken"), {"placet/main/main.rego": "package placet.main\n\ndecision := {"})
    ran = call("policy", *arguments)
    assert ran.code == code
    assert words in ran.err


@pytest.mark.parametrize(
    "text", ["", "[]", '{"rules": []}', '{"rules": {"a": 1}}', '{"rules": {"a": {}}}', None]
)
def test_a_set_without_a_readable_index_has_no_catalogue(toy: Path, text: str | None) -> None:
    index = toy / "placet" / "index" / "data.json"
    if text is None:
        index.unlink()
    else:
        index.write_text(text)
    for arguments in (("policy", "list"), ("policy", "show", "a"), ("attest", "dataset", "--explain")):
        ran = call("--policies", "toy", *arguments)
        assert ran.code == 2
        assert "placet: policy.index: " in ran.err


def test_an_overlay_of_settings_is_part_of_the_set(project: Path) -> None:
    a_file(project, "strict.yaml", 'evaluation: {thresholds: {"*": {accuracy: {min: 1.1}}}}\n')
    pins = {done(*given, "trust", "digest").out for given in ((), ("--settings", "strict.yaml"))}
    assert len(pins) == 2
    assert call("--settings", "strict.yaml", "gate", GATE, "model.json").code in (1, 3)


def test_a_cache_that_cannot_be_written_costs_time_only(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "model.json"))
    assert call("gate", GATE, "model.json").code == 0
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(project / "home"))
    assert call("gate", GATE, "model.json").code == 0
    assert [path.name for path in (project / "home" / ".cache" / "placet").iterdir()] == ["policies"]


@pytest.fixture
def keys(empty: Path) -> Path:
    """A key pair `bundle` and an Ed25519 one, in an empty project that is the working directory."""
    done("init", ".", "--principal", "dev@example.org")
    done("key", "new", "bundle")
    done("key", "new", "other", "--algorithm", "ed25519")
    return empty


KEY, PUBLIC = ".placet/keys/bundle.key", "keys/bundle.pub"


def test_what_is_signed_is_verified(keys: Path) -> None:
    said = done("policy", "sign", "--key", KEY, "--to", "signed.tar.gz").out
    assert re.fullmatch(r"wrote signed\.tar\.gz, signed by key ([0-9a-f]{16})\n", said)
    told = done("policy", "verify", "signed.tar.gz", "--key", PUBLIC).out
    built = done("policy", "build").out.split()[0]
    assert told == f"{built}  signed by key {said.split()[-1]}\n"
    as_json = done("policy", "verify", "signed.tar.gz", "--key", PUBLIC, "--json").json
    assert as_json["revision"] == built.removeprefix("placet@")
    (name,) = as_json["keys"]
    assert as_json["keys"][name] == {"algorithm": "ES256", "key": Path(PUBLIC).read_text()}
    # A folder, a bundle and the project itself are the same set; a setting may name the key.
    done("policy", "build", "--to", "built.tar.gz")
    a_file(keys, "placet.yaml", f"http: {{bundle_key: {KEY}}}\n")
    for number, source in enumerate(("built.tar.gz", str(shipped_policies()), "signed.tar.gz")):
        done("policy", "sign", source, "--scope", "gate", "--to", f"{number}.tar.gz")
        assert done("policy", "verify", f"{number}.tar.gz", "--key", PUBLIC, "--scope", "gate").out == told


def test_the_projects_settings_are_signed_with_it(keys: Path) -> None:
    a_file(keys, "overlay.yaml", "freshness: {evaluation_days: 7}\n")
    a_file(keys, "placet.yaml", "settings: overlay.yaml\n")
    done("policy", "sign", "--key", KEY, "--to", "signed.tar.gz")
    revision = done("policy", "verify", "signed.tar.gz", "--key", PUBLIC, "--json").json["revision"]
    assert (
        revision
        == load_policy_set(shipped_policies(), overlay={"freshness": {"evaluation_days": 7}}).revision
    )


def test_a_bundle_that_does_not_verify_is_exit_1(keys: Path) -> None:
    done("policy", "sign", "--key", KEY, "--to", "signed.tar.gz")
    done("policy", "build", "--to", "unsigned.tar.gz")
    for arguments in (("unsigned.tar.gz",), ("signed.tar.gz", "--scope", "gate")):
        ran = call("policy", "verify", *arguments, "--key", PUBLIC)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("placet: policy.signature: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("sign", "--to", "x"), 2, "policy.no_key"),
        (("sign", "--key", "none", "--to", "x"), 2, "key.missing"),
        (("sign", "--key", ".placet/keys/other.key", "--to", "x"), 2, "policy.key"),
        (("sign", "--key", KEY, "--to", "nowhere/x"), 2, "usage.output"),
        (("sign", "trust.yaml", "--key", KEY, "--to", "x"), 2, "policy.archive"),
        (("verify", "none", "--key", PUBLIC), 2, "policy.unreadable"),
        (("sign", "--key", PUBLIC, "--to", "x"), 2, "key.public"),
        (("sign", "broken", "--key", KEY, "--to", "x"), 3, "policy.compile"),
        (("verify", "trust.yaml", "--key", PUBLIC), 2, "policy.archive"),
        (("verify", "built.tar.gz", "--key", "keys/other.pub"), 2, "policy.key"),
        (("verify", "trust.yaml", "--key", "none"), 2, "key.missing"),
        (("verify", "large", "--key", PUBLIC), 2, "policy.too_large"),
    ],
)
def test_what_cannot_be_signed_or_verified_is_told(
    keys: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done("policy", "build", "--to", "built.tar.gz")
    write_toy(Path("broken"), {"placet/main/main.rego": "package placet.main\n\ndecision := {"})
    with Path("large").open("wb") as file:
        file.truncate(DEFAULT_POLICY_LIMITS.max_policy_bytes + 1)
    ran = call("policy", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert f"placet: {words}: " in ran.err
    assert not Path("x").exists()


def test_a_key_is_named_as_elsewhere(keys: Path) -> None:
    """By its name, by a path, and a file here comes first."""
    shutil.copy(KEY, "mine")
    said = {done("policy", "sign", "--key", key, "--to", "x").out for key in ("bundle", KEY, "mine")}
    assert len(said) == 1
    assert "policy.key" in call("policy", "sign", "--key", "other", "--to", "x").err


def test_a_bundle_judges_as_the_folder_it_was_made_of(project: Path) -> None:
    done("policy", "build", "--to", "built.tar.gz")
    done("key", "new", "bundle")
    done("policy", "sign", "--key", "bundle", "--to", "signed.tar.gz")
    a_file(project, "overlay.yaml", "freshness: {evaluation_days: 7}\n")
    revisions = {call(*options, "trust", "digest", "--json").json["policy"]
                 for options in ((), ("--policies", "built.tar.gz"), ("--policies", "signed.tar.gz"))}  # fmt: skip
    assert len(revisions) == 1
    overlaid = done(
        "--policies", "built.tar.gz", "--settings", "overlay.yaml", "trust", "digest", "--json"
    ).json
    assert (
        overlaid["policy"] == done("--settings", "overlay.yaml", "trust", "digest", "--json").json["policy"]
    )
    done("--policies", "built.tar.gz", "gate", GATE, "model.json")
    assert done("--policies", "built.tar.gz", "policy", "list").out == done("policy", "list").out
    for source in ("overlay.yaml", "large"):
        with Path("large").open("wb") as file:
            file.truncate(DEFAULT_POLICY_LIMITS.max_policy_bytes + 1)
        ran = call("--policies", source, "gate", GATE, "model.json")
        assert (ran.code in (2, 3), ran.out) == (True, "")
    assert "policy.no_folder" in call("--policies", "built.tar.gz", "policy", "build").err


@pytest.mark.parametrize(
    "changes",
    [{"placet/main/main.rego": MAIN + "\nx := http.send({})\n"}, {"placet/index/data.json": None}],
)
def test_a_bundle_is_accepted_as_a_folder_is(project: Path, changes: dict[str, str | None]) -> None:
    folder = write_toy(project / "toy", changes)
    Path("toy.tar.gz").write_bytes(load_policy_set(folder).archive)
    for source in ("toy", "toy.tar.gz"):
        ran = call("--policies", source, "gate", GATE, "model.json")
        assert ran.code == 3
        assert ran.out.startswith("NON PLACET  ")
        assert call("--policies", source, "policy", "list").code == (2 if None in changes.values() else 0)


def test_with_a_service_for_opa_the_shipped_one_signs(keys: Path) -> None:
    a_file(keys, "placet.yaml", "opa: {url: 'http://127.0.0.1:1', path: nothing}\n")
    done("policy", "sign", "--key", KEY, "--to", "signed.tar.gz")
