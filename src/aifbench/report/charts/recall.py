"""Recall against queries per second: one curve per target and setting of the load, and QPS at fixed recall read off it.

Method of ann-benchmarks (Aumüller, Bernhardsson, Faithfull 2020): at a fixed recall counts the highest measured rate
among points that reach it. Nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aifbench.model.result import PointResult, Validity
from aifbench.report.charts.base import Chart, Json, axis, colour, dash, data_sheet, rounded, words
from aifbench.report.scale import scale_for
from aifbench.report.sheet import Cell, Column, Sheet, absent
from aifbench.report.words import count, plain, validity_cell, varied

FIXED_RECALL = (0.90, 0.95, 0.99)

_LOAD_WORDS = {"arrival", "rate_per_s", "concurrency", "think_time", "workers", "duration", "max_in_flight"}


@dataclass(frozen=True)
class Curve:
    name: str
    points: tuple[PointResult, ...]  # by rising recall


def _is_load(key: str) -> bool:
    return key.startswith("load.") or ".load." in key or key in _LOAD_WORDS


def _value(point: PointResult, name: str) -> float | None:
    metric = point.metrics.get(name)
    return metric.value if metric else None


def curves(points: Sequence[PointResult]) -> list[Curve]:
    """Points of one workload, target and load differ only in search parameters: they make one curve."""
    groups: dict[tuple[str, str, str], list[PointResult]] = {}
    for point in points:
        if _value(point, "recall_mean") is None or _value(point, "throughput") is None:
            continue
        load = ", ".join(f"{key.rpartition('.')[2]}={plain(v)}" for key, v in point.varied.items() if _is_load(key))
        groups.setdefault((point.workload, point.target, load), []).append(point)
    workloads = len({key[0] for key in groups})
    found = []
    for (workload, target, load), members in groups.items():
        name = " ".join(part for part in (target, f"({workload})" if workloads > 1 else "", load) if part)
        found.append(Curve(name, tuple(sorted(members, key=lambda point: _value(point, "recall_mean") or 0.0))))
    return found


def chart(points: Sequence[PointResult]) -> Chart | None:
    found = curves(points)
    if not found:
        return None
    traces: list[Json] = []
    rows: list[list[Any]] = []
    for index, curve in enumerate(found):
        x = [rounded(_value(point, "recall_mean")) for point in curve.points]
        y = [rounded(_value(point, "throughput")) for point in curve.points]
        rows += [
            [curve.name, point.point, varied(point), recall, rate, point.validity.value]
            for point, recall, rate in zip(curve.points, x, y, strict=True)
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": words(curve.name),
                "showlegend": True,
                "x": x,
                "y": y,
                "text": [words(f"{point.point} {varied(point)} {point.validity.value}") for point in curve.points],
                "line": {"color": colour(index), "width": 1.6, "dash": dash(index)},
                "marker": {
                    "color": colour(index),
                    "size": 9,
                    "symbol": ["x-thin-open" if p.validity is Validity.INVALID else "circle" for p in curve.points],
                    "line": {"width": 2, "color": colour(index)},
                },
                "hovertemplate": "%{text}<br>recall %{x}, %{y} queries/s<extra></extra>",
            }
        )
    return Chart(
        title="Recall against queries per second",
        description=(
            f"Mean recall against achieved queries per second (log axis) for {count(len(found), 'curve')}: one per "
            "target and setting of the load, along the search parameters. Up and to the right is better. A cross marks "
            "an INVALID load point."
        ),
        figure={
            "data": traces,
            "layout": {
                "xaxis": axis("recall, mean"),
                "yaxis": axis("queries/s", type="log", dtick="D2"),
                "hovermode": "closest",
            },
        },
        data=data_sheet(
            "Recall against queries per second",
            [
                ("curve", ""),
                ("load point", ""),
                ("varied", ""),
                ("recall", ""),
                ("throughput", "1/s"),
                ("validity", ""),
            ],
            rows,
        ),
        height=380,
    )


def at_fixed_recall(points: Sequence[PointResult]) -> Sheet | None:
    """Rows are curves, columns recall levels. INVALID points are left out: their rates are not to be quoted."""
    found = curves(points)
    if not found:
        return None
    columns = [Column("curve"), *(Column(f"recall ≥ {level:.2f}", "queries/s", numeric=True) for level in FIXED_RECALL)]
    rows = tuple((Cell(curve.name), *(_best(curve, level) for level in FIXED_RECALL)) for curve in found)
    note = "The highest measured rate among the curve's load points that reach the recall; nothing is interpolated."
    return Sheet("Queries per second at fixed recall", tuple(columns), rows, (note,))


def _best(curve: Curve, level: float) -> Cell:
    usable = [point for point in curve.points if point.validity is not Validity.INVALID]
    if not usable:
        return absent("all points of the curve are INVALID")
    reaching = [point for point in usable if (_value(point, "recall_mean") or 0.0) >= level]
    if not reaching:
        highest = max(_value(point, "recall_mean") or 0.0 for point in usable)
        return absent(f"best recall measured: {highest:.4g}")
    best = max(reaching, key=lambda point: _value(point, "throughput") or 0.0)
    rate = _value(best, "throughput") or 0.0
    return Cell(scale_for("1/s", [rate]).show(rate), sort=rate, note=best.point, tone=_tone(best))


def _tone(point: PointResult) -> Any:
    return "warn" if validity_cell(point.validity).tone == "warn" else ""
