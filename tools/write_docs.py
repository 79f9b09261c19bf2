"""Writes docs/reference/: the pages that are made from the code, so that they cannot disagree with it.

`make docs` writes them, and a test of tests/project says when they are out of date.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click

from aifbench.cli.commands import LazyGroup
from aifbench.cli.main import cli
from aifbench.executors.base import EXECUTORS
from aifbench.metrics.declare import FAMILIES, preparation
from aifbench.metrics.tables import ACROSS, NUMBERS, SPREADS
from aifbench.metrics.thresholds import THRESHOLDS, Threshold
from aifbench.plan.vocabulary import vocabulary
from aifbench.recipe.manual import reference
from aifbench.report.formats import REPORTS
from aifbench.services.base import SERVICES
from aifbench.units import format_duration
from aifbench.workloads.base import WORKLOADS

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
NOTE = "<!-- Made from the code by `make docs`; changes here are lost. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; a vertical bar inside a cell is escaped."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


# -- commands ----------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    yield from ("# Commands", "", NOTE, "", "`aifbench COMMAND --help` shows the same.", "")
    for title, section in cli.sections.items():
        yield from (f"## {title}", "")
        for name in section:
            yield from command_page((name,), load(cli, name))


def load(group: LazyGroup, name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None, name
    return found


def command_page(path: tuple[str, ...], command: click.Command) -> Iterator[str]:
    if isinstance(command, LazyGroup):
        for name in command.lines:
            yield from command_page((*path, name), load(command, name))
        return
    context = click.Context(command, info_name=f"aifbench {' '.join(path)}")
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"### aifbench {' '.join(path)}", "", inspect.cleandoc(command.help or "").replace("\b\n", ""), "")
    yield from ("```", f"aifbench {' '.join(path)} {usage}", "```", "")
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    rows = [(f"`{names}`", " ".join(text.split())) for names, text in filter(None, records)]
    if rows:
        yield from table(("option", "meaning"), rows)
    if command.epilog:
        yield from ("```", command.epilog.replace("\b\n", "").strip(), "```", "")


# -- recipe and site ---------------------------------------------------------------------------------------------


def recipe() -> Iterator[str]:
    title, rest = reference(vocabulary()).split("\n", 1)
    yield from (title, "", NOTE, rest)


def catalogue() -> Iterator[str]:
    yield from ("# Services, workloads, executors", "", NOTE, "")
    yield from ("Their recipe keys are in the [recipe reference](recipe.md).", "")
    rows: list[tuple[str, ...]] = []
    for name in SERVICES.names():
        kind = SERVICES.load(name)
        rows.append((f"`{name}`", words(kind.protocols), install(kind.extra), kind.summary))
    yield from ("## Services", "", *table(("service", "speaks", "needs", "what it is"), rows))
    rows = []
    for name in WORKLOADS.names():
        work = WORKLOADS.load(name)
        needs = "; ".join(f"{protocol}: {install(extra)}" for protocol, extra in work.extra.items() if extra) or "–"
        rows.append((f"`{name}`", f"`{work.family}`", words(work.targets), needs, work.summary))
    yield from ("## Workloads", "", *table(("workload", "family", "aimed at", "needs", "what it does"), rows))
    rows = []
    for name in EXECUTORS.names():
        executor = EXECUTORS.load(name)
        rows.append((f"`{name}`", (inspect.getdoc(executor) or "").partition("\n")[0]))
    yield from ("## Executors", "", *table(("executor", "what it does"), rows))
    yield from ("## Report formats", "", f"{words(REPORTS.names())}: `aifbench report --format NAME`.", "")


def install(extra: str) -> str:
    return f"`pip install 'aifbench[{extra}]'`" if extra else "–"


def words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# -- metrics -----------------------------------------------------------------------------------------------------


def metrics() -> Iterator[str]:
    yield from ("# Metrics", "", NOTE, "")
    yield from ("A distribution `ttft` has one metric per statistic: `ttft_mean`, `ttft_p99` and so on.", "")
    yield from ("Where a load point has several kinds of operations, `get.response_time_p99` is that of one kind.", "")
    for family in FAMILIES:
        title = "Every family" if family == "common" else f"Family `{family}`"
        yield from (f"## {title}", "")
        rows = [
            (f"`{row.name}`", row.unit, words(row.statistics), row.better, row.definition, row.source)
            for row in SPREADS[family]
        ]
        if rows:
            yield from table(("distribution", "unit", "statistics", "better", "definition", "source"), rows)
        numbers = [
            (f"`{row.name}`", row.unit, row.better, row.definition, row.source) for row in NUMBERS.get(family, ())
        ]
        if numbers:
            yield from table(("metric", "unit", "better", "definition", "source"), numbers)
        known = preparation("common") if family != "common" else {}
        facts = [row for name, row in preparation(family).items() if name not in known]
        if facts:
            yield from ("While preparing data:", "")
            made = [(f"`{row.name}`", row.unit, row.better, row.definition, row.source) for row in facts]
            yield from table(("metric", "unit", "better", "definition", "source"), made)
    yield from ("## Across load points", "", "Read off several load points together; no SLO can use them.", "")
    across = [(f"`{row.name}`", row.unit, row.better, row.definition, row.source) for row in ACROSS]
    yield from table(("metric", "unit", "better", "definition", "source"), across)


# -- validity ----------------------------------------------------------------------------------------------------


def checks() -> Iterator[str]:
    yield from ("# Validity checks", "", NOTE, "")
    yield from ("How they are judged is in [methodology](../methodology.md).", "")
    yield from ("Above the first limit a load point is DEGRADED, above the second INVALID.", "")
    rows = [
        (f"`{code}`", limit(row.degraded, row), limit(row.invalid, row), row.reason, row.hint or "–")
        for code, row in THRESHOLDS.items()
    ]
    yield from table(("check", "DEGRADED above", "INVALID above", "why it matters", "what to do"), rows)


def limit(value: float | None, row: Threshold) -> str:
    if value is None:
        return "–"
    if row.unit == "share":
        return f"{value * 100:g} %"
    return format_duration(value) if row.unit == "s" and value else f"{value:g}"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "commands.md": commands,
    "recipe.md": recipe,
    "catalogue.md": catalogue,
    "metrics.md": metrics,
    "validity.md": checks,
}


def text(name: str) -> str:
    return "\n".join(PAGES[name]()).rstrip() + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (FOLDER / name).write_text(text(name), encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
