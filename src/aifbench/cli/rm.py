"""`aifbench rm`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aifbench.cli.options import run_arguments, runs_option
from aifbench.errors import UsageError


@click.command(epilog="\b\nExamples:\n  aifbench rm 20261121-141500-quickstart-3f2a\n  aifbench rm --yes 20261121")
@run_arguments
@click.option("--yes", is_flag=True, help="Do not ask.")
@runs_option
def rm(references: tuple[str, ...], yes: bool, runs: Path | None) -> None:
    """Delete runs: the whole folder of each, with samples and report.

    A run that is still being worked on is refused; stop it first.
    """
    from aifbench.store.find import find_run, runs_root
    from aifbench.store.index import Index

    root = runs_root(runs)
    folders = [find_run(root, reference) for reference in references]
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody is there to confirm the deletion", hint="aifbench rm --yes RUN deletes unasked")
        names = ", ".join(folder.id for folder in folders)
        click.confirm(f"delete {names}?", abort=True, err=True)
    for folder in folders:
        folder.remove()
        click.echo(f"deleted {folder.id}")
    Index().list_runs(root, limit=1)  # drops the rows of deleted folders
