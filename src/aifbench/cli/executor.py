"""`aifbench executor list`."""

from __future__ import annotations

import click

from aifbench.cli.screen import json_option, print_json, print_table


@click.command("list", epilog="\b\nExamples:\n  aifbench executor list\n  aifbench executor list --json")
@json_option
def list_executors(as_json: bool) -> None:
    """List the ways in which processes can be started."""
    from aifbench.executors.base import EXECUTORS

    rows = [{"name": name, "summary": EXECUTORS.load(name).summary} for name in EXECUTORS.names()]
    if as_json:
        print_json(rows)
    else:
        print_table(["executor", "what it does"], [[row["name"], row["summary"]] for row in rows])
