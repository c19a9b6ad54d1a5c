from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet_api.errors import UsageError
from placet_api.recording import Step
from placet_attestations.digests import Digest
from placet_attestations.errors import IdentityError, MalformedError, VerificationError
from placet_attestations.predicates import claims, dependencies
from tests.api.projects import git
from tests.builders import NOW


def ticking() -> Callable[[], datetime]:
    """A clock that goes on by a second at each look."""
    times: Iterator[datetime] = iter(NOW + timedelta(seconds=number) for number in range(100))
    return lambda: next(times)


def a_step(kind: str = "train", **changes: Any) -> Step:
    return Step(kind, ticking(), **changes)


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture
def data(empty: Path) -> Path:
    (empty / "data.csv").write_text("a,b\n1,2\n")
    return empty


def test_a_step_states_what_went_in_what_ran_and_what_came_out(data: Path) -> None:
    step = a_step(parameters={"C": 1.0}, seeds={"numpy": 7})
    step.material("data.csv", "dataset")
    step.output("model.bin", name="churn", alias="churn@1")
    step.run(script("open('model.bin', 'w').write('model')"))
    statement, made = step.statement()
    predicate: Any = statement.predicate
    assert [local.digest for _, local in made] == [Digest.of(b"model")]
    assert [(claim.digest, claim.kind, claim.name, claim.aliases) for claim in claims(statement)] == [
        (Digest.of(b"model"), "model", "churn", ("churn@1",))
    ]
    assert [(item.name, item.role, item.digest) for item in dependencies(statement)] == [
        ("data.csv", "dataset", Digest.of(b"a,b\n1,2\n"))
    ]
    assert predicate["buildDefinition"]["externalParameters"] == {
        "hyperparameters": {"C": 1.0},
        "seeds": {"numpy": 7},
        "entryPoint": step.entry_point,
    }
    assert predicate["buildDefinition"]["internalParameters"] == {
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    times = predicate["runDetails"]["metadata"]
    assert times["startedOn"] < times["finishedOn"]


def test_the_command_is_told_its_parameters_and_seeds(data: Path) -> None:
    step = a_step(parameters={"C": 1.0, "solver": "lbfgs"}, seeds={"numpy": 7, "python": 5})
    step.output("told.json")
    names = ("PLACET_PARAMETERS", "PLACET_SEEDS", "PYTHONHASHSEED")
    step.run(script(f"import json, os; json.dump([os.environ[n] for n in {names}], open('told.json', 'w'))"))
    parameters, seeds, hash_seed = json.loads((data / "told.json").read_text())
    assert json.loads(parameters) == {"C": 1.0, "solver": "lbfgs"}
    assert json.loads(seeds) == {"numpy": 7, "python": 5}
    assert hash_seed == "5"


def test_the_hash_seed_is_left_alone_when_none_is_given() -> None:
    assert set(a_step(seeds={"numpy": 7}).environment()) == {"PLACET_PARAMETERS", "PLACET_SEEDS"}


@pytest.mark.parametrize("role", ["dataset", "code"])
def test_an_input_that_changed_meanwhile_is_not_signed_for(data: Path, role: str) -> None:
    step = a_step()
    step.material("data.csv", role)
    step.output("model.bin")
    step.run(script("open('model.bin', 'w').write('m'); open('data.csv', 'a').write('3,4')"))
    with pytest.raises(VerificationError) as caught:
        step.statement()
    assert (caught.value.code, caught.value.where) == ("record.input_changed", "data.csv")


def test_an_input_that_is_gone_is_not_signed_for(data: Path) -> None:
    step = a_step()
    step.material("data.csv", "dataset")
    step.output("model.bin")
    step.run(script("import os; open('model.bin', 'w').write('m'); os.unlink('data.csv')"))
    with pytest.raises(IdentityError):
        step.statement()


def test_code_is_digested_as_a_tree_before_and_after(data: Path) -> None:
    (data / "src").mkdir()
    (data / "src" / "train.py").write_text("print()")
    step = a_step()
    step.material("src", "code")
    step.output("model.bin")
    step.run(script("open('model.bin', 'w').write('m'); open('src/train.py', 'a').write('#')"))
    with pytest.raises(VerificationError):
        step.statement()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (script("raise SystemExit(3)"), "record.command_failed"),
        (script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), "record.command_failed"),
        (["/nowhere/python"], "record.command"),
        (["./data.csv"], "record.command"),
    ],
)
def test_a_command_that_fails_is_said_so(data: Path, command: list[str], code: str) -> None:
    step = a_step()
    step.output("data.csv")
    with pytest.raises(UsageError) as caught:
        step.run(command)
    assert caught.value.code == code


