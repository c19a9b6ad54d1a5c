"""`placet`: finds the command, loads only its file, and turns every error into words and an exit code.

`--help` and `version` must stay as fast as `import click`, so this file imports nothing else of weight.
"""

from __future__ import annotations

import gc
import importlib
import io
import sys
from typing import Any, Final

import click

_CYCLES: Final = (
    100_000  # objects made before Python looks for cycles again; its own 700 come with each import
)

_DOTTED: Final = {"opa_path": "opa.path", "client_ca": "client.ca"}  # options that are settings of a group

# name -> (module under placet_api.cli, words for --help). The order is the order of a project's life.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Start a project: settings, trust policy, a developer key, a log key."),
    "digest": ("digest", "Print the identity of a file, folder or image layout."),
    "key": ("key", "Make, list, show and import signing keys."),
    "trust": ("trust", "Check, explain and pin the trust policy."),
    "record": ("record", "Run one pipeline step and sign what happened."),
    "measure": ("measure", "Measure splits or an evaluation, and sign the result."),
    "attest": ("attest", "Sign a statement about an artifact."),
    "add": ("add", "Take in signed bundles made elsewhere."),
    "verify": ("verify", "Check signatures, identity and trust; say who said what."),
    "show": ("show", "One page on an artifact: identity, statements, decisions."),
    "lineage": ("lineage", "Draw what an artifact was made from."),
    "gate": ("gate", "Ask for a decision: may this artifact pass this gate?"),
    "approve": ("approve", "Sign an approval for a gate and an artifact."),
    "log": ("log", "List, show, verify and prove what was decided."),
    "policy": ("policy", "List, show, test and build the policy set."),
    "token": ("token", "Make, list and revoke the tokens of the service's callers."),
    "serve": ("serve", "Serve the HTTP API."),
    "doctor": ("doctor", "Say what is set up, where it comes from, and what is wrong."),
    "version": ("version", "Print the versions of Placet and OPA."),
}


class Lazy(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own shape
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command; it stands in its module under the name `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"placet_api.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the command that was meant when one is near."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], list(COMMANDS), n=1)
            if not close:
                raise
            words = f"{error.message.rstrip('.')}. Did you mean {close[0]}?"
            raise click.UsageError(words, ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A reader that goes away (placet … | head) is no verdict; click would make it one, exit 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What was decided is in the log; only the words are lost, and nobody may take silence for an allow.
            sys.stdout = io.StringIO()
            return 3

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of `--help`, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        command = cli.get_command(ctx, "version")
        assert command is not None
        ctx.exit(ctx.invoke(command) or 0)


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--store", metavar="URL", help="Where evidence and the log live (sqlite:///PATH).")
@click.option("--trust", metavar="FILE", help="The trust policy.")
@click.option("--policies", metavar="PATH", help="A policy folder or bundle instead of the shipped one.")
@click.option("--settings", metavar="FILE", help="Settings laid over the policy set's own.")
@click.option("--opa", "opa_path", metavar="FILE", help="Another OPA binary.")
@click.option(
    "--server", metavar="URL", help="A Placet service that keeps evidence and log, instead of a store here."
)
@click.option("--ca", "client_ca", metavar="FILE", help="The certificate authority of that service.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="As version."
)
@click.pass_context
def cli(ctx: click.Context, /, debug: bool, **given: str | None) -> None:
    """Placet: the admission gate for machine-learning artifacts.

    Signed evidence in, allow or deny with reasons out, and a log that proves it.

    \b
    Example:
      placet init churn && cd churn
      placet gate promote/production model.joblib
    """
    from placet_api.cli.context import Call

    options = {_DOTTED.get(name, name): value for name, value in given.items()}
    ctx.obj = Call(options=options, debug=debug)


def main(arguments: list[str] | None = None) -> None:
    """The console script. Never shows a traceback unless `--debug` asks for it."""
    given = sys.argv[1:] if arguments is None else arguments
    # Modules are no garbage: looking through them at each import and at the exit is a fifth of `placet gate`.
    gc.set_threshold(_CYCLES)
    code = run(given)
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code of interface.md section 3."""
    try:
        result: Any = cli.main(args=arguments, prog_name="placet", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except Exception as error:  # noqa: BLE001 - the last edge: every error becomes words
        from placet_api.cli.failures import report

        return report(error, debug="--debug" in arguments)
    return result if isinstance(result, int) else 0
