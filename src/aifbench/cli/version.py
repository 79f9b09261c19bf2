"""`aifbench version`."""

from __future__ import annotations

import click

from aifbench import __version__
from aifbench.cli.screen import json_option, print_json


@click.command(epilog="\b\nExamples:\n  aifbench version\n  aifbench version --json")
@json_option
def version(as_json: bool) -> None:
    """Print the version of aifbench, of Python and of the schemas that this version reads and writes."""
    import platform

    from aifbench.model.plan import PLAN_SCHEMA
    from aifbench.model.result import RESULT_SCHEMA

    facts = {
        "aifbench": __version__,
        "python": platform.python_version(),
        "plan_schema": PLAN_SCHEMA,
        "result_schema": RESULT_SCHEMA,
    }
    if as_json:
        print_json(facts)
    else:
        click.echo(f"aifbench {__version__} (Python {facts['python']})")
