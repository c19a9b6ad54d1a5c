"""`placet measure`: numbers from files, signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from placet_api.cli.context import Call, pass_call
from placet_api.cli.options import signer_option

if TYPE_CHECKING:
    from placet_api.measuring import Outcome

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Measure splits or an evaluation, and sign the result."""


@command.command()
@click.option("--train", required=True, type=_FILE, metavar="CSV")
@click.option("--test", required=True, type=_FILE, metavar="CSV")
@click.option("--validation", type=_FILE, metavar="CSV")
@click.option("--group", metavar="COLUMN", help="Rows with one value of this column must stay on one side.")
@click.option("--label", metavar="COLUMN", help="The label: left out when rows are compared.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="COLUMN",
    help="A column that makes no difference, such as a row number.",
)
@signer_option
@pass_call
def splits(
    call: Call,
    train: Path,
    test: Path,
    validation: Path | None,
    group: str | None,
    label: str | None,
    ignore: tuple[str, ...],
    signer: str | None,
) -> int:
    """Measure whether rows or groups stand on both sides of a split.

    \b
    Example:
      placet measure splits --train data/train.csv --test data/test.csv --ignore id --as evaluator
    """
    from placet_api.measuring import splits as measure_splits
    from placet_api.wiring import open_house

    files = {"train": train, "test": test} | ({} if validation is None else {"validation": validation})
    with open_house(call.kept_here("measure splits")) as house:
        outcome = measure_splits(files, clock=house.clock, group=group, label=label, ignore=ignore)
    _sign(call, outcome, signer)
    return 0


@command.command()
@click.option("--model", required=True, metavar="PATH", help="The model that made the predictions.")
@click.option("--labels", required=True, type=_FILE, metavar="CSV", help="The test split, with its labels.")
@click.option(
    "--predictions", required=True, type=_FILE, metavar="CSV", help="What the model said, row by row."
)
@click.option("--label-column", default="label", show_default=True, metavar="COLUMN")
@click.option("--prediction-column", default="prediction", show_default=True, metavar="COLUMN")
@click.option("--positive", metavar="CLASS", help="The class that precision, recall and F1 are about.")
@click.option(
    "--suite",
    default="placet-evaluation",
    show_default=True,
    metavar="NAME",
    help="The name of this evaluation.",
)
@signer_option
@pass_call
def evaluation(
    call: Call,
    model: str,
    labels: Path,
    predictions: Path,
    label_column: str,
    prediction_column: str,
    positive: str | None,
    suite: str,
    signer: str | None,
) -> int:
    """Measure how often a model was right: accuracy, precision, recall, F1, confusion.

    \b
    Example:
      placet measure evaluation --model model.joblib --labels data/test.csv --label-column target \\
          --predictions predictions.csv --as evaluator
    """
    from placet_api.measuring import evaluation as measure_evaluation
    from placet_api.wiring import open_house

    with open_house(call.kept_here("measure evaluation")) as house:
        outcome = measure_evaluation(
            model,
            labels,
            predictions,
            clock=house.clock,
            label=label_column,
            prediction=prediction_column,
            positive=positive,
            suite=suite,
        )
    _sign(call, outcome, signer)
    return 0


def _sign(call: Call, outcome: Outcome, signer: str | None) -> None:
    from placet_api.signing import signer_named
    from placet_api.wiring import open_house

    project = call.project()
    with open_house(project) as house:
        taken = house.sign_and_take_in(outcome.statement, signer_named(project, signer))
    for result in outcome.results:
        value = f"{result.value:.4f}" if isinstance(result.value, float) else str(result.value)
        click.echo(f"  {result.id:<20} {value}", err=True)
    click.echo(f"statement {taken.digest}  log entry {taken.entry}", err=True)
