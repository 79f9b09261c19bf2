"""`aifbench plan`."""

from __future__ import annotations

import click

from aifbench.cli.ceiling import warn
from aifbench.cli.options import recipe_argument, set_option, site_option
from aifbench.cli.screen import json_option, print_table


@click.command(
    epilog="\b\nExamples:\n  aifbench plan quickstart\n  aifbench plan my.yaml --set trials=5\n"
    "  aifbench plan my.yaml --json > plan.json"
)
@recipe_argument
@set_option
@site_option
@click.option("--order", is_flag=True, help="Also print the order in which the trials are done.")
@json_option
def plan(recipe: str, overrides: tuple[str, ...], site: str | None, order: bool, as_json: bool) -> None:
    """Show what a recipe would do, without doing it.

    Every load point and trial, what is started for them, and what it takes at least. Equal recipe and site give the
    same plan, byte by byte. RECIPE is a file, or the name of an example.
    """
    from aifbench.cli.planning import plan_recipe
    from aifbench.model.codec import to_json

    planned = plan_recipe(recipe, overrides, site, environ=None)
    warn(planned.plan)
    if as_json:
        click.echo(to_json(planned.plan), nl=False)
        return
    from aifbench.plan.listing import render

    listing = render(planned.plan)
    width = max(len(name) for name, _ in listing.facts)
    for name, value in listing.facts:
        click.echo(f"{name.ljust(width)}  {value}")
    click.echo()
    print_table(listing.columns, listing.points)
    if order:
        for stage, trials in listing.order:
            click.echo(f"\n{stage}: {' '.join(trials)}")
