"""`aifbench show`."""

from __future__ import annotations

from pathlib import Path

import click

from aifbench.cli.options import run_argument, runs_option
from aifbench.cli.screen import console, json_option


@click.command(
    epilog="\b\nExamples:\n  aifbench show                    the newest run\n  aifbench show 20261121-1415"
    "\n  aifbench show latest --json | jq '.points[].metrics.response_time_p99'"
)
@run_argument
@runs_option
@json_option
def show(reference: str, runs: Path | None, as_json: bool) -> None:
    """Show the tables of a run: a table per family, what is not valid and why, SLOs."""
    from aifbench.cli.find import run_to_look_at
    from aifbench.cli.results import read_result
    from aifbench.report import terminal
    from aifbench.store.files import read_text

    folder = run_to_look_at(reference, runs)
    result = read_result(folder)
    if as_json:
        click.echo(read_text(folder.result), nl=False)
        return
    terminal.render(result, folder.read_plan(), console())
    if folder.report.is_file():
        click.echo(folder.report)
