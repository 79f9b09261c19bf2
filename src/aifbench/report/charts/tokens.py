"""Output tokens by time since T0, from stamps of content events."""

from __future__ import annotations

from typing import Any

from aifbench.model.result import PointResult
from aifbench.report.charts.base import (
    Chart,
    Json,
    axis,
    colour,
    data_sheet,
    drawn,
    left_out,
    numbers,
    trial_name,
    words,
)


def chart(point: PointResult, limit: int) -> Chart | None:
    trials = drawn(point, "tokens_over_time", limit)
    traces: list[Json] = []
    rows: list[list[Any]] = []
    for index, (trial, series) in enumerate(trials):
        seconds, tokens = numbers(series.get("t_s")), numbers(series.get("tokens"))
        rows += [[trial.number, *pair] for pair in zip(seconds, tokens, strict=False)]
        name = words(trial_name(trial))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": seconds,
                "y": tokens,
                "line": {"color": colour(index), "width": 1.6, "shape": "hv"},
                "hovertemplate": f"{name}, from %{{x}} s<br>%{{y}} tokens in this bin<extra></extra>",
            }
        )
    if not rows:
        return None
    title = "Output tokens over time"
    return Chart(
        title=title,
        description=f"{point.point}: tokens received in each bin against seconds since T0, one line per trial.",
        figure={
            "data": traces,
            "layout": {
                "xaxis": axis("seconds since T0", zeroline=False),
                "yaxis": axis("tokens per bin", rangemode="tozero"),
                "hovermode": "closest",
            },
        },
        data=data_sheet(title, [("trial", ""), ("from", "s"), ("tokens", "")], rows, left_out(point, len(trials))),
        height=260,
    )
