"""Writes docs/reference/: the pages that are made from the code, so that they cannot disagree with it.

`make docs` writes them, and a test of tests/project says when they are out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click

from aifbench.cli.commands import LazyGroup
from aifbench.cli.keys import key_rows
from aifbench.cli.main import cli
from aifbench.executors.base import EXECUTORS
from aifbench.load.arrival.base import ARRIVALS
from aifbench.metrics.declare import FAMILIES, preparation
from aifbench.metrics.tables import NUMBERS, SPREADS
from aifbench.model.options import Options
from aifbench.recipe.keys import LoadKeys, RecipeKeys, ServiceKeys, SiteKeys, WorkloadKeys
from aifbench.services.base import SERVICES
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


def keys(options: type[Options]) -> Iterator[str]:
    rows = [(f"`{name}`", kind, shown(default), meaning) for name, kind, default, meaning in key_rows(options)]
    if rows:
        yield from table(("key", "value", "default", "meaning"), rows)
    else:
        yield from ("No keys of its own.", "")


def shown(default: str) -> str:
    return default if default in ("–", "required") else f"`{default}`"


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
    yield from (f"### aifbench {' '.join(path)}", "", (command.help or "").replace("\b\n", ""), "")
    yield from ("```", f"aifbench {' '.join(path)} {usage}", "```", "")
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    rows = [(f"`{names}`", " ".join(text.split())) for names, text in filter(None, records)]
    if rows:
        yield from table(("option", "meaning"), rows)
    if command.epilog:
        yield from ("```", command.epilog.replace("\b\n", "").strip(), "```", "")


# -- recipe and site ---------------------------------------------------------------------------------------------


def recipe() -> Iterator[str]:
    yield from ("# Recipe reference", "", NOTE, "")
    yield from ("Durations are written `30s`, `5m` or `500ms`, sizes `64KiB` or `10MB`, rates `10/s`;", "")
    yield from ("a number alone is seconds, bytes, or operations per second.", "")
    yield from ("Where a value may also be a list of values, a list makes one load point per value.", "")
    yield from ("## The recipe", "", *keys(RecipeKeys))
    yield from ("## Every service", "", *keys(ServiceKeys))
    yield from ("Beside these, a service has the keys of its kind.", "")
    for name in SERVICES.names():
        kind = SERVICES.load(name)
        yield from (f"### Service `{name}`", "", f"{kind.summary}.", "")
        needs = f" Needs `pip install 'aifbench[{kind.extra}]'`." if kind.extra else ""
        yield from (f"Speaks {words(kind.protocols)}.{needs}", "", *keys(kind.recipe_keys))
    yield from ("## Every workload", "", *keys(WorkloadKeys))
    yield from ("Beside these, a workload has the keys of its kind.", "")
    for name in WORKLOADS.names():
        work = WORKLOADS.load(name)
        yield from (f"### Workload `{name}`", "", f"{work.summary}.", "")
        yield from (f"Family `{work.family}`; can be aimed at {words(work.targets)}.", "")
        if work.default_load:
            said = ", ".join(f"`{key}: {value}`" for key, value in work.default_load.items())
            yield from (f"Load where nothing is said: {said}.", "")
        yield from keys(work.recipe_keys)
    yield from ("## `load`", "", *keys(LoadKeys))
    for name in ARRIVALS.names():
        arrival = ARRIVALS.load(name)
        yield from (f"### Arrival `{name}`", "", f"{arrival.summary}.", "", *keys(arrival.recipe_keys))
    yield from ("## Site files", "", *keys(SiteKeys))
    names = [name for name in EXECUTORS.names() if name != "fake"]
    yield from (f"Executors: {words(names)}; `fake` is a scripted twin for tests.", "")


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


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "commands.md": commands,
    "recipe.md": recipe,
    "metrics.md": metrics,
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
