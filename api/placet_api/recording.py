"""Recording one pipeline step: what went in, what ran, what came out, as SLSA provenance v1.

Inputs and code are digested before the step and again after it: a step whose inputs changed under it has no honest
provenance, so none is signed. Parameters and seeds are handed to the step, so that the record says what it got.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import stat
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from placet_api.artifacts import identify
from placet_api.drafting import claim_annotations
from placet_api.errors import UsageError
from placet_api.local import Local
from placet_attestations.claims import ANNOTATION_ROLE
from placet_attestations.digests import Digest
from placet_attestations.errors import VerificationError
from placet_attestations.predicate_types import BUILD_TYPES, LOCAL_BUILDER, PROVENANCE
from placet_attestations.predicates import claims, dependencies, validate
from placet_attestations.statement import Statement, Subject
from placet_attestations.strictjson import JsonValue
from placet_attestations.times import format_time

# What a step is called on the command line -> its short type, and the kind of thing it makes unless told otherwise.
STEPS = {
    "train": ("training", "model"),
    "preprocess": ("preprocess", "dataset"),
    "ingest": ("ingest", "dataset"),
    "package": ("package", "image"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that the step makes, and what it is claimed to be."""

    path: str
    kind: str | None = None
    name: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """Something the step depends on: its name in the statement, its identity, its role."""

    local: Local
    role: str


@dataclass(slots=True)
class Step:
    """One step being recorded. Make it, run it (or let `placet.record` do so), then ask for its `statement`."""

    kind: str
    clock: Callable[[], datetime]
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    entry_point: str | None = None
    builder: str = LOCAL_BUILDER
    outputs: list[Output] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    started: datetime | None = None
    finished: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in STEPS:
            raise UsageError(
                "record.step", f"no step is called {self.kind!r}", hint=f"one of: {', '.join(STEPS)}"
            )

    def material(self, path: str, role: str) -> None:
        """Digest something the step will read. Raises `IdentityError`."""
        self.materials.append(Material(identify(path, role=role), role))

    def output(
        self, path: str, *, kind: str | None = None, name: str | None = None, alias: str | None = None
    ) -> None:
        """Declare something the step makes; it is digested when the step has ended."""
        self.outputs.append(Output(str(path), kind, name, (alias,) if alias else ()))

    def begin(self) -> None:
        """Note the time of the start. What could not be signed afterwards is refused now, not after hours of training.

        Raises `MalformedError` for a role, a kind, a parameter or a name that no statement may hold.
        """
        self.started = self.clock()
        outputs = self.outputs or [Output("output")]
        subjects = [self._subject(output, Local(output.path, Digest.of(b""), "file")) for output in outputs]
        draft = Statement.build(PROVENANCE, subjects, self._predicate(self.started, self.started))
        validate(draft)
        claims(draft)
        dependencies(draft)

    def end(self) -> None:
        """Note the time of the end."""
        self.finished = self.clock()

    def environment(self) -> dict[str, str]:
        """What a command is told of its parameters and seeds: two variables that hold JSON."""
        told = {
            "PLACET_PARAMETERS": json.dumps(dict(self.parameters)),
            "PLACET_SEEDS": json.dumps(dict(self.seeds)),
        }
        if "python" in self.seeds:
            told["PYTHONHASHSEED"] = str(self.seeds["python"])
        return told

    def run(self, command: Sequence[str]) -> None:
        """Run the command; its output goes where ours goes. Raises `UsageError` when it cannot start or fails."""
        self.entry_point = shlex.join(command)
        self._require_outputs()
        before = {output.path: _file_state(output.path) for output in self.outputs}
        self.begin()
        try:
            ended = subprocess.run(list(command), env=os.environ | self.environment(), check=False)
        except OSError as error:
            raise UsageError("record.command", f"cannot run {command[0]}: {error.strerror}") from error
        self.end()
        if ended.returncode != 0:
            raise UsageError(
                "record.command_failed",
                f"the command ended with {ended.returncode}; nothing was signed",
                where=self.entry_point,
            )
        for path, state in before.items():
            if state is not None and state == _file_state(path):
                raise UsageError(
                    "record.stale_output",
                    "the command did not write this output: it lay there before; nothing was signed",
                    where=path,
                    hint="name what the command makes, or remove the old file and run the step again",
                )

    def statement(self) -> tuple[Statement, list[tuple[Output, Local]]]:
        """Digest the outputs, digest the inputs again, and state what happened.

        Raises `UsageError` `record.no_output`, `VerificationError` `record.input_changed`, `IdentityError`.
        """
        self._require_outputs()
        if self.started is None or self.finished is None:
            raise UsageError("record.not_run", "the step was not run")
        for material in self.materials:
            again = identify(material.local.label, role=material.role)
            if again.digest != material.local.digest:
                raise VerificationError(
                    "record.input_changed",
                    "an input changed while the step ran; nothing was signed",
                    where=material.local.label,
                    hint="let nothing write to the inputs, and run the step again",
                )
        made = [(output, identify(output.path)) for output in self.outputs]
        subjects = [self._subject(output, local) for output, local in made]
        return Statement.build(PROVENANCE, subjects, self._predicate(self.started, self.finished)), made

    def _require_outputs(self) -> None:
        if not self.outputs:
            raise UsageError(
                "record.no_output", "a step without outputs proves nothing", hint="name each:  --output PATH"
            )

    def _subject(self, output: Output, local: Local) -> Subject:
        kind = output.kind or STEPS[self.kind][1]
        return Subject(local.label, local.digest, claim_annotations(kind, output.name, output.aliases))

    def _predicate(self, started: datetime, finished: datetime) -> dict[str, JsonValue]:
        external: dict[str, JsonValue] = {"hyperparameters": dict(self.parameters), "seeds": dict(self.seeds)}
        if self.entry_point is not None:
            external["entryPoint"] = self.entry_point
        return {
            "buildDefinition": {
                "buildType": BUILD_TYPES[STEPS[self.kind][0]],
                "externalParameters": external,
                "internalParameters": {"python": platform.python_version(), "platform": platform.platform()},
                "resolvedDependencies": [_dependency(material) for material in self.materials],
            },
            "runDetails": {
                "builder": {"id": self.builder},
                "metadata": {
                    "invocationId": str(uuid.uuid4()),
                    "startedOn": format_time(started),
                    "finishedOn": format_time(finished),
                },
            },
        }


def _file_state(path: str) -> tuple[int, int, int] | None:
    """What writing a file changes, also with the same bytes; None for folders, which a step may rightly fill again."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns) if stat.S_ISREG(status.st_mode) else None


def _dependency(material: Material) -> dict[str, JsonValue]:
    annotations: dict[str, JsonValue] = {ANNOTATION_ROLE: material.role}
    if material.local.commit is not None:
        annotations["placet.dev/gitCommit"] = material.local.commit
    return {
        "name": material.local.label,
        "digest": {"sha256": Digest(material.local.digest).hex},
        "annotations": annotations,
    }
