"""`aifbench list`."""

from __future__ import annotations

from pathlib import Path

import click

from aifbench.cli.options import runs_option
from aifbench.cli.screen import json_option, note, print_json, print_table


@click.command(
    epilog="\b\nExamples:\n  aifbench list\n  aifbench list --name quickstart --limit 5\n"
    "  aifbench list --status interrupted --json"
)
@click.option("--name", default="", help="Only runs of this recipe, or whose id begins so.")
@click.option("--status", default="", help="Only runs with this status: finished, failed, interrupted, running, …")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="At most so many; 0 for all.")
@runs_option
@json_option
def list_runs(name: str, status: str, limit: int, runs: Path | None, as_json: bool) -> None:
    """List all runs, newest first."""
    from aifbench.store.find import runs_root
    from aifbench.store.index import Index
    from aifbench.store.summary import trials_text

    root = runs_root(runs)
    found = Index().list_runs(root, limit=limit, name=name, status=status)
    if as_json:
        from aifbench.model.codec import to_data

        print_json([to_data(run) for run in found])
        return
    if not found:
        note(f"no runs in {root}" + (" that fit" if name or status else "; aifbench run RECIPE makes one"))
        return
    print_table(
        ["run", "recipe", "status", "trials", "validity", "started"],
        [[run.id, run.name, run.status, trials_text(run), run.validity or "–", run.started[:19]] for run in found],
    )
