"""Options and arguments that several commands share, with their shell completion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])


def _run_items(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from aifbench.store.find import run_ids, runs_root

    ids = run_ids(runs_root(ctx.params.get("runs")))
    return [CompletionItem(name) for name in [*reversed(ids), "latest"] if name.startswith(incomplete)]


def _recipe_items(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from aifbench.cli.examples import examples

    names = [CompletionItem(name) for name in examples() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def recipe_argument(command: Command) -> Command:
    """A recipe as parameter `recipe`: a file, or the name of an example."""
    return click.argument("recipe", shell_complete=_recipe_items)(command)


def runs_option(command: Command) -> Command:
    """`--runs` as parameter `runs`: a path or None."""
    return click.option(
        "--runs",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Folder of all runs.  [default: $AIFBENCH_RUNS, else ./runs]",
    )(command)


def run_argument(command: Command) -> Command:
    """One run as parameter `reference`: an id, the beginning of one, a path, or `latest`."""
    return click.argument("reference", metavar="[RUN]", default="latest", shell_complete=_run_items)(command)


def required_run_argument(command: Command) -> Command:
    return click.argument("reference", metavar="RUN", shell_complete=_run_items)(command)


def run_arguments(command: Command) -> Command:
    """One or more runs as parameter `references`."""
    return click.argument("references", metavar="RUN...", nargs=-1, required=True, shell_complete=_run_items)(command)


def set_option(command: Command) -> Command:
    """`--set` as parameter `overrides`, in the order given."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a value of the recipe, such as workloads.chat.load.duration=10s. May be given several times.",
    )(command)


def site_option(command: Command) -> Command:
    return click.option(
        "--site", metavar="NAME|FILE", help="Where to run: a site's name or file.  [default: the recipe's, else local]"
    )(command)
