"""`aifbench status`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aifbench.cli.options import run_argument, runs_option
from aifbench.cli.screen import json_option, print_json
from aifbench.load.job import ControlFolder
from aifbench.load.progress import PHASE_NAMES, read, total
from aifbench.runner.state import RunState, fold
from aifbench.store.folder import RunFolder


@click.command(
    epilog="\b\nExamples:\n  aifbench status\n  aifbench status 20261121-1415\n  aifbench status latest --json"
)
@run_argument
@runs_option
@json_option
def status(reference: str, runs: Path | None, as_json: bool) -> None:
    """Say how far a run is: trials finished, the one under way, services, problems."""
    from aifbench.cli.find import run_to_look_at
    from aifbench.store.summary import read_summary

    folder = run_to_look_at(reference, runs)
    summary = read_summary(folder)
    state = fold(folder.read_journal().events)
    holder = folder.holder()
    facts: dict[str, Any] = {
        "run": folder.id,
        "folder": str(folder.path),
        "recipe": summary.name,
        "status": summary.status,
        "started": summary.started,
        "ended": summary.ended,
        "trials": summary.trials,
        "trials_finished": summary.trials_finished,
        "trials_failed": summary.trials_failed,
        "under_way": _under_way(folder, state),
        "services": sorted(state.services_up) if holder else [],
        "controller": None if holder is None else {"pid": holder.pid, "host": holder.host, "since": holder.since},
        "failures": [{"what": failure.what, "reason": failure.reason} for failure in state.failures],
        "problems": list(state.problems),
        "validity": summary.validity or None,
        "exit_code": summary.exit_code,
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _under_way(folder: RunFolder, state: RunState) -> list[dict[str, Any]]:
    """The trials that are running now, with the counts of all their workers."""
    if folder.holder() is None:
        return []
    found = []
    for trial, now in state.trials.items():
        if now.status == "under-way":
            control = ControlFolder(folder.control(trial))
            count = len(list(control.path.glob("progress-*"))) if control.path.is_dir() else 0
            progress = total([read(control.progress(worker)) for worker in range(count)])
            phase = PHASE_NAMES[progress.phase]
            counts = {key: getattr(progress, key) for key in ("offered", "started", "ended", "errors", "dropped")}
            found.append({"trial": trial, "phase": phase, **counts})
    return found


def _print(facts: dict[str, Any]) -> None:
    failed = f", {facts['trials_failed']} failed" if facts["trials_failed"] else ""
    finished = f"{facts['trials_finished']} of {facts['trials']} trials finished"
    click.echo(f"{facts['run']}: {facts['status']}, {finished}{failed}")
    for trial in facts["under_way"]:
        counts = ", ".join(f"{key} {trial[key]}" for key in ("offered", "ended", "errors", "dropped"))
        click.echo(f"  trial {trial['trial']} ({trial['phase']}): {counts}")
    if facts["services"]:
        click.echo(f"  services up: {', '.join(facts['services'])}")
    if facts["controller"]:
        click.echo(f"  controller: process {facts['controller']['pid']} on {facts['controller']['host']}")
    for failure in facts["failures"]:
        click.echo(f"  failed: {failure['what']}: {failure['reason']}")
    for problem in facts["problems"]:
        click.echo(f"  problem: {problem}")
    if facts["validity"]:
        click.echo(f"  validity: {facts['validity']}")
    if facts["status"] in ("interrupted", "stopped", "created"):
        click.echo(f"  go on with it: aifbench resume {facts['run']}")
    if facts["status"] == "failed":
        click.echo(f"  do again what failed: aifbench resume {facts['run']} --retry-failed")
    click.echo(f"  folder: {facts['folder']}")
