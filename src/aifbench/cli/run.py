"""`aifbench run`."""

from __future__ import annotations

from pathlib import Path

import click

from aifbench.cli.driving import Manner, carry_out, manner_options
from aifbench.cli.options import recipe_argument, runs_option, set_option, site_option


@click.command(
    epilog="\b\nExamples:\n  aifbench run quickstart                an example that comes with aifbench\n"
    "  aifbench run my.yaml\n"
    "  aifbench run my.yaml --set trials=5 --set 'workloads.chat.load.rate_per_s=[1,2,4]'\n"
    "  aifbench run my.yaml --json > result.json\n"
    "  aifbench run my.yaml --detach          then: aifbench logs -f latest\n\n"
    "\b\nThe last line on stdout is the path of the HTML report. Ctrl-C once ends in order and keeps what was\n"
    "measured; twice ends at once."
)
@recipe_argument
@set_option
@site_option
@runs_option
@manner_options
def run(recipe: str, overrides: tuple[str, ...], site: str | None, runs: Path | None, **manner: bool) -> int:
    """Run a recipe: start, load, measure, stop, report.

    RECIPE is a file, - for stdin, or the name of an example (aifbench recipe list).
    """
    from aifbench.cli.planning import plan_recipe

    return carry_out(plan_recipe(recipe, overrides, site), runs, Manner(**manner))
