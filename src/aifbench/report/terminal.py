"""What `aifbench run` prints at its end: one table per family, then what is not valid and why, then failed SLOs.

Tables that do not fit the width are cut between columns, never inside a number; each piece repeats the load point.
"""

from __future__ import annotations

from io import StringIO
from textwrap import wrap
from typing import Any

from aifbench.model.plan import Plan
from aifbench.model.result import RunResult, Validity
from aifbench.report import words
from aifbench.report.charts.recall import at_fixed_recall
from aifbench.report.family import families
from aifbench.report.lines import wrapped
from aifbench.report.sheet import Cell, Column, Sheet
from aifbench.report.summary import family_sheet, told_once
from aifbench.units import significant

GENERATOR = "generator_share"
NOT_CALIBRATED = "run aifbench calibrate"
_STYLE = {"ok": "green", "warn": "yellow", "bad": "bold red", "muted": "dim", "": ""}
_REPEATED = ("load point", "validity")
_UNDER_THE_NAME = {"target", "varied", "workload", "load", "n"}
_EMPTY = {"", "–"}
_NA = "n/a"
_NAME_WIDTH = 28
_GAP = 3  # what rich puts between two columns of a table without lines


def render(result: RunResult, plan: Plan | None, console: Any) -> None:
    """Print to a rich Console. Without a terminal there is no colour and no control character."""
    for family in families(result):
        _print_table(console, _short(family_sheet(result, family)))
        searched = any(point.family == family and "recall_mean" in point.metrics for point in result.points)
        if searched and (fixed := at_fixed_recall(result)) is not None:
            _print_table(console, _short(fixed))
    _print_generator(console, result)
    _print_findings(console, result)
    _print_slos(console, result)
    for problem in result.problems:
        _print(console, f"problem: {problem}", "yellow")
    _print(console, f"{result.name}: {result.status}. {words.verdict(result)}", _status_style(result))


def render_text(result: RunResult, plan: Plan | None, recipe_text: str) -> str:
    """The same, plain, 100 columns wide."""
    from rich.console import Console

    target = StringIO()
    render(result, plan, Console(file=target, width=100, no_color=True, highlight=False))
    return target.getvalue()


def _print(console: Any, line: str, style: str = "") -> None:
    from rich.text import Text

    for piece in wrapped(line, console.width):
        console.print(Text(piece, style=style), overflow="ignore", crop=False)


def _short(sheet: Sheet) -> Sheet:
    """For few columns: what was varied and n go under the row's name, reasons of missing values under the table.

    A column of verdicts that nobody asked for is left out.
    """
    heads = [column.head for column in sheet.columns]
    under = [index for index, head in enumerate(heads) if index and head in _UNDER_THE_NAME]
    unasked = [i for i, head in enumerate(heads) if head == "SLO" and all(row[i].tone == "muted" for row in sheet.rows)]
    kept = [index for index in range(1, len(heads)) if index not in under and index not in unasked]
    reasons: dict[str, list[str]] = {}
    rows = []
    for row in sheet.rows:
        words_under = [
            f"n {row[i].text}" if heads[i] == "n" else row[i].text for i in under if row[i].text not in _EMPTY
        ]
        cells = [_bare(row[index], sheet.columns[index], row[0].text, reasons) for index in kept]
        rows.append((Cell(row[0].text, note=", ".join(words_under)), *cells))
    notes = tuple(f"n/a {reason} ({_few(names)})" for reason, names in reasons.items())
    columns = (sheet.columns[0], *(sheet.columns[index] for index in kept))
    return Sheet(sheet.caption, columns, tuple(rows), (*notes, *sheet.notes))


