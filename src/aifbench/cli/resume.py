"""`aifbench resume`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from aifbench.cli.driving import Manner, drive, go_on_without_terminal, manner_options, present
from aifbench.cli.options import required_run_argument, runs_option
from aifbench.cli.screen import note


@click.command(
    epilog="\b\nExamples:\n  aifbench resume latest\n  aifbench resume 20261121-141500-quickstart-3f2a --detach"
)
@required_run_argument
@runs_option
@manner_options
def resume(reference: str, runs: Path | None, **manner: bool) -> int:
    """Go on with a run that was interrupted.

    Trials that are finished are not repeated; whatever a dead controller left running is ended first.
    A run that is over is shown again and left as it is.
    """
    from aifbench.cli.results import read_result
    from aifbench.runner import run
    from aifbench.runner.state import fold
    from aifbench.store.find import find_run, runs_root

    how = Manner(**manner)
    folder = find_run(runs_root(runs), reference)
    plan, state = folder.read_plan(), fold(folder.read_journal().events)
    if state.over:
        note(f"run {folder.id} is {state.status} already; nothing is left to do")
        outcome = run.resume(folder)
        if how.as_json or not folder.result.is_file():
            present(outcome, plan, how)
        else:
            from dataclasses import replace

            present(replace(outcome, result=read_result(folder)), plan, how)
        return outcome.exit_code
    if how.detach:
        go_on_without_terminal(folder, how)
        return 0
    done = {trial for trial, now in state.trials.items() if now.done}
    return drive(plan, done, how, partial(run.resume, folder))
