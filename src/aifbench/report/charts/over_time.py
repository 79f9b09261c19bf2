"""What happened while the load was on: completions, errors, response times and operations in flight since T0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aifbench.model.result import PointResult, TrialResult
from aifbench.report.charts.base import (
    Chart,
    ChartData,
    Json,
    axis,
    colour,
    data_sheet,
    drawn,
    left_out,
    numbers,
    rounded,
    scaled,
    trial_name,
    words,
)
from aifbench.report.scale import Scale, scale_for
from aifbench.report.words import count

_PANELS = ("y", "y2", "y3")


def chart(point: PointResult, limit: int) -> Chart | None:
    """Three panels over one time axis; the measured window of the first trial is shaded, its warm-up marked.

    At most `limit` trials are drawn.
    """
    trials = drawn(point, "over_time", limit)
    if not trials:
        return None
    first = trials[0][1]
    upper = _upper(trials)
    times = [value for _, series in trials for name in _LATENCY for value in numbers(series.get(name))]
    scale = scale_for("s", times)
    traces = [
        trace for index, (trial, series) in enumerate(trials) for trace in _traces(index, trial, series, scale, upper)
    ]
    several = len(trials) > 1
    return Chart(
        title="Rate, response time and operations in flight",
        description=(
            f"{point.point} by seconds since T0, in bins of {words(str(first.get('bin_s', '?')))} s, "
            f"{count(len(trials), 'trial')}: completed operations per second (crosses: errors per second), response "
            f"time in {scale.unit} (p50 solid, {_UPPER[upper]} dotted), operations in flight. Shaded: warm-up, "
            f"then the measured window{' of the first trial drawn' if several else ''}."
        ),
        figure={"data": traces, "layout": _layout(first, scale)},
        data=_data(point, trials, scale),
        height=560,
    )


_LATENCY = ("response_p50_s", "response_p99_s", "response_max_s")


_UPPER = {"response_p99_s": "p99", "response_max_s": "maximum"}


def _upper(trials: Sequence[tuple[TrialResult, Mapping[str, Any]]]) -> str:
    """p99 where most bins hold enough operations for one, else the maximum, which every bin has."""
    medians = [value for _, series in trials for value in numbers(series.get("response_p50_s")) if value is not None]
    tails = [value for _, series in trials for value in numbers(series.get("response_p99_s")) if value is not None]
    return "response_p99_s" if 2 * len(tails) > len(medians) else "response_max_s"


def _rate(series: Mapping[str, Any], name: str) -> list[float | None]:
    width = series.get("bin_s")
    return scaled(numbers(series.get(name)), 1 / width) if isinstance(width, int | float) and width > 0 else []


def _traces(index: int, trial: TrialResult, series: Mapping[str, Any], scale: Scale, upper: str) -> list[Json]:
    seconds = numbers(series.get("t_s"))
    name = words(trial_name(trial))

    def line(panel: int, what: str, y: list[float | None], **style: Any) -> Json:
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "legendgroup": str(index),
            "showlegend": panel == 0,
            "x": seconds,
            "y": y,
            "yaxis": _PANELS[panel],
            "line": {"color": colour(index), "width": 1.6, "shape": "hv", **style},
            "hovertemplate": f"{name}, from %{{x}} s<br>{what} %{{y}}<extra></extra>",
        }

    found = [
        line(0, "completed per second", _rate(series, "completed")),
        line(1, f"p50 ({scale.unit})", scaled(numbers(series.get("response_p50_s")), scale.factor)),
        line(1, f"{_UPPER[upper]} ({scale.unit})", scaled(numbers(series.get(upper)), scale.factor), dash="dot"),
        line(2, "in flight", numbers(series.get("in_flight"))),
    ]
    errors = [
        (second, rate) for second, rate in zip(seconds, _rate(series, "errors"), strict=False) if rate is not None
    ]
    if any(rate > 0 for _, rate in errors):
        failing = [(second, rate) for second, rate in errors if rate > 0]
        found.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{name} errors",
                "legendgroup": f"{index}-errors",
                "x": [second for second, _ in failing],
                "y": [rate for _, rate in failing],
                "yaxis": "y",
                "marker": {"color": "@bad", "symbol": "x", "size": 7},
                "hovertemplate": f"{name}, from %{{x}} s<br>errors per second %{{y}}<extra></extra>",
            }
        )
    return found


def _layout(first: Mapping[str, Any], scale: Scale) -> Json:
    window = numbers(first.get("window_s"))
    warmup = rounded(first.get("warmup_end_s"))
    shapes: list[Json] = []
    notes: list[Json] = []
    if warmup is not None and warmup > 0:
        shapes.append(_band(0.0, warmup, "@warmup"))
        notes.append(_mark(0.0, "warm-up", "left"))
    if len(window) == 2 and window[0] is not None and window[1] is not None:
        shapes.append(_band(window[0], window[1], "@window"))
        notes.append(_mark(window[1], "measured window", "right"))
    return {
        "xaxis": axis("seconds since T0", anchor="y3", zeroline=False),
        "yaxis": axis("completed /s", domain=[0.70, 1.0], rangemode="tozero"),
        "yaxis2": axis(f"response {scale.unit}", domain=[0.33, 0.62], rangemode="tozero"),
        "yaxis3": axis("in flight", domain=[0.0, 0.25], rangemode="tozero"),
        "shapes": shapes,
        "annotations": notes,
        "hovermode": "closest",
    }


def _band(start: float, end: float, tone: str) -> Json:
    return {
        "type": "rect", "xref": "x", "yref": "paper", "x0": start, "x1": end, "y0": 0, "y1": 1,
        "fillcolor": tone, "line": {"width": 0}, "layer": "below",
    }  # fmt: skip


def _mark(at: float, label: str, side: str) -> Json:
    return {
        "x": at, "xref": "x", "xanchor": side, "y": 1.0, "yref": "paper", "yanchor": "bottom",
        "text": label, "showarrow": False, "font": {"size": 11, "color": "@muted"},
    }  # fmt: skip


def _data(point: PointResult, trials: Sequence[tuple[TrialResult, Mapping[str, Any]]], scale: Scale) -> ChartData:
    rows: list[list[Any]] = []
    for trial, series in trials:
        columns = [
            numbers(series.get("t_s")),
            *(numbers(series.get(name)) for name in ("started", "completed", "errors")),
            *(scaled(numbers(series.get(name)), scale.factor) for name in _LATENCY),
            numbers(series.get("in_flight")),
        ]
        rows += [[trial.number, *values] for values in zip(*columns, strict=False)]
    heads = [
        ("trial", ""),
        ("from", "s"),
        ("started", ""),
        ("completed", ""),
        ("errors", ""),
        ("response time p50", scale.unit),
        ("response time p99", scale.unit),
        ("response time maximum", scale.unit),
        ("in flight", ""),
    ]
    return data_sheet(f"{point.point} over time", heads, rows, left_out(point, len(trials)))
