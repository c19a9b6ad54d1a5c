from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.browser.chromium import NoChromium, ensure, find

ROOT = Path(__file__).parents[2]


class Machine:
    """What is on PATH of a machine, and what apt-get does there."""

    def __init__(
        self, *programs: str, codes: Sequence[int] = (0, 0), brings: str | None = "chromium"
    ) -> None:
        self.programs, self.brings = set(programs), brings
        self.codes, self.ran = list(codes), []

    ran: list[Sequence[str]]

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.programs else None

    def run(self, command: Sequence[str]) -> int:
        self.ran.append(command)
        if "install" in command and self.brings is not None:
            self.programs.add(self.brings)
        return self.codes.pop(0)


def test_what_is_there_is_used() -> None:
    machine = Machine("chromium-browser", "apt-get")
    assert ensure(machine.which, machine.run, root=True) == "/usr/bin/chromium-browser"
    assert machine.ran == []
    assert find(Machine().which) is None


def test_root_on_debian_installs_it() -> None:
    machine = Machine("apt-get")
    assert ensure(machine.which, machine.run, root=True) == "/usr/bin/chromium"
    assert [command[:2] for command in machine.ran] == [("apt-get", "update"), ("apt-get", "install")]


@pytest.mark.parametrize(
    ("machine", "root", "says"),
    [
        (Machine("apt-get"), False, "apt-get install chromium"),
        (Machine(), True, "apt-get install chromium"),
        (Machine("apt-get", codes=(100,)), True, "apt-get update ended with 100"),
        (Machine("apt-get", codes=(0, 1)), True, "ended with 1"),
        (Machine("apt-get", brings=None), True, "not on PATH"),
    ],
)
def test_else_it_says_what_to_install(machine: Machine, root: bool, says: str) -> None:
    with pytest.raises(NoChromium, match=says):
        ensure(machine.which, machine.run, root=root)


def test_it_is_a_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.browser.chromium"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()).is_file()
