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

    from aifbench.model.calibration import CALIBRATION_SCHEMA
    from aifbench.model.plan import PLAN_SCHEMA
    from aifbench.model.result import RESULT_SCHEMA
    from aifbench.samples.schema import SAMPLES_SCHEMA
    from aifbench.store.environment import ENVIRONMENT_SCHEMA
    from aifbench.store.folder import FOLDER_SCHEMA

    schemas = {
        "folder": FOLDER_SCHEMA,
        "plan": PLAN_SCHEMA,
        "samples": SAMPLES_SCHEMA,
        "environment": ENVIRONMENT_SCHEMA,
        "result": RESULT_SCHEMA,
        "calibration": CALIBRATION_SCHEMA,
    }
    python = platform.python_version()
    if as_json:
        print_json(
            {"aifbench": __version__, "python": python} | {f"{name}_schema": schema for name, schema in schemas.items()}
        )
        return
    click.echo(f"aifbench {__version__} (Python {python})")
    click.echo("schemas: " + ", ".join(f"{name} {schema}" for name, schema in schemas.items()))
