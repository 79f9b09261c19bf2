"""`aifbench resume`."""

from __future__ import annotations

from dataclasses import replace
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
@click.option("--retry-failed", is_flag=True, help="Do the trials that failed again.")
@manner_options
def resume(reference: str, runs: Path | None, retry_failed: bool, **manner: bool) -> int:
    """Go on with a run that was interrupted.

    Trials that are finished are not repeated; whatever a dead controller left running is ended first.
    A run that is over is shown again and left as it is, with exit code 0 when it finished and with its own when it
    failed; --retry-failed does again what failed.
    """
    from aifbench.cli.results import read_result
    from aifbench.runner import run
    from aifbench.runner.state import fold
    from aifbench.store.find import find_run, runs_root

    how = Manner(**manner)
    folder = find_run(runs_root(runs), reference)
    plan, state = folder.read_plan(), fold(folder.read_journal().events)
    if state.over and not (retry_failed and state.failures):
        note(_over(folder.id, state.status))
        outcome = run.resume(folder)
        if how.as_json or not folder.result.is_file():
            present(outcome, plan, how)
        else:
            present(replace(outcome, result=read_result(folder)), plan, how)
        return outcome.exit_code
    if how.detach:
        go_on_without_terminal(folder, how, ["--retry-failed"] if retry_failed else [])
        return 0
    done = {trial for trial, now in state.trials.items() if now.done and not (retry_failed and now.status == "failed")}
    return drive(plan, done, how, lambda driving: run.resume(folder, replace(driving, retry_failed=retry_failed)))


def _over(run: str, status: str) -> str:
    if status == "failed":
        return f"run {run} is over: it failed. Do again what failed: aifbench resume {run} --retry-failed"
    return f"run {run} is over: it finished; nothing is left to do"