def _bare(cell: Cell, column: Column, row: str, reasons: dict[str, list[str]]) -> Cell:
    if column.numeric and cell.text.startswith(_NA):
        reasons.setdefault(f"{column.head}: {cell.text.removeprefix(_NA).strip(' ()')}", []).append(row)
        return Cell(_NA, tone="muted")
    return Cell(cell.text, tone=cell.tone)


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _width(sheet: Sheet, index: int) -> int:
    """Least width of a column: its longest cell line, or the longest word of its head; and the gap."""
    column = sheet.columns[index]
    head = max((len(word) for word in [*column.head.split(), column.unit]), default=0)
    cells = [line for row in sheet.rows for line in (row[index].text, row[index].note)]
    longest = max((len(line) for line in cells), default=0)
    return max(head, longest if column.numeric else min(longest, _NAME_WIDTH)) + _GAP


def _pieces(sheet: Sheet, room: int) -> list[list[int]]:
    """Column numbers of each piece: the repeated columns, then as many others as fit."""
    fixed = [index for index, column in enumerate(sheet.columns) if column.head in _REPEATED] or [0]
    base = sum(_width(sheet, index) for index in fixed)
    pieces: list[list[int]] = []
    used = room + 1
    for index in range(len(sheet.columns)):
        if index in fixed:
            continue
        if used + _width(sheet, index) > room:
            pieces.append(list(fixed))
            used = base
        pieces[-1].append(index)
        used += _width(sheet, index)
    return pieces or [fixed]


def _print_table(console: Any, sheet: Sheet) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    for number, piece in enumerate(_pieces(sheet, console.width - 2)):
        table = Table(box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 1))
        table.title = sheet.caption if number == 0 else f"{sheet.caption}, continued"
        for index in piece:
            column = sheet.columns[index]
            width = _width(sheet, index) - _GAP
            lines = [*wrap(column.head, width), *([column.unit] if column.unit else [])]
            side: Any = "right" if column.numeric else "left"
            table.add_column(
                Text("\n".join(lines)), justify=side, no_wrap=column.numeric, min_width=width, max_width=width
            )
        for row in sheet.rows:
            table.add_row(*(_text(row[index], sheet.columns[index], _width(sheet, index) - _GAP) for index in piece))
        console.print(table)
    for note in sheet.notes:
        _print(console, f"  {note}", "dim")
    if sheet.notes:
        console.print()


def _text(cell: Cell, column: Column, width: int) -> Any:
    """Names that are too long go on beneath themselves: cut, `reads.1` and `reads.2` would look the same."""
    from rich.text import Text

    def lines(text: str) -> str:
        return text if column.numeric else "\n".join(wrap(text, width))

    found = Text(lines(cell.text), style=_STYLE[cell.tone])
    if cell.note:
        found.append(f"\n{lines(cell.note)}", style="dim")
    return found


def _print_generator(console: Any, result: RunResult) -> None:
    """How near the load came to what the generator itself can do: the load point that asked most of it."""
    shares = [(point.metrics[GENERATOR], point.point) for point in result.points if GENERATOR in point.metrics]
    known = [(share.value, name) for share, name in shares if share.value is not None]
    if known:
        value, name = max(known)
        text = f"offered {_percent(value)} of what this generator can do"
        _print(console, f"generator: {text}{f' ({name})' if len(known) > 1 else ''}", "dim")
    elif any(share.reason.endswith(NOT_CALIBRATED) for share, _ in shares):
        _print(console, f"generator: share of what it can do n/a ({NOT_CALIBRATED})", "dim")


def _percent(value: float) -> str:
    return f"{significant(value * 100, 2)} %"


def _print_findings(console: Any, result: RunResult) -> None:
    for point in result.points:
        if point.validity is Validity.VALID:
            continue
        style = _STYLE[words.VALIDITY_TONE[point.validity]]
        _print(console, f"{point.point} is {point.validity.value}", style)
        for finding in told_once(point):
            if finding.verdict is not Validity.VALID:
                _print(console, f"  {finding.verdict.value} {finding.code}: {finding.text}")
                if finding.hint:
                    _print(console, f"    hint: {finding.hint}", "dim")


def _print_slos(console: Any, result: RunResult) -> None:
    for point in result.points:
        for verdict in point.slo:
            _print(console, f"SLO {point.point}: {verdict.text}", _STYLE[words.slo_state(verdict)[1]])


def _status_style(result: RunResult) -> str:
    return "bold" if result.status == "finished" else "bold red"
