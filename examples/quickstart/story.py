"""The narrator of the quickstart: says, runs, shows, and stops at the first thing that is not as told."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class StoryError(Exception):
    """A command ended otherwise than the story says; the demo ends with 1."""


@dataclass(slots=True)
class Story:
    """Runs commands in `folder`; every `$ ` line it prints is the command that it ran."""

    folder: Path
    bin: Path
    commands: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    def chapter(self, title: str) -> None:
        """A headline."""
        print(f"\n\x1b[1m{title}\x1b[0m" if sys.stdout.isatty() else f"\n## {title}", flush=True)

    def say(self, text: str) -> None:
        """A line of the narrator's."""
        print(f"  {text}", flush=True)

    def run(
        self,
        command: str,
        *,
        expect: int = 0,
        show: bool = True,
        where: Path | None = None,
        told: Mapping[str, str] | None = None,
    ) -> str:
        """Run one command line; print it, its output, and its exit code when it is not 0.

        Raises `StoryError` when it ends with anything but `expect`.
        """
        self.commands += 1
        prefix = "".join(f"{name}={value} " for name, value in (told or {}).items())
        place = f"  (in {where.name}/)" if where is not None else ""
        print(f"\n$ {prefix}{command}{place}", flush=True)
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PLACET_") and name != "CI"
        }
        variables |= dict(self.environment) | dict(told or {})
        variables["PATH"] = f"{self.bin}{os.pathsep}{variables.get('PATH', '')}"
        ended = subprocess.run(
            shlex.split(command),
            cwd=where or self.folder,
            env=variables,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if show or ended.returncode != expect:
            print(ended.stdout, end="", flush=True)
        if ended.returncode != 0:
            print(f"exit {ended.returncode}", flush=True)
        if ended.returncode != expect:
            raise StoryError(f"expected exit {expect}, got {ended.returncode}: {command}")
        return ended.stdout

    @contextmanager
    def serving(self, command: str) -> Iterator[str]:
        """A service beside the story: its address, once it says where it serves; ended at the end, and well.

        Raises `StoryError` when it does not start, or ends with anything but 0.
        """
        self.commands += 1
        print(f"\n$ {command}", flush=True)
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
        variables["PATH"] = f"{self.bin}{os.pathsep}{variables.get('PATH', '')}"
        arguments = shlex.split(command)
        service = subprocess.Popen(
            arguments,
            cwd=self.folder,
            env=variables,
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert service.stderr is not None
        with service, service.stderr:
            try:
                line = next((line for line in service.stderr if line.startswith("placet serves")), None)
                if line is None:
                    raise StoryError(f"it did not start: {command}")
                print(line, end="", flush=True)
                yield line.split()[-1]
            finally:
                service.terminate()
                # Read to the end, so that it never waits for somebody to read.
                service.stderr.read()
                code = service.wait()
        if code != 0:
            raise StoryError(f"expected the service to end with 0, got {code}")

    def must_say(self, output: str, words: str) -> None:
        """Hold a command to what the story claims of it."""
        if words not in output:
            raise StoryError(f"expected the output to say {words!r}")
