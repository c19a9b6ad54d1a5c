"""What holds for every command: help, errors, and what a real process does."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import pytest

from placet_api.cli import main
from placet_api.cli.context import Call, colour
from placet_api.cli.failures import report
from placet_api.cli.options import integers, pairs, typed
from placet_api.errors import UsageError
from placet_api.version import OPA_VERSION, VERSION
from placet_engine.policy.binary import TESTED_VERSION
from tests.api.projects import GATE, call, decisions, done


def every_command(group: click.Group = main.cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(every_command())
# Of these the commands have the examples; `placet` itself has some.
GROUPS = {path[:-1] for path in COMMANDS if len(path) > 1}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_works_everywhere_and_shows_an_example_that_could_be_run(
    empty: Path, path: tuple[str, ...]
) -> None:
    text = done(*path, "--help").out
    assert text == done(*path, "-h").out
    assert text.startswith(f"Usage: {' '.join(('placet', *path))}")
    if path in GROUPS:
        return
    assert "Example" in text
    assert re.search(rf"  (\S+ \S+=\$\()?placet {' '.join(path)}", text)
    assert list(empty.iterdir()) == []


def test_the_issue_has_its_verbs() -> None:
    making = ["init", "digest", "key", "trust", "record", "measure", "attest", "add"]
    asking = ["verify", "show", "lineage", "gate", "approve", "log", "policy"]
    serving = ["token", "serve", "doctor", "version"]
    assert list(main.COMMANDS) == making + asking + serving
    names = {" ".join(path) for path in COMMANDS}
    assert names >= {f"log {verb}" for verb in ("list", "show", "verify", "prove", "check", "checkpoint")}
    assert names >= {f"policy {verb}" for verb in ("list", "show", "test", "build")}
    assert names >= {"measure evaluation", "measure splits", "trust digest", "key import"}


@pytest.mark.parametrize(
    "arguments", [("nope",), ("--nope",), ("gate",), ("log", "nope"), ("record", "--step=train")]
)
def test_a_wrong_call_is_2_and_said_on_standard_error(empty: Path, arguments: tuple[str, ...]) -> None:
    ran = call(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: placet" in ran.err


def test_a_command_that_was_nearly_right_is_told(empty: Path) -> None:
    assert "No such command 'gatee'. Did you mean gate?" in call("gatee").err
    assert "Did you mean" not in call("zzzz").err


def test_nothing_at_all_shows_the_help(empty: Path) -> None:
    ran = call()
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_the_versions_are_said() -> None:
    assert done("version").out == f"placet {VERSION} (OPA {OPA_VERSION})\n"
    assert done("--version").out == done("version").out
    assert OPA_VERSION == TESTED_VERSION


# errors


def said(error: Exception, *, debug: bool) -> tuple[int, str]:
    words = io.StringIO()
    with redirect_stderr(words):
        return report(error, debug=debug), words.getvalue()


def test_an_error_is_said_with_what_to_do() -> None:
    error = UsageError("a.b", "it \x1b[31mbroke", where="here", hint="mend\x07 it")
    assert said(error, debug=False) == (2, "placet: a.b: it \\x1b[31mbroke (here)\n  mend\\x07 it\n")
    assert said(UsageError("a.b", "it broke"), debug=False) == (2, "placet: a.b: it broke\n")


def test_a_bug_says_that_it_is_one_and_closes() -> None:
    code, words = said(ZeroDivisionError("a bug\x1b"), debug=False)
    assert code == 3
    assert words.startswith("placet: internal.error: ZeroDivisionError: a bug\\x1b\n")
    assert "--debug" in words


def test_a_traceback_is_shown_when_it_is_asked_for(empty: Path) -> None:
    for debug in ((), ("--debug",)):
        ran = call(*debug, "digest", "nowhere")
        assert ran.code == 2
        assert ("Traceback" in ran.err) == bool(debug)
        assert "placet: tree.missing: " in ran.err


@click.command()
@click.argument("what")
def misbehave(what: str) -> None:
    """A command that ends in each way that a command can."""
    ends: dict[str, BaseException] = {
        "interrupt": KeyboardInterrupt(), "abort": click.Abort(), "pipe": BrokenPipeError(), "bug": ZeroDivisionError(),
    }  # fmt: skip
    raise ends[what]


@pytest.mark.parametrize(("what", "code"), [("interrupt", 130), ("abort", 130), ("pipe", 3), ("bug", 3)])
def test_every_end_has_its_exit_code_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, what: str, code: int
) -> None:
    group = main.Lazy("placet")
    monkeypatch.setattr(main, "cli", group)
    monkeypatch.setattr(group, "get_command", lambda ctx, name: misbehave)
    ran = call("misbehave", what)
    assert (ran.code, ran.out) == (code, "")
    assert "Traceback" not in ran.err


# options


def test_pairs_are_read_once_each() -> None:
    assert pairs(["a=1", "b=x=y", "c="], "--context") == {"a": "1", "b": "x=y", "c": ""}
    for wrong, code in (["a"], "usage.pair"), (["=1"], "usage.pair"), (["a=1", "a=1"], "usage.twice"):
        with pytest.raises(UsageError) as caught:
            pairs(wrong, "--context")
        assert caught.value.code == code


def test_numbers_are_whole_and_values_what_they_look_like() -> None:
    assert integers(["a=1", "b=-2"], "--seed") == {"a": 1, "b": -2}
    for wrong in ("a=1.5", "a=x", "a=", "a=" + "9" * 5000):
        with pytest.raises(UsageError) as caught:
            integers([wrong], "--seed")
        assert caught.value.code == "usage.integer"
    assert [typed(text) for text in ("1", "1.5", "true", "null", "x", "NaN", '"1"')] == [
        1,
        1.5,
        True,
        None,
        "x",
        "NaN",
        "1",
    ]
    assert typed("[" * 100_000) == "[" * 100_000


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with redirect_stdout(Terminal()):
        assert colour()
        monkeypatch.setenv("NO_COLOR", "1")
        assert not colour()
    monkeypatch.delenv("NO_COLOR")
    with redirect_stdout(io.StringIO()):
        assert not colour()


def test_a_call_reads_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    one = Call(options={})
    monkeypatch.delenv("CI")
    assert one.in_ci
    assert not Call(options={}).in_ci


# processes

PLACET = (sys.executable, "-m", "placet")


def test_nothing_of_weight_is_imported_for_help_or_version_or_the_face(empty: Path) -> None:
    heavy = ("cryptography", "yaml", "jsonschema", "aiohttp", "sqlite3", "asyncio", "opa_client")
    # What was there before (a tool that measures this very process, say) is not counted.
    look = f"print([name for name in {heavy!r} if name in sys.modules.keys() - before])"
    for code in (
        "import placet",
        "from placet_api.cli.main import run; run(['--help'])",
        "from placet_api.cli.main import run; run(['version'])",
        "from placet_api.cli.main import run; run(['gate', '--help'])",
    ):
        ran = subprocess.run(
            [sys.executable, "-c", f"import sys; before = set(sys.modules); {code}; {look}"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.splitlines()[-1] == "[]", code


def test_the_console_script_is_the_same_program(project: Path) -> None:
    ran = subprocess.run([*PLACET, "gate", GATE, "model.json"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("PLACET  ")
    ran = subprocess.run([*PLACET, "gate", GATE, "raw.csv"], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert [row["verdict"] for row in decisions(project)] == ["deny", "allow"]


def test_a_bug_in_a_process_has_no_traceback_either(project: Path) -> None:
    code = "import sys; sys.modules['placet_api.gating'] = None; from placet_api.cli.main import main; main({!r})"
    for arguments, traceback in (["gate", "g", "a"], False), (["--debug", "gate", "g", "a"], True):
        ran = subprocess.run(
            [sys.executable, "-c", code.format(arguments)], capture_output=True, text=True, check=False
        )
        assert (ran.returncode, ran.stdout) == (3, "")
        assert "placet: internal.error: " in ran.stderr
        assert ("Traceback" in ran.stderr) == traceback


def test_a_reader_that_goes_away_is_no_allow(project: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*PLACET, "gate", GATE, "model.json"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (3, "")
    assert decisions(project)[0]["verdict"] == "allow"


def test_an_interrupt_ends_a_recording_with_130_and_signs_nothing(project: Path) -> None:
    reading, writing = os.pipe()
    command = [*PLACET, "record", "--step=train", "--output=model.json", "--", sys.executable, "-c",
               "print('here', flush=True); import signal; signal.pause()"]  # fmt: skip
    # What a shell starts in the background ignores an interrupt, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, stdout=writing, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        os.close(writing)
        assert os.read(reading, 4) == b"here"
        os.killpg(process.pid, signal.SIGINT)
        _, words = process.communicate()
    os.close(reading)
    assert process.returncode == 130
    assert words.endswith("interrupted\n")
    assert len(done("log", "list", "--all", "--json").json) == 7