def test_an_output_that_was_not_made_is_not_signed_for(data: Path) -> None:
    step = a_step()
    step.output("model.bin")
    step.run(script("pass"))
    with pytest.raises(IdentityError) as caught:
        step.statement()
    assert caught.value.code == "tree.missing"


def test_an_output_that_lay_there_before_is_not_signed_for(data: Path) -> None:
    Path("model.json").write_text("an older model")
    step = a_step()
    step.output("model.json")
    with pytest.raises(UsageError) as caught:
        step.run(script("pass"))
    assert caught.value.code == "record.stale_output"


def test_an_output_that_is_written_again_is_signed_for_with_the_same_bytes_too(data: Path) -> None:
    Path("model.json").write_text("same")
    step = a_step()
    step.output("model.json")
    step.run(script("open('model.json', 'w').write('same')"))
    (statement, made) = step.statement()
    assert made[0][1].digest == Digest.of(b"same")
    assert statement.subjects[0].digest == Digest.of(b"same")


def test_a_step_without_outputs_does_not_even_run(data: Path) -> None:
    with pytest.raises(UsageError) as caught:
        a_step().run(script("open('ran', 'w')"))
    assert caught.value.code == "record.no_output"
    assert not (data / "ran").exists()


@pytest.mark.parametrize(
    ("changes", "output", "role", "code"),
    [
        ({"parameters": {"C": object()}}, {}, "dataset", "json.type"),
        ({"parameters": {"C": float("nan")}}, {}, "dataset", "json.not_finite"),
        ({"seeds": {"numpy": 2**53}}, {}, "dataset", "json.number"),
        ({}, {"kind": "modle"}, "dataset", "statement.annotation"),
        ({}, {"name": "\x1b[31mred"}, "dataset", "statement.name"),
        ({}, {}, "datset", "statement.annotation"),
    ],
)
def test_what_could_not_be_signed_is_refused_before_the_command_takes_its_hours(
    data: Path, changes: dict[str, Any], output: dict[str, str], role: str, code: str
) -> None:
    step = a_step(**changes)
    step.material("data.csv", role)
    step.output("data.csv", **output)
    with pytest.raises(MalformedError) as caught:
        step.run(script("open('ran', 'w')"))
    assert caught.value.code == code
    assert not (data / "ran").exists()


def test_a_step_that_was_not_run_states_nothing(data: Path) -> None:
    step = a_step()
    with pytest.raises(UsageError) as caught:
        step.statement()
    assert caught.value.code == "record.no_output"
    step.output("data.csv")
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            step.statement()
        assert caught.value.code == "record.not_run"
        step.begin()


def test_a_step_that_runs_in_this_process_has_no_entry_point_unless_told(data: Path) -> None:
    step = a_step("preprocess")
    step.begin()
    step.end()
    step.output("data.csv", kind="code")
    statement, _ = step.statement()
    predicate: Any = statement.predicate
    assert "entryPoint" not in predicate["buildDefinition"]["externalParameters"]
    assert [claim.kind for claim in claims(statement)] == ["code"]


def test_the_kind_of_an_output_follows_from_the_step(data: Path) -> None:
    for kind, expected in (
        ("train", "model"),
        ("preprocess", "dataset"),
        ("ingest", "dataset"),
        ("package", "image"),
    ):
        step = a_step(kind)
        step.begin()
        step.end()
        step.output("data.csv")
        assert [claim.kind for claim in claims(step.statement()[0])] == [expected]


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        a_step("zap")
    assert caught.value.code == "record.step"


def test_the_commit_of_code_travels_with_it(data: Path) -> None:
    (data / "src").mkdir()
    (data / "src" / "train.py").write_text("print()")
    git(data / "src", "init", "--quiet")
    git(data / "src", "add", ".")
    git(data / "src", "commit", "--quiet", "--message", "first")
    step = a_step()
    step.material("src", "code")
    step.output("data.csv")
    step.begin()
    step.end()
    predicate: Any = step.statement()[0].predicate
    (dependency,) = predicate["buildDefinition"]["resolvedDependencies"]
    assert len(dependency["annotations"]["placet.dev/gitCommit"]) == 40
