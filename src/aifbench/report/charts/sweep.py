"""Throughput against response time over the load points of a workload: where the knee is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aifbench.model.result import Metric, PointResult, Validity
from aifbench.report.charts.base import Chart, Json, axis, colour, data_sheet, rounded, words
from aifbench.report.scale import Scale, scale_for
from aifbench.report.words import count, varied, varied_load, varied_work

_SHOWN = (("response_time_p50", "p50", "solid"), ("response_time_p99", "p99", "dot"))


def chart(points: Sequence[PointResult]) -> Chart | None:
    """None unless two load points differ in their load alone."""
    lines: dict[str, list[PointResult]] = {}
    for point in points:
        if _metric(point, "throughput") and _metric(point, "response_time_p50") and varied_load(point):
            lines.setdefault(" ".join(part for part in (point.target, varied_work(point)) if part), []).append(point)
    lines = {name: members for name, members in lines.items() if len(members) > 1}
    having = [point for members in lines.values() for point in members]
    if not having:
        return None
    times = [metric.value for point in having for name, _, _ in _SHOWN if (metric := _metric(point, name))]
    scale = scale_for("s", times)
    traces: list[Json] = []
    rows: list[list[Any]] = []
    for index, (target, line_points) in enumerate(lines.items()):
        members = sorted(line_points, key=lambda p: _known(p, "throughput"))
        for name, word, style in _SHOWN:
            line = [(point, metric) for point in members if (metric := _metric(point, name))]
            if line:
                traces.append(_trace(line, f"{target} {word}", colour(index), style, scale))
        rows += [_row(point, scale) for point in members]
    return Chart(
        title="Response time against throughput",
        description=(
            f"Response time p50 and p99 in {scale.unit} against achieved operations per second for "
            f"{count(len(having), 'load point')}, joined by rising throughput. Bars are 95 % intervals; a cross marks "
            "an INVALID load point."
        ),
        figure={
            "data": traces,
            "layout": {
                "xaxis": axis("throughput, 1/s", rangemode="tozero"),
                "yaxis": axis(f"response time, {scale.unit}", rangemode="tozero"),
                "hovermode": "closest",
            },
        },
        data=data_sheet(
            "Response time against throughput",
            [
                ("load point", ""),
                ("target", ""),
                ("varied", ""),
                ("throughput", "1/s"),
                ("response time p50", scale.unit),
                ("response time p99", scale.unit),
                ("validity", ""),
            ],
            rows,
        ),
        height=360,
    )


def _metric(point: PointResult, name: str) -> Metric | None:
    metric = point.metrics.get(name)
    return metric if metric is not None and metric.value is not None else None


def _known(point: PointResult, name: str) -> float:
    metric = _metric(point, name)
    return metric.value if metric is not None and metric.value is not None else 0.0


def _trace(line: Sequence[tuple[PointResult, Metric]], name: str, tone: str, style: str, scale: Scale) -> Json:
    def away(metric: Metric, bound: float | None) -> float:
        return abs(bound - (metric.value or 0.0)) * scale.factor if bound is not None else 0.0

    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": words(name),
        "showlegend": True,
        "x": [rounded(_known(point, "throughput")) for point, _ in line],
        "y": [rounded((metric.value or 0.0) * scale.factor) for _, metric in line],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [rounded(away(metric, metric.high)) for _, metric in line],
            "arrayminus": [rounded(away(metric, metric.low)) for _, metric in line],
            "thickness": 1,
            "width": 3,
            "color": tone,
        },
        "text": [words(f"{point.point} {varied(point)} {point.validity.value}") for point, _ in line],
        "line": {"color": tone, "width": 1.6, "dash": style},
        "marker": {
            "color": tone,
            "size": 8,
            "symbol": ["x-thin-open" if p.validity is Validity.INVALID else "circle" for p, _ in line],
            "line": {"width": 2, "color": tone},
        },
        "hovertemplate": f"%{{text}}<br>%{{x}} /s, %{{y}} {scale.unit}<extra></extra>",
    }


def _row(point: PointResult, scale: Scale) -> list[Any]:
    shown = [metric.value if (metric := _metric(point, name)) else None for name, _, _ in _SHOWN]
    times = [None if value is None else rounded(value * scale.factor) for value in shown]
    rate = rounded(_known(point, "throughput"))
    return [point.point, point.target, varied(point), rate, *times, point.validity.value]
