"""`aifbench recipe list|show|check|new|schema`."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from aifbench.cli.examples import examples, find_recipe
from aifbench.cli.options import recipe_argument, set_option
from aifbench.cli.screen import json_option, note, print_json, print_table
from aifbench.errors import UsageError


def _workloads(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from aifbench.workloads.base import WORKLOADS

    return [CompletionItem(name) for name in WORKLOADS.names() if name.startswith(incomplete)]


@click.command("list", epilog="\b\nExamples:\n  aifbench recipe list\n  aifbench run quickstart")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the example recipes that come with aifbench."""
    from aifbench.recipe.loading import load

    rows = []
    for name, path in examples().items():
        data = load(path).data
        kinds = sorted({str(entry.get("uses")) for entry in data.get("workloads", {}).values()})
        rows.append({"name": name, "description": data.get("description", ""), "workloads": kinds, "path": str(path)})
    if as_json:
        print_json(rows)
        return
    print_table(
        ["example", "what it does", "workloads"],
        [[row["name"], row["description"], ", ".join(row["workloads"])] for row in rows],
    )


@click.command(
    epilog="\b\nExamples:\n  aifbench recipe show quickstart\n  aifbench recipe show sql > my.yaml\n"
    "  aifbench recipe show my.yaml --set trials=1 --resolved"
)
@recipe_argument
@set_option
@click.option("--resolved", is_flag=True, help="With includes and --set laid in, as a run would keep it.")
def show(recipe: str, overrides: tuple[str, ...], resolved: bool) -> None:
    """Print an example recipe, or one of yours with includes and --set applied."""
    from aifbench.recipe.reader import read_text

    if not resolved and not overrides:
        click.echo(read_text(str(find_recipe(recipe))), nl=False)
        return
    from aifbench.cli.planning import read_recipe
    from aifbench.recipe.text import to_text

    click.echo(to_text(read_recipe(recipe, overrides)), nl=False)


@click.command(
    epilog="\b\nExamples:\n  aifbench recipe check my.yaml\n"
    "  aifbench recipe check my.yaml --set workloads.chat.load.duration=10s"
)
@recipe_argument
@set_option
@json_option
def check(recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check a recipe and name every mistake with its place.

    RECIPE is a file, - for stdin, or the name of an example. Combinations of swept values that do not go together are
    found too. Secrets need not be set for this; those that a run would miss are named. Exit code 3 when there is a
    mistake.
    """
    from aifbench.cli.planning import check_recipe, plan_checked, read_recipe
    from aifbench.model.options import secret_names

    document = read_recipe(recipe, overrides)
    checked = check_recipe(document)
    plan_checked(checked, None)
    unset = [name for name in secret_names(document.data) if name not in os.environ]
    unused = checked.unused_services()
    if as_json:
        facts = {"name": checked.name, "services": list(checked.services), "workloads": list(checked.workloads)}
        print_json({**facts, "unset_secrets": unset, "unused_services": unused})
        return
    click.echo(
        f"{document.file}: good: {_counted(checked.workloads, 'workload')}, {_counted(checked.services, 'service')}"
    )
    for name in unset:
        note(f"note: a run needs the environment variable {name}, which is not set here")
    for name in unused:
        note(f"note: nothing is aimed at the service {name}: it will not be started")


def _counted(things: object, word: str) -> str:
    count = len(things)  # type: ignore[arg-type]
    return f"{count} {word}{'s' if count != 1 else ''}"


@click.command(
    epilog="\b\nExamples:\n  aifbench recipe new my.yaml --workload llm-chat\n"
    "  aifbench recipe new both.yaml --workload sql --workload object"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    default=("llm-chat",),
    metavar="NAME",
    shell_complete=_workloads,
    help="A kind of work to ask for; may be given several times.  [default: llm-chat]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def new(file: Path, workloads: tuple[str, ...], force: bool) -> None:
    """Write a new recipe to start from.

    It has every key of its services and workloads, those with a default as comments. FILE may be - for stdout.
    """
    from aifbench.plan.vocabulary import vocabulary
    from aifbench.recipe.starter import new as new_recipe
    from aifbench.store.files import write_atomic

    text = new_recipe(workloads, vocabulary())
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", hint="choose another name, or replace it with --force")
    write_atomic(file.absolute(), text)
    click.echo(f"{file}: written; next: aifbench run {file}")


@click.command(
    epilog="\b\nExamples:\n  aifbench recipe schema > recipe.schema.json\n"
    "  then, as the first line of a recipe:  # yaml-language-server: $schema=recipe.schema.json"
)
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from aifbench.plan.vocabulary import vocabulary
    from aifbench.recipe.json_schema import schema as recipe_schema

    print_json(recipe_schema(vocabulary()))
