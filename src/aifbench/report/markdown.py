"""Markdown (GitHub's tables): summary, findings, tables of each workload, provenance, recipe. No charts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aifbench.model.plan import Plan
from aifbench.model.result import RunResult
from aifbench.report import words
from aifbench.report.after_load import checks_sheet
from aifbench.report.facts import definitions_sheet, environment_sheets, facts_sheet
from aifbench.report.family import families
from aifbench.report.outline import outline
from aifbench.report.sheet import Cell, Sheet
from aifbench.report.summary import family_sheet, findings_sheet

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def escaped(text: str) -> str:
    """On one line, with nothing left that Markdown or HTML could read as more than text."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split(None))).replace("\\<", "&lt;").replace("\\>", "&gt;")


def table(sheet: Sheet) -> Iterator[str]:
    yield "| " + " | ".join(escaped(f"{c.head} ({c.unit})" if c.unit else c.head) for c in sheet.columns) + " |"
    yield "|" + "|".join("--:" if column.numeric else ":--" for column in sheet.columns) + "|"
    for row in sheet.rows:
        yield "| " + " | ".join(_cell(cell) for cell in row) + " |"
    for note in sheet.notes:
        yield ""
        yield escaped(note)
    yield ""


def _cell(cell: Cell) -> str:
    return escaped(f"{cell.text} ({cell.note})" if cell.note else cell.text)


def fenced(text: str, language: str) -> Iterator[str]:
    """A code block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + language
    yield text.rstrip("\n")
    yield fence
    yield ""


def render(result: RunResult, plan: Plan | None, recipe_text: str) -> str:
    return "\n".join(_lines(result, plan, recipe_text)).rstrip() + "\n"


def _lines(result: RunResult, plan: Plan | None, recipe_text: str) -> Iterator[str]:
    yield f"# {escaped(result.name)}"
    yield ""
    yield escaped(words.verdict(result))
    yield ""
    yield f"- Run: {escaped(result.run)}, {result.status}"
    yield f"- Started: {escaped(words.moment(result.started))}, took {words.lasted(result) or 'n/a (no end recorded)'}"
    yield f"- Where: {escaped(words.place(result, plan))}"
    yield ""
    for problem in result.problems:
        yield f"- Problem: {escaped(problem)}"
    if result.problems:
        yield ""
    yield "## Summary"
    yield ""
    for family in families(result):
        sheet = family_sheet(result, family)
        yield f"### {escaped(sheet.caption)}"
        yield ""
        yield from table(sheet)
    found = findings_sheet(result.points, all_of_them=False)
    if found:
        yield "### Validity"
        yield ""
        yield from table(found)
    for part in outline(result, plan):
        yield f"## {escaped(part.title)}"
        yield ""
        for sheet in part.sheets:
            yield from _titled(sheet, 3)
        for workload in part.workloads:
            yield f"### {escaped(workload.name)}"
            yield ""
            if workload.no_errors:
                yield escaped(workload.no_errors)
                yield ""
            for sheet in (*workload.sheets, *workload.folded):
                yield from _titled(sheet, 4)
    yield from _background(result, plan, recipe_text)


def _titled(sheet: Sheet, level: int) -> Iterator[str]:
    yield f"{'#' * level} {escaped(sheet.caption)}"
    yield ""
    yield from table(sheet)


def _background(result: RunResult, plan: Plan | None, recipe_text: str) -> Iterator[str]:
    yield "## Services"
    yield ""
    for name, facts in result.services.items():
        yield from _titled(facts_sheet(words.service_title(name, facts), facts), 3)
    checks = checks_sheet(result, plan, unplaced=True)
    if checks:
        yield from _titled(checks, 3)
    yield "## Provenance"
    yield ""
    for sheet, folded in environment_sheets(result):
        if not folded:
            yield from _titled(sheet, 3)
    yield "## Do it again"
    yield ""
    yield "Save the recipe below as recipe.yaml, then:"
    yield ""
    yield from fenced(words.command(plan), "sh")
    yield from fenced(recipe_text or "# n/a (the recipe was not stored)", "yaml")
    definitions = definitions_sheet(result)
    if definitions:
        yield from _titled(definitions, 2)
