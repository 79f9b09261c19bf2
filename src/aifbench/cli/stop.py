"""`aifbench stop`."""

from __future__ import annotations

from pathlib import Path

import click

from aifbench.cli.options import required_run_argument, runs_option
from aifbench.cli.screen import json_option, print_json


@click.command(epilog="\b\nExamples:\n  aifbench stop latest\n  aifbench stop 20261121-1415 --now")
@required_run_argument
@click.option("--now", is_flag=True, help="Do not wait for operations under way.")
@runs_option
@json_option
def stop(reference: str, now: bool, runs: Path | None, as_json: bool) -> None:
    """End a run in order; what was measured is kept.

    Returns when nothing of the run is running any more. `aifbench resume` goes on with it.
    """
    from aifbench.runner.stop import stop as stop_run
    from aifbench.store.find import find_run, runs_root

    folder = find_run(runs_root(runs), reference)
    stopped = stop_run(folder, now=now)
    if as_json:
        print_json({"run": folder.id, "text": stopped.text, "left": stopped.left})
    else:
        click.echo(stopped.text)
