"""The table of report formats. A format is one file: a function from a result to text or bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.registry import Table

Render = Callable[[RunResult, Plan | None, str], str | bytes]
Write = Callable[[Path, bytes], None]

REPORTS: Table[Render] = Table(
    "report format",
    {
        "terminal": "aifbench.report.terminal:render_text",
        "html": "aifbench.report.html:render",
        "markdown": "aifbench.report.markdown:render",
        "json": "aifbench.report.json_:render",
        "csv": "aifbench.report.csv_:render",
        "parquet": "aifbench.report.parquet:render",
    },
    group="aifbench.reports",
)

FILES = {
    "terminal": "report.txt",
    "html": "report.html",
    "markdown": "report.md",
    "json": "result.json",
    "csv": "metrics.csv",
    "parquet": "metrics.parquet",
}


@dataclass(frozen=True)
class Written:
    format: str
    path: Path
    bytes: int


def render(name: str, result: RunResult, plan: Plan | None, recipe_text: str) -> bytes:
    """The report in one format, as it goes into a file. Raises UnknownName for a format that is in no table."""
    made = REPORTS.load(name)(result, plan, recipe_text)
    return made.encode() if isinstance(made, str) else made


def file_name(name: str) -> str:
    """`report.html` and so on; a plugin's format is named after itself."""
    return FILES.get(name, f"report.{name}")


def write_all(
    folder: Path,
    result: RunResult,
    plan: Plan | None,
    recipe_text: str,
    write: Write,
    names: Iterable[str] = tuple(FILES),
) -> list[Written]:
    """Render each format and hand it to `write` (which the store gives); the files lie in `folder`."""
    found = []
    for name in names:
        made = render(name, result, plan, recipe_text)
        path = folder / file_name(name)
        write(path, made)
        found.append(Written(name, path, len(made)))
    return found
