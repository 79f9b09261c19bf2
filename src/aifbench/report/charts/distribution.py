"""Quantiles on a tail axis: 50, 90, 99 and 99.9 % lie at equal distances, so that the tail is as wide as the body."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from aifbench.model.result import PointResult
from aifbench.report.charts.base import (
    Chart,
    Json,
    axis,
    colour,
    dash,
    data_sheet,
    drawn,
    left_out,
    numbers,
    rounded,
    scaled,
    trial_name,
    words,
)
from aifbench.report.scale import scale_for
from aifbench.report.words import count

_TICKS = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999)
_MOST = 60
_NAMED = (0.5, 0.9, 0.95, 0.99, 0.999)
_WITH_ALTERNATIVES = 1
_WIDE_FROM = 5


def tail(q: float) -> float:
    """−log10(1 − q): 0 at the minimum, 1 at 90 %, 2 at 99 %."""
    return -math.log10(max(1.0 - q, 1e-9))


def chart(points: Sequence[PointResult], key: str, values: Sequence[tuple[str, str]], title: str) -> Chart | None:
    """Lines of the first trials of each load point; None when no trial has the series.

    `values` are (name in the series, word for it); the second and later ones wait in the legend until clicked.
    """
    found = [(point, drawn(point, key)) for point in points]
    present = [
        number
        for _, trials in found
        for _, series in trials
        for name, _ in values
        for number in numbers(series.get(name))
        if number is not None
    ]
    if not present:
        return None
    scale = scale_for("s", [max(present) / 2])
    shown = values if len(points) <= _WITH_ALTERNATIVES else values[:1]
    traces: list[Json] = []
    rows: list[list[Any]] = []
    for index, (point, trials) in enumerate(found):
        for repetition, (trial, series) in enumerate(trials):
            kept = _kept(numbers(series.get("q")))
            columns = [scaled(numbers(series.get(name)), scale.factor) for name, _ in values]
            rows += [
                [point.point, trial.number, rounded(q * 100), *(_at(column, at) for column in columns)]
                for at, q in kept
            ]
            for kind, (_, word) in enumerate(shown):
                y = [_at(columns[kind], at) for at, _ in kept]
                if all(value is None for value in y):
                    continue
                traces.append(
                    {
                        "type": "scatter",
                        "mode": "lines",
                        "name": words(f"{point.point} {word}" if len(shown) > 1 else point.point),
                        "legendgroup": f"{index}-{kind}",
                        "showlegend": repetition == 0,
                        "visible": True if kind == 0 or len(points) == 1 else "legendonly",
                        "x": [rounded(tail(q)) for _, q in kept],
                        "y": y,
                        "customdata": [rounded(q * 100) for _, q in kept],
                        "line": {
                            "color": colour(index if len(points) > 1 else kind),
                            "width": 1.6,
                            "dash": dash(index) if kind == 0 else "dot",
                        },
                        "hovertemplate": (
                            f"{words(point.point)}, {words(trial_name(trial))}<br>"
                            f"{words(word)} p%{{customdata}}: %{{y}} {scale.unit}<extra></extra>"
                        ),
                    }
                )
    reach = max((x for trace in traces for x in trace["x"] if x is not None), default=1.0)
    ticks = [q for q in _TICKS if tail(q) <= reach + 0.4] or [0.0]
    lines = sum(len(trials) for _, trials in found)
    return Chart(
        title=title,
        description=(
            f"{title} of {count(len(points), 'load point')}, steady phase: the share of operations (tail axis) that "
            f"ended within a time in {scale.unit}. One line per trial, {lines} in all."
        ),
        figure={
            "data": traces,
            "layout": {
                "xaxis": axis(
                    "operations within, %",
                    tickvals=[rounded(tail(q)) for q in ticks],
                    ticktext=[f"{q * 100:g}" for q in ticks],
                    zeroline=False,
                ),
                "yaxis": axis(f"{values[0][1]}, {scale.unit}", rangemode="tozero"),
                "hovermode": "closest",
            },
        },
        wide=len(points) >= _WIDE_FROM,
        data=data_sheet(
            title,
            [("load point", ""), ("trial", ""), ("quantile", "%"), *((word, scale.unit) for _, word in values)],
            rows,
            tuple(note for point in points for note in left_out(point, len(drawn(point, key)))),
        ),
    )


def _kept(quantiles: Sequence[float | None]) -> list[tuple[int, float]]:
    """(index, q) of at most about 60 quantiles at even distances on the tail axis, and of those that have a name."""
    known = [(at, q) for at, q in enumerate(quantiles) if q is not None and 0 <= q < 1]
    if len(known) <= _MOST:
        return known
    step = (tail(known[-1][1]) - tail(known[0][1])) / _MOST
    kept: list[tuple[int, float]] = []
    for at, q in known:
        if not kept or q in _NAMED or at == known[-1][0] or tail(q) - tail(kept[-1][1]) >= step:
            kept.append((at, q))
    return kept


def _at(column: Sequence[float | None], index: int) -> float | None:
    return column[index] if index < len(column) else None
