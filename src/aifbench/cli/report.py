"""`aifbench report`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from aifbench.cli.options import run_argument, runs_option
from aifbench.errors import UsageError


def _formats(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from aifbench.report.formats import REPORTS

    return [CompletionItem(name) for name in REPORTS.names() if name.startswith(incomplete)]


@click.command(
    epilog="\b\nExamples:\n  aifbench report                                  report.html of the newest run\n"
    "  aifbench report latest --format all              every format, into the run folder\n"
    "  aifbench report latest --format csv --out a.csv\n"
    "  aifbench report latest --format markdown --out - | less\n"
    "  aifbench report latest --recompute               all numbers again, from the stored samples"
)
@run_argument
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("html",),
    shell_complete=_formats,
    metavar="NAME",
    help="html, markdown, json, csv, parquet, terminal, or all; may be given several times.  [default: html]",
)
@click.option("--out", metavar="FILE", help="Where to write; - is stdout.  [default: the run folder]")
@click.option("--recompute", is_flag=True, help="First make all numbers again from the stored samples, and keep them.")
@runs_option
def report(reference: str, formats: tuple[str, ...], out: str | None, recompute: bool, runs: Path | None) -> None:
    """Write the report of a run: HTML, Markdown, JSON, CSV or Parquet.

    Prints the path of each file that was written.
    """
    from aifbench.cli.find import run_to_look_at
    from aifbench.cli.results import read_result, recomputed, write_reports
    from aifbench.report.formats import REPORTS, render
    from aifbench.store.files import read_text, write_atomic

    names = REPORTS.names() if "all" in formats else list(dict.fromkeys(formats))
    for name in names:
        REPORTS.load(name)
    if out is not None and len(names) != 1:
        raise UsageError(f"--out takes one format, got {', '.join(names)}")
    folder = run_to_look_at(reference, runs)
    result, plan = recomputed(folder) if recompute else read_result(folder), folder.read_plan()
    if out is None:
        for written in write_reports(folder, result, plan, names):
            click.echo(written.path)
        return
    made = render(names[0], result, plan, read_text(folder.recipe))
    if out == "-":
        sys.stdout.buffer.write(made)
    else:
        write_atomic(Path(out).absolute(), made)
        click.echo(Path(out).absolute())
