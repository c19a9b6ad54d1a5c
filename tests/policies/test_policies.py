"""The shipped policy set with OPA's own tools: format, types, tests, coverage; its schemas; its index; its answers.

The Rego tests lie beside the rules. Here stands what Rego cannot say of itself, and what would take its tests too long.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from placet_engine.errors import PolicyError
from placet_engine.policy.accept import accept
from placet_engine.policy.answer import parse_answer
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import load_policy_set
from placet_engine.policy.capabilities import load_capabilities
from placet_engine.policy.rules_index import index_drift

POLICIES = Path(__file__).resolve().parents[2] / "policies"
TESTING = "data.placet.testing"
SCHEMAS = ("input", "answer", "settings")

Json = dict[str, Any]
Evaluate = Callable[[str], Any]


@pytest.fixture(scope="module")
def opa() -> Binary:
    """The OPA of this environment, else the one that PLACET_OPA names."""
    try:
        return locate()
    except PolicyError:
        named = os.environ.get("PLACET_OPA")
        if named is None:
            pytest.fail("no placet-opa in this environment, and PLACET_OPA names none")
        return locate(Path(named))


def run(opa: Binary, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [opa.path, *arguments], cwd=POLICIES, env={}, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def evaluate(opa: Binary) -> Evaluate:
    """Ask the policy set, tests and builders included; a builtin error is an error, as at the gate."""

    def ask(query: str) -> Any:
        done = run(opa, "eval", "--bundle", ".", "--strict-builtin-errors", "--format", "json", query)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)["result"][0]["expressions"][0]["value"]

    return ask


def schema(name: str) -> Json:
    document: Json = json.loads((POLICIES / "schemas" / f"{name}.json").read_bytes())
    return document


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name), format_checker=FormatChecker())


def settings() -> Json:
    document: Json = yaml.safe_load((POLICIES / "placet/settings/data.yaml").read_text(encoding="utf-8"))
    return document


def index() -> Json:
    rules: Json = json.loads((POLICIES / "placet/index/data.json").read_bytes())["rules"]
    return rules


# OPA's own tools


def test_every_file_is_formatted(opa: Binary) -> None:
    done = run(opa, "fmt", "--fail", "--list", ".")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_every_reference_is_typed(opa: Binary) -> None:
    done = run(
        opa, "check", "--strict", "--schema", "schemas", "--capabilities", "capabilities.json", "placet"
    )
    assert done.returncode == 0, done.stderr


def test_a_misspelt_reference_is_found(opa: Binary, tmp_path: Path) -> None:
    shutil.copy(POLICIES / "placet/placet.rego", tmp_path)
    toy = "package placet.toy\n\na := input.lineage.truncatd\n\nb := data.placet.settings.seeds.minimun\n"
    (tmp_path / "toy.rego").write_text(toy, encoding="utf-8")
    done = run(opa, "check", "--strict", "--schema", str(POLICIES / "schemas"), str(tmp_path))
    assert done.returncode != 0
    assert "truncatd" in done.stderr
    assert "minimun" in done.stderr


def test_the_rego_tests_pass_and_cover_every_line(opa: Binary) -> None:
    done = run(opa, "test", "--bundle", ".", "--timeout", "120s", "--coverage", "--threshold", "100")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    report = json.loads(done.stdout)
    assert report["coverage"] == 100
    assert not [path for path, found in report["files"].items() if found.get("not_covered")]


def test_no_two_tests_of_one_name() -> None:
    names = [
        (path.parent, line.split(" ")[0])
        for path in POLICIES.rglob("*_test.rego")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("test_")
    ]
    assert len(names) == len(set(names))


def test_the_engine_accepts_the_set(opa: Binary, tmp_path: Path) -> None:
    capabilities = load_capabilities(POLICIES / "capabilities.json")
    accept(load_policy_set(POLICIES), opa, capabilities, cache=tmp_path, schema=b"false")
    assert index_drift(POLICIES, opa) == ()


# Every rule can pass, and can fail


def test_every_rule_has_a_case_that_passes_and_one_that_fails(evaluate: Evaluate) -> None:
    counts = evaluate(f"{TESTING}.catalogue_test.counts")
    codes = {code for code in index() if not code.startswith("policy.")}
    assert set(counts) == codes
    assert not [code for code in codes if not counts[code].get("pass") or not counts[code].get("fail")]


def test_every_case_has_its_status_when_builtin_errors_count(evaluate: Evaluate) -> None:
    found = evaluate(f"{{topic: found | some topic in {topics()}; found := {TESTING}.surprises({cases()})}}")
    assert found == {topic: [] for topic in json.loads(topics())}


def test_withholding_a_statement_never_helps(evaluate: Evaluate) -> None:
    found = evaluate(f"{TESTING}.monotonic_test.helped")
    assert found == {topic: [] for topic in json.loads(topics())}


def test_the_rules_serve_eight_topics_and_many_requirements() -> None:
    rules = [rule for code, rule in index().items() if not code.startswith("policy.")]
    assert len({rule["topic"] for rule in rules}) == 8
    assert len(rules) == 28
    required = "R1 R2 R3 R4 R5 R6 R7 R10 R13 R16 R25 R26 R28 R31 R35 R36 R37 R54 R55 R72 R75"
    assert set(required.split()) <= {row for rule in rules for row in rule["requirements"]}
    assert all(rule["controls"] for rule in rules)


def topics() -> str:
    return json.dumps(
        sorted({rule["topic"] for code, rule in index().items() if not code.startswith("policy.")})
    )


def cases() -> str:
    return 'data.placet.rules[concat("_", [topic, "test"])].cases'


# Schemas


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_described(name: str) -> None:
    document = schema(name)
    bare = [where for where, field in fields(document, "") if not described(field, document)]
    assert bare == []


def fields(part: object, where: str) -> Iterator[tuple[str, Json]]:
    """Every property of every object in a schema."""
    if isinstance(part, Mapping):
        for name, inner in part.items():
            if name == "properties":
                yield from ((f"{where}.{key}", field) for key, field in inner.items())
            yield from fields(inner, f"{where}.{name}")


def described(field: Json, document: Json) -> bool:
    if "description" in field:
        return True
    name = field.get("$ref", "").removeprefix("#/$defs/")
    return bool(name) and "description" in document["$defs"][name]


def test_the_settings_fit_their_schema() -> None:
    assert list(validator("settings").iter_errors(settings())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seeds", "minimun"), 1),
        (("gates", "promote/production", "mode"), "relaxed"),
        (("gates", "promote/production", "collections"), []),
        (("gates", "promote/production", "waivers", "principals"), 0),
        (("gates", "Promote"), {}),
        (("roles", "approver"), []),
        (("evaluation", "thresholds"), {}),
        (("evaluation", "thresholds", "*", "accuracy"), {}),
        (("evaluation", "thresholds", "*", "accuracy", "min"), "0.9"),
        (("lineage", "root_roles"), ["dataset"]),
        (("splits", "maximum"), {}),
        (("surprise",), 1),
    ],
)
def test_wrong_settings_are_errors(path: tuple[str, ...], value: object) -> None:
    document = settings()
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert list(validator("settings").iter_errors(document))


# The two ends: what comes in, what goes out

WORLDS = ("model", "image", "data_at_register", "stranger")


@pytest.mark.parametrize("world", WORLDS)
def test_builders_make_valid_input(evaluate: Evaluate, world: str) -> None:
    document = evaluate(f"{TESTING}.facts({TESTING}.{world})")
    assert list(validator("input").iter_errors(document)) == []


@pytest.mark.parametrize("world", WORLDS)
def test_answers_are_valid_and_can_be_read(evaluate: Evaluate, world: str) -> None:
    answer = evaluate(f"{TESTING}.decide({TESTING}.case({TESTING}.{world}))")
    assert list(validator("answer").iter_errors(answer)) == []
    parsed = parse_answer(json.dumps(answer).encode())
    assert parsed.verdict == ("deny" if world == "stranger" else "allow")


def test_every_answer_of_every_case_can_be_read(evaluate: Evaluate) -> None:
    query = (
        f"[{TESTING}.decide(told) | some topic in {topics()}; some code, statuses in {cases()};"
        " some status, labelled in statuses; some label, told in labelled]"
    )
    answers = evaluate(query)
    assert len(answers) > 150
    checker = validator("answer")
    for answer in answers:
        parse_answer(json.dumps(answer).encode())
    for answer in answers[::10]:
        assert list(checker.iter_errors(answer)) == []


def test_the_same_input_gives_the_same_bytes(opa: Binary, evaluate: Evaluate, tmp_path: Path) -> None:
    facts = tmp_path / "input.json"
    facts.write_text(json.dumps(evaluate(f"{TESTING}.facts({TESTING}.image)")), encoding="utf-8")
    arguments = (
        "eval",
        "--bundle",
        ".",
        "--input",
        str(facts),
        "--format",
        "json",
        "data.placet.main.decision",
    )
    assert run(opa, *arguments).stdout == run(opa, *arguments).stdout


def test_the_bundle_alone_decides_the_same(opa: Binary, evaluate: Evaluate, tmp_path: Path) -> None:
    bundle, facts = tmp_path / "bundle.tar.gz", tmp_path / "input.json"
    bundle.write_bytes(load_policy_set(POLICIES).archive)
    facts.write_text(json.dumps(evaluate(f"{TESTING}.facts({TESTING}.model)")), encoding="utf-8")
    done = run(
        opa,
        "eval",
        "--bundle",
        str(bundle),
        "--input",
        str(facts),
        "--format",
        "json",
        "data.placet.main.decision",
    )
    answer = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    assert answer == evaluate(f"{TESTING}.decide({TESTING}.case({TESTING}.model))")


def test_cost_grows_no_faster_than_the_lineage(opa: Binary, evaluate: Evaluate, tmp_path: Path) -> None:
    """Counted in expressions, whatever the machine: eight times the lineage, at most ten times the work."""
    small, large = (work(opa, evaluate, tmp_path, size) for size in (20, 160))
    assert large < 10 * small


def work(opa: Binary, evaluate: Evaluate, folder: Path, size: int) -> int:
    """How many expressions OPA evaluates for a model that was trained on `size` raw datasets."""
    facts = evaluate(f"{TESTING}.facts({TESTING}.model)")
    training = next(one for one in facts["statements"].values() if one["short_type"] == "training")
    template = next(one for one in facts["statements"].values() if one["body"].get("kind") == "raw")
    splits = next(one for one in facts["statements"].values() if one["body"].get("kind") == "splits")
    for number in range(size):
        artifact, statement, measured = (f"sha256:{kind}{number:062x}" for kind in ("aa", "bb", "cc"))
        facts["artifacts"][artifact] = {
            "kinds": ["dataset"],
            "kind": "dataset",
            "aliases": [],
            "statements": [statement],
            "parents": [],
            "distance": 1,
        }
        facts["statements"][statement] = template | {"subjects": [artifact]}
        facts["by_type"]["dataset"][artifact] = [statement]
        facts["statements"][measured] = splits | {
            "subjects": [artifact],
            "body": splits["body"] | {"inputs": splits["body"]["inputs"] | {"train": artifact}},
        }
        facts["by_type"]["measurement"][artifact] = [measured]
        facts["artifacts"][facts["subject"]]["parents"].append(artifact)
        training["body"]["dependencies"][artifact] = {"name": f"data/{number}.csv", "role": "dataset"}
    path = folder / f"input-{size}.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    done = run(
        opa,
        "eval",
        "--bundle",
        ".",
        "--input",
        str(path),
        "--format",
        "json",
        "--profile",
        "--profile-limit",
        "100000",
        "data.placet.main.decision",
    )
    document = json.loads(done.stdout)
    assert document["result"][0]["expressions"][0]["value"]["verdict"] == "allow"
    return sum(line["num_eval"] + line["num_redo"] for line in document["profile"])
