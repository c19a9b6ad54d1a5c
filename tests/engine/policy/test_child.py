"""The real OPA as a child: asked, killed, stopped, overloaded, refused; and nothing of it survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from placet_engine.errors import PolicyError
from placet_engine.policy.binary import Binary, locate
from placet_engine.policy.bundle import PolicySet, load_policy_set
from placet_engine.policy.child import ChildOpa
from placet_engine.policy.limits import PolicyLimits
from placet_engine.policy.port import Answer, Refused, Result, TimedOut, Undefined, Unreachable
from placet_engine.policy.process import VARIABLES
from tests.engine.policy.processes import cpu_ticks, eventually, running, state, stopped, with_argument
from tests.engine.policy.toy import MAIN, write_toy

GOOD = b'{"x":1}'
RAW = '{"limit":3,"reported":1,"seen":1,"word":"é"}'.encode()
ENDLESS = b'{"x":1,"work":1000000}'


def pid_of(engine: ChildOpa) -> int:
    pid = engine.pid
    assert pid is not None
    return pid


def gone(pid: int) -> None:
    """Wait until a killed OPA was buried: until then the kernel closes its connections."""
    eventually(lambda: state(pid) == "", "the killed OPA is buried")


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: stopped(pid), "OPA is stopped")


def fake(folder: Path, text: str) -> Binary:
    path = folder / "fake-opa"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return locate(path)


def test_it_answers_with_the_bytes_of_opa(engine: ChildOpa, policy_set: PolicySet) -> None:
    assert engine.revision == policy_set.revision
    assert engine.ask(GOOD, timeout=30) == Result(RAW, policy_set.revision)
    assert engine.ask(b'{"y":1}', timeout=30) == Undefined()


def test_opa_sees_the_variables_of_ours_and_nothing_of_this_process(engine: ChildOpa) -> None:
    assert engine.ask(GOOD, timeout=30) == Result(RAW, engine.revision)
    seen = Path(f"/proc/{pid_of(engine)}/environ").read_text().split("\0")
    assert sorted(filter(None, seen)) == sorted(f"{name}={value}" for name, value in VARIABLES.items())


def test_the_first_question_waits_for_the_start(policy_set: PolicySet, opa: Binary) -> None:
    with ChildOpa(policy_set, opa) as engine:
        assert engine.ask(GOOD, timeout=30) == Result(RAW, policy_set.revision)


def test_an_error_while_evaluating_is_refused_in_the_words_of_opa(engine: ChildOpa) -> None:
    got = engine.ask(b'{"x":1,"number":"many"}', timeout=30)
    assert isinstance(got, Refused)
    assert got.status == 500
    assert "placet/main/main.rego:" in got.text
    assert "eval_builtin_error" in got.text


def test_a_late_answer_is_given_up_and_opa_stops_working_on_it(engine: ChildOpa) -> None:
    assert engine.ask(ENDLESS, timeout=0.2) == TimedOut()
    pid = pid_of(engine)
    seen = [-1]

    def idle() -> bool:
        before, seen[0] = seen[0], cpu_ticks(pid)
        threading.Event().wait(0.1)
        return before == seen[0]

    eventually(idle, "OPA is idle again")
    assert engine.ask(GOOD, timeout=30) == Result(RAW, engine.revision)
    assert pid_of(engine) == pid


def test_many_callers_are_answered_at_once(engine: ChildOpa) -> None:
    def one(number: int) -> bool:
        got = engine.ask(json.dumps({"x": number}).encode(), timeout=60)
        return isinstance(got, Result) and json.loads(got.raw)["seen"] == number

    with ThreadPoolExecutor(16) as callers:
        assert all(callers.map(one, range(300)))


def test_killed_between_questions_the_next_is_answered(engine: ChildOpa) -> None:
    first = pid_of(engine)
    os.kill(first, signal.SIGKILL)
    gone(first)
    assert engine.ask(GOOD, timeout=30) == Result(RAW, engine.revision)
    assert pid_of(engine) != first


def test_killed_while_it_works_the_question_is_unreachable_and_the_next_is_answered(engine: ChildOpa) -> None:
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(engine.ask(ENDLESS, timeout=60)))
    pid, before = pid_of(engine), cpu_ticks(pid_of(engine))
    caller.start()
    eventually(lambda: cpu_ticks(pid) > before + 10, "OPA works on the question")
    os.kill(pid, signal.SIGKILL)
    caller.join(30)
    assert len(answers) == 1
    assert isinstance(answers[0], Unreachable)
    assert engine.ask(GOOD, timeout=30) == Result(RAW, engine.revision)


def test_killed_before_it_was_ready_it_comes_back(policy_set: PolicySet, opa: Binary) -> None:
    with ChildOpa(policy_set, opa) as engine:
        eventually(lambda: engine.pid is not None, "OPA is started")
        os.kill(pid_of(engine), signal.SIGKILL)
        assert engine.ask(GOOD, timeout=30) == Result(RAW, policy_set.revision)


def test_killed_again_and_again_it_comes_back(engine: ChildOpa) -> None:
    for _ in range(4):
        pid = pid_of(engine)
        os.kill(pid, signal.SIGKILL)
        gone(pid)
        assert engine.ask(GOOD, timeout=30) == Result(RAW, engine.revision)


def test_stopped_it_times_out_and_is_replaced(policy_set: PolicySet, opa: Binary) -> None:
    with ChildOpa(policy_set, opa, limits=PolicyLimits(probe_timeout=0.3)) as engine:
        engine.wait_ready(30)
        pid = pid_of(engine)
        stop(pid)
        assert engine.ask(GOOD, timeout=0.1) == TimedOut()
        eventually(lambda: not running(pid), "the stopped OPA was replaced")
        # On a busy machine the next one, too, may take longer for a probe than these 0.3 s, and be replaced.
        eventually(
            lambda: engine.ask(GOOD, timeout=30) == Result(RAW, engine.revision), "the next one answers"
        )


def test_one_that_never_listens_times_out(policy_set: PolicySet, tmp_path: Path) -> None:
    with ChildOpa(policy_set, fake(tmp_path, "echo thinking; exec sleep 600")) as engine:
        with pytest.raises(PolicyError, match="thinking") as caught:
            engine.wait_ready(2)
        assert caught.value.code == "opa.not_ready"
        assert engine.ask(GOOD, timeout=0.1) == TimedOut()
        pid = pid_of(engine)
    assert not running(pid)


def test_one_that_is_not_ready_in_time_is_given_up(policy_set: PolicySet, tmp_path: Path) -> None:
    limits = PolicyLimits(start_timeout=0.05)
    with ChildOpa(policy_set, fake(tmp_path, "exec sleep 600"), limits=limits) as engine:
        with pytest.raises(PolicyError, match="OPA does not get ready: it said nothing") as caught:
            engine.wait_ready(30)
        assert caught.value.code == "opa.start"
        assert engine.ask(GOOD, timeout=30) == Unreachable("OPA does not get ready: it said nothing")


def test_a_bundle_that_does_not_compile_is_refused_in_the_words_of_opa(tmp_path: Path, opa: Binary) -> None:
    bad = load_policy_set(write_toy(tmp_path, {"placet/main/main.rego": MAIN + "\nx := nothing(1)\n"}))
    with ChildOpa(bad, opa) as engine:
        with pytest.raises(PolicyError, match="undefined function nothing") as caught:
            engine.wait_ready(30)
        assert caught.value.code == "policy.compile"
        got = engine.ask(GOOD, timeout=30)
        assert isinstance(got, Unreachable)
        assert "undefined function nothing" in got.text
        assert engine.pid is None


def test_one_that_starts_once_and_never_again_is_unreachable(
    policy_set: PolicySet, opa: Binary, tmp_path: Path
) -> None:
    flag = tmp_path / "started"
    binary = fake(
        tmp_path, f'if [ -e {flag} ]; then echo "no more"; exit 1; fi; : > {flag}; exec {opa.path} "$@"'
    )
    limits = PolicyLimits(first_backoff=0.01, max_backoff=0.02)
    with ChildOpa(policy_set, binary, limits=limits) as engine:
        assert isinstance(engine.ask(GOOD, timeout=30), Result)
        os.kill(pid_of(engine), signal.SIGKILL)
        told: list[Answer] = []

        def dead() -> bool:
            told.append(engine.ask(GOOD, timeout=0.5))
            return told[-1] == Unreachable("OPA died and is being restarted; it said: no more")

        eventually(dead, "the dead OPA is told")
        assert not [one for one in told if isinstance(one, Result)]
        flag.unlink()
        eventually(lambda: isinstance(engine.ask(GOOD, timeout=30), Result), "it is back")


def test_a_folder_that_vanishes_is_waited_for(policy_set: PolicySet, opa: Binary, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    with ChildOpa(policy_set, opa, runtime_dir=runtime) as engine:
        assert isinstance(engine.ask(GOOD, timeout=30), Result)
        pid = pid_of(engine)
        runtime.rename(tmp_path / "moved")
        os.kill(pid, signal.SIGKILL)
        gone(pid)
        got = engine.ask(GOOD, timeout=0.5)
        assert isinstance(got, Unreachable)
        (tmp_path / "moved").rename(runtime)
        assert isinstance(engine.ask(GOOD, timeout=30), Result)


def test_a_socket_that_vanishes_is_made_again(policy_set: PolicySet, opa: Binary, tmp_path: Path) -> None:
    with ChildOpa(policy_set, opa, runtime_dir=tmp_path, limits=PolicyLimits(probe_timeout=0.3)) as engine:
        engine.wait_ready(30)
        first = pid_of(engine)
        (folder,) = tmp_path.iterdir()
        stop(first)  # so that the pooled connection is given up
        (folder / "s").unlink()
        assert engine.ask(GOOD, timeout=0.1) == TimedOut()
        assert isinstance(engine.ask(GOOD, timeout=30), Result)
        assert pid_of(engine) != first


def test_one_that_nobody_can_connect_to_is_replaced_at_once(
    policy_set: PolicySet, opa: Binary, tmp_path: Path
) -> None:
    with ChildOpa(policy_set, opa, runtime_dir=tmp_path) as engine:
        engine.wait_ready(30)
        first, before = pid_of(engine), cpu_ticks(pid_of(engine))
        (folder,) = tmp_path.iterdir()
        answers: list[Answer] = []
        caller = threading.Thread(target=lambda: answers.append(engine.ask(ENDLESS, timeout=60)))
        caller.start()
        eventually(lambda: cpu_ticks(first) > before + 5, "the only connection is in use")
        (folder / "s").unlink()
        assert isinstance(engine.ask(GOOD, timeout=30), Result)
        assert pid_of(engine) != first
        caller.join(30)
        assert isinstance(answers[0], Unreachable)


def test_closing_ends_everything(policy_set: PolicySet, opa: Binary, tmp_path: Path) -> None:
    engine = ChildOpa(policy_set, opa, runtime_dir=tmp_path)
    engine.wait_ready(30)
    pid = pid_of(engine)
    assert with_argument(str(tmp_path)) == [pid]
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(engine.ask(ENDLESS, timeout=60)))
    caller.start()
    eventually(lambda: cpu_ticks(pid) > 20, "OPA works on the question")
    engine.close()
    engine.close()
    caller.join(30)
    assert isinstance(answers[0], Unreachable)
    assert not running(pid)
    assert not list(tmp_path.iterdir())
    assert engine.pid is None
    assert engine.ask(GOOD, timeout=1) == Unreachable("OPA was closed")


def test_closing_before_it_was_ready_ends_everything(
    policy_set: PolicySet, opa: Binary, tmp_path: Path
) -> None:
    ChildOpa(policy_set, opa, runtime_dir=tmp_path).close()
    assert not with_argument(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_folder_with_too_long_a_name_is_refused(policy_set: PolicySet, opa: Binary, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        ChildOpa(policy_set, opa, runtime_dir=tmp_path / ("x" * 100))
    assert caught.value.code == "opa.socket_path"


PARENT = """
import sys, time
from pathlib import Path
from placet_engine.policy.binary import locate
from placet_engine.policy.bundle import load_policy_set
from placet_engine.policy.child import ChildOpa
engine = ChildOpa(load_policy_set(Path(sys.argv[1])), locate(Path(sys.argv[2])), runtime_dir=Path(sys.argv[3]))
engine.wait_ready(60)
print(engine.pid, flush=True)
if sys.argv[4] == "wait":
    time.sleep(600)
if sys.argv[4] == "fail":
    raise SystemExit(3)
"""


def parent(toy: Path, opa: Binary, runtime: Path, then: str) -> tuple[subprocess.Popen[str], int]:
    started = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PARENT, toy, opa.path, runtime, then],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    return started, int(started.stdout.readline())


def test_no_opa_survives_a_parent_that_is_killed(toy: Path, opa: Binary, tmp_path: Path) -> None:
    started, pid = parent(toy, opa, tmp_path, "wait")
    with started:
        assert running(pid)
        assert with_argument(f"unix://{tmp_path}") == [pid]
        started.kill()
    eventually(lambda: not running(pid), "OPA went with its parent")
    assert not with_argument(f"unix://{tmp_path}")


@pytest.mark.parametrize(("then", "status"), [("end", 0), ("fail", 3)])
def test_a_parent_that_forgets_to_close_leaves_nothing(
    toy: Path, opa: Binary, tmp_path: Path, then: str, status: int
) -> None:
    started, pid = parent(toy, opa, tmp_path, then)
    with started:
        assert started.wait(60) == status
    eventually(lambda: not running(pid), "OPA went with its parent")
    assert not list(tmp_path.iterdir())
