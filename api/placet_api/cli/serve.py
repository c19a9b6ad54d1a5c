"""`placet serve`: the HTTP service."""

from __future__ import annotations

from dataclasses import replace

import click

from placet_api.cli.context import Call, pass_call


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (http.listen); port 0 takes a free one.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that serve, each with its own OPA (http.workers).",
)
@pass_call
def command(call: Call, listen: str | None, workers: int | None) -> int:
    """Serve the HTTP API over this project's store, log, trust and policies, until SIGTERM.

    With kubernetes.listen it also answers a cluster's API server: the validating admission webhook.

    It listens once everything that a decision needs is there. SIGHUP reads trust.yaml, policies and settings again:
    compiled and checked first, noted in the log, and only then do they rule.

    With several workers each of them judges completely, over the one store; one that dies is replaced.

    \b
    Example:
      placet token new ci@example.org --role gate > token
      placet serve --listen 127.0.0.1:8080 --workers 2
    """
    from placet_api.http.jsonlog import write_json_lines
    from placet_api.http.serve import serve

    given = {"http.listen": listen, "http.workers": None if workers is None else str(workers)}
    here = replace(call, options={**call.options, **given})
    if call.options.get("server"):
        call.kept_here("serve")
    write_json_lines()
    serve(here.project(), here.project, lambda words: click.echo(f"placet {words}", err=True))
    return 0
