"""`aifbench workload list|info`."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from aifbench.cli.screen import json_option, print_json, print_keys, print_table


def _names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from aifbench.workloads.base import WORKLOADS

    return [CompletionItem(name) for name in WORKLOADS.names() if name.startswith(incomplete)]


@click.command("list", epilog="\b\nExamples:\n  aifbench workload list\n  aifbench workload list --json")
@json_option
def list_workloads(as_json: bool) -> None:
    """List the kinds of work that can be asked of a target."""
    from aifbench.workloads.base import WORKLOADS

    kinds = {name: WORKLOADS.load(name) for name in WORKLOADS.names()}
    if as_json:
        print_json(
            [
                {"name": name, "family": kind.family, "targets": list(kind.targets), "summary": kind.summary}
                for name, kind in kinds.items()
            ]
        )
        return
    print_table(
        ["workload", "family", "speaks", "what it does"],
        [[name, kind.family, ", ".join(kind.targets), kind.summary] for name, kind in kinds.items()],
    )


@click.command(epilog="\b\nExamples:\n  aifbench workload info llm-chat\n  aifbench workload info sql --json")
@click.argument("name", shell_complete=_names)
@json_option
def info(name: str, as_json: bool) -> None:
    """Show the recipe keys of a workload and what it needs.

    Also what it can be aimed at, and the load that it has where a recipe says nothing.
    """
    from aifbench.recipe.key_table import key_rows
    from aifbench.workloads.base import WORKLOADS

    kind = WORKLOADS.load(name)
    rows = key_rows(kind.recipe_keys)
    facts: dict[str, Any] = {
        "name": name,
        "summary": kind.summary,
        "family": kind.family,
        "targets": list(kind.targets),
        "extra": dict(kind.extra),
        "default_load": dict(kind.default_load),
        "keys": [vars(row) for row in rows],
    }
    if as_json:
        print_json(facts)
        return
    click.echo(f"{name}: {kind.summary}")
    click.echo(f"  family: {kind.family}")
    click.echo(f"  aimed at: {', '.join(kind.targets)}")
    for protocol, extra in kind.extra.items():
        click.echo(f"  needs for {protocol}: pip install 'aifbench[{extra}]'")
    if kind.default_load:
        click.echo("  load where nothing is said: " + ", ".join(f"{k}: {v}" for k, v in kind.default_load.items()))
    print_keys(rows)
