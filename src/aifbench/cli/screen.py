"""What commands write with: tables for people on stdout, JSON for programs on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from aifbench.recipe.key_table import KeyRow

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """`--json` as parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON on stdout, everything else on stderr.")(
        command
    )


def print_json(value: Any) -> None:
    """Indented JSON with sorted keys; dataclasses as the codec stores them."""
    from aifbench.model.codec import to_data

    plain = value if isinstance(value, dict | list) else to_data(value)
    click.echo(json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False, default=to_data))


def console(*, err: bool = False) -> Console:
    """A rich console; when it is not a terminal, wide enough that no table cell is cut."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else 160, soft_wrap=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", err: bool = False) -> None:
    """A table without vertical lines. Text is taken as it is: no markup is read out of it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console(err=err).print(table)


def print_keys(rows: Iterable[KeyRow]) -> None:
    """Recipe keys as a table; ↔ marks those where a list makes a load point per value. No keys, no table: one line."""
    cells = [
        (f"{row.name}{' ↔' * row.sweeps}", row.type.replace("`", ""), row.default, row.description) for row in rows
    ]
    if not cells:
        click.echo("  no keys of its own")
        return
    print_table(["key", "value", "default", "meaning"], cells)
    if any(name.endswith("↔") for name, *_ in cells):
        click.echo("\n↔ a list of values makes one load point per value")


def note(text: str) -> None:
    """A line for the user that is not part of the result; on a terminal it is broken between words."""
    if sys.stderr.isatty():
        from shutil import get_terminal_size

        from aifbench.report.lines import wrapped

        text = "\n".join(wrapped(text, get_terminal_size().columns))
    click.echo(text, err=True)
