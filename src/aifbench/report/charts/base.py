"""What every chart has: a figure as plain data, words for those who cannot see it, and its numbers as a table.

Colours in figures are names such as `@c0` or `@window`; the page's script puts the theme's colours in their place, so
one figure serves light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from aifbench.model.result import PointResult, TrialResult, Validity

Json = dict[str, Any]

COLOURS = 8
TRIALS_DRAWN = 5
ROWS_SHOWN = 1000


@dataclass(frozen=True)
class ChartData:
    """Rows of numbers and words; None is a value that does not exist in that bin."""

    caption: str
    heads: tuple[tuple[str, str], ...]  # (head, unit)
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()

    def as_data(self) -> Json:
        """For the page's script, which makes a table of it on demand. Columns are (head, unit, numeric)."""
        columns = [[head, unit, self._numeric(index)] for index, (head, unit) in enumerate(self.heads)]
        return {"caption": self.caption, "columns": columns, "rows": [list(row) for row in self.rows]}

    def _numeric(self, index: int) -> bool:
        first = next((row[index] for row in self.rows if row[index] is not None), None)
        return isinstance(first, int | float)


@dataclass(frozen=True)
class Chart:
    """`description` is the alternative text and the caption."""

    title: str
    description: str
    figure: Json
    data: ChartData
    height: int = 320
    wide: bool = False


def colour(index: int) -> str:
    return f"@c{index % COLOURS}"


def dash(index: int) -> str:
    """Past the last colour, lines are told apart by their dashes."""
    return ("solid", "dash", "dot", "dashdot")[index // COLOURS % 4]


def words(text: str) -> str:
    """User's text for a figure: plotly reads a little HTML in labels, so none may get through."""
    return escape(text, quote=False)


def rounded(value: Any) -> float | None:
    """Six significant digits, None for what is not a finite number: keeps the page small and its JSON valid."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def numbers(values: object) -> list[float | None]:
    return [rounded(value) for value in values] if isinstance(values, list | tuple) else []


def scaled(values: Iterable[float | None], factor: float) -> list[float | None]:
    return [None if value is None else rounded(value * factor) for value in values]


def axis(title: str, **more: Any) -> Json:
    return {"title": {"text": words(title)}, **more}


def trial_name(trial: TrialResult) -> str:
    mark = "" if trial.validity is Validity.VALID else f" {trial.validity.value}"
    return f"trial {trial.number}{mark}"


def drawn(point: PointResult, key: str, limit: int = TRIALS_DRAWN) -> list[tuple[TrialResult, Mapping[str, Any]]]:
    """The first trials of a load point that have the series, at most `limit`."""
    having = [(trial, trial.series[key]) for trial in point.trials if isinstance(trial.series.get(key), Mapping)]
    return having[:limit]


def left_out(point: PointResult, shown: int) -> tuple[str, ...]:
    """A note when fewer trials are drawn than there are."""
    if shown >= len(point.trials):
        return ()
    return (f"{shown} of {len(point.trials)} trials of {point.point} are drawn; result.json has the others.",)


def data_sheet(
    caption: str, heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]], notes: tuple[str, ...] = ()
) -> ChartData:
    """The numbers behind a chart, in the order of its lines."""
    if len(rows) > ROWS_SHOWN:
        notes = (*notes, f"The first {ROWS_SHOWN} of {len(rows)} rows; result.json has all of them.")
    return ChartData(caption, tuple(heads), tuple(tuple(row) for row in rows[:ROWS_SHOWN]), notes)
