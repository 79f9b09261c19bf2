"""`aifbench service list|info`."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from aifbench.cli.screen import json_option, print_json, print_keys, print_table


def service_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from aifbench.services.base import SERVICES

    return [CompletionItem(name) for name in SERVICES.names() if name.startswith(incomplete)]


@click.command("list", epilog="\b\nExamples:\n  aifbench service list\n  aifbench service list --json")
@json_option
def list_services(as_json: bool) -> None:
    """List the services that can be deployed or addressed."""
    from aifbench.services.base import SERVICES

    kinds = {name: SERVICES.load(name) for name in SERVICES.names()}
    if as_json:
        print_json(
            [
                {"name": name, "protocols": list(kind.protocols), "extra": kind.extra, "summary": kind.summary}
                for name, kind in kinds.items()
            ]
        )
        return
    rows = [[name, ", ".join(kind.protocols), kind.extra or "–", kind.summary] for name, kind in kinds.items()]
    print_table(["service", "speaks", "extra", "what it is"], rows)


@click.command(epilog="\b\nExamples:\n  aifbench service info llama.cpp\n  aifbench service info postgres --json")
@click.argument("name", shell_complete=service_names)
@json_option
def info(name: str, as_json: bool) -> None:
    """Show the recipe keys of a service and what it needs."""
    from aifbench.recipe.key_table import key_rows
    from aifbench.services.base import SERVICES

    kind = SERVICES.load(name)
    rows = key_rows(kind.recipe_keys)
    facts: dict[str, Any] = {
        "name": name,
        "summary": kind.summary,
        "protocols": list(kind.protocols),
        "extra": kind.extra,
        "requires": dict(kind.requires),
        "keys": [vars(row) for row in rows],
    }
    if as_json:
        print_json(facts)
        return
    click.echo(f"{name}: {kind.summary}")
    click.echo(f"  speaks: {', '.join(kind.protocols)}")
    if kind.extra:
        click.echo(f"  needs: pip install 'aifbench[{kind.extra}]'")
    for distribution, constraint in kind.requires.items():
        click.echo(f"    {distribution} {constraint}")
    print_keys(rows)
