"""`placet record`: run one pipeline step, and sign what happened."""

from __future__ import annotations

import click

from placet_api.cli.context import Call, pass_call
from placet_api.cli.options import integers, pairs, signer_option, typed
from placet_api.errors import UsageError

_ROLES = {"train": "dataset", "preprocess": "dataset", "ingest": "dataset", "package": "model"}


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--step", required=True, type=click.Choice(list(_ROLES)), help="Which stage of the pipeline this is."
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="PATH[=ROLE]",
    help="What the step reads (role: dataset, or model for package).",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="PATH[,name=N][,kind=K][,alias=A]",
    help="What the step makes.",
)
@click.option(
    "--code", multiple=True, metavar="PATH", help="The source: a file, or a folder (what git tracks in it)."
)
@click.option("--lock", multiple=True, metavar="FILE", help="The lock file of the environment.")
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; the step finds all in PLACET_PARAMETERS.",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    metavar="NAME=NUMBER",
    help="A seed; the step finds all in PLACET_SEEDS.",
)
@click.option("--builder", metavar="URI", help="The builder.id to claim.")
@signer_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND…")
@pass_call
def command(
    call: Call,
    step: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    code: tuple[str, ...],
    lock: tuple[str, ...],
    parameters: tuple[str, ...],
    seeds: tuple[str, ...],
    builder: str | None,
    signer: str | None,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND, and sign SLSA provenance of its inputs, outputs, code, parameters, seeds and times.

    The command gets the parameters and seeds as JSON in the variables PLACET_PARAMETERS and PLACET_SEEDS. Inputs are
    digested before and after it; nothing is signed when one changed, or when the command fails.

    \b
    Example:
      placet record --step train --input data/train.csv --code train.py --param C=1.0 --seed numpy=7 \\
          --output model.joblib,name=churn-model -- python train.py
    """
    from datetime import UTC, datetime

    from placet_api.recording import Step
    from placet_api.signing import signer_named
    from placet_api.wiring import open_house

    project = call.kept_here("record")
    key = signer_named(project, signer)
    recorded = Step(
        step,
        lambda: datetime.now(UTC),
        parameters={name: typed(value) for name, value in pairs(parameters, "--param").items()},
        seeds=integers(seeds, "--seed"),
    )
    if builder is not None:
        recorded.builder = builder
    for text in inputs:
        path, role = _input(text, _ROLES[step])
        recorded.material(path, role)
    for path in code:
        recorded.material(path, "code")
    for path in lock:
        recorded.material(path, "lock")
    for text in outputs:
        _output(recorded, text)
    recorded.run(command)
    with open_house(project) as house:
        statement, made = recorded.statement()
        taken = house.sign_and_take_in(statement, key)
    for output, local in made:
        click.echo(f"recorded {step}: {output.name or local.label}  {local.digest}", err=True)
    click.echo(f"statement {taken.digest}  log entry {taken.entry}", err=True)
    return 0


def _input(text: str, default: str) -> tuple[str, str]:
    path, equals, role = text.rpartition("=")
    return (path, role) if equals else (text, default)


def _output(step: object, text: str) -> None:
    from placet_api.recording import Step

    assert isinstance(step, Step)
    path, *extras = text.split(",")
    named = pairs(extras, "--output")
    if unknown := sorted(named.keys() - {"name", "kind", "alias"}):
        raise UsageError(
            "usage.output", f"--output knows no {unknown[0]}", hint="PATH[,name=N][,kind=K][,alias=A]"
        )
    step.output(path, kind=named.get("kind"), name=named.get("name"), alias=named.get("alias"))
