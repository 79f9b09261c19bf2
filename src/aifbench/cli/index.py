"""`aifbench index rebuild`."""

from __future__ import annotations

from pathlib import Path

import click

from aifbench.cli.options import runs_option
from aifbench.cli.screen import json_option, print_json


@click.command(epilog="\b\nExamples:\n  aifbench index rebuild\n  aifbench index rebuild --runs /scratch/me/runs")
@runs_option
@json_option
def rebuild(runs: Path | None, as_json: bool) -> None:
    """Read all run folders again and write the index anew.

    The folders are the truth; the index only makes lists fast and may be deleted at any time.
    """
    from aifbench.store.find import runs_root
    from aifbench.store.index import Index

    root = runs_root(runs)
    index = Index()
    count = index.rebuild(root)
    if as_json:
        print_json({"runs": count, "root": str(root), "index": str(index.path)})
    else:
        click.echo(f"{count} run{'s' if count != 1 else ''} of {root} in {index.path}")
