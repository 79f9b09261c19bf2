"""Recall against queries per second, one curve per target and load; and QPS at fixed recall as metrics/ read it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aifbench.metrics.tables import READ_OFF
from aifbench.model.result import PointResult, RunResult, Validity
from aifbench.report.charts.base import Chart, Json, axis, colour, dash, data_sheet, rounded, words
from aifbench.report.family import declaration
from aifbench.report.scale import scale_for
from aifbench.report.sheet import Cell, Column, Sheet, absent
from aifbench.report.words import count, varied, varied_load


@dataclass(frozen=True)
class Curve:
    name: str
    points: tuple[PointResult, ...]  # by rising recall


def _value(point: PointResult, name: str) -> float | None:
    metric = point.metrics.get(name)
    return metric.value if metric else None


def curves(points: Sequence[PointResult]) -> list[Curve]:
    """Points of one workload, target and load differ only in search parameters: they make one curve."""
    groups: dict[tuple[str, str, str], list[PointResult]] = {}
    for point in points:
        if _value(point, "recall_mean") is None or _value(point, "throughput") is None:
            continue
        groups.setdefault((point.workload, point.target, varied_load(point)), []).append(point)
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
                "xaxis": axis("recall, mean", range=_range([x for trace in traces for x in trace["x"]])),
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


def _range(recalls: Sequence[float | None]) -> list[float]:
    """A little more than the recalls take, and never less than 0.02 wide."""
    known = [value for value in recalls if value is not None]
    pad = max(0.01, (max(known) - min(known)) * 0.05)
    return [min(known) - pad, max(known) + pad]


def at_fixed_recall(result: RunResult) -> Sheet | None:
    """Rows are curves, columns recall levels, as `across.recall_qps` of the result has them."""
    found = [curve for curve in list(result.across.get("recall_qps") or []) if isinstance(curve, Mapping)]
    levels = list(dict.fromkeys(str(name) for curve in found for name in dict(curve.get("qps_at_recall") or {})))
    if not levels:
        return None
    columns = [Column("target"), Column("workload"), Column("load")]
    for name in levels:
        head = f"at recall {name.removeprefix('qps_at_recall_')}"
        columns.append(Column(head, "queries/s", numeric=True, title=_defined(result, name)))
    rows = []
    for curve in found:
        read = dict(curve.get("qps_at_recall") or {})
        place = [Cell(str(curve.get(key, ""))) for key in ("target", "workload", "load")]
        rows.append((*place, *(_rate(dict(read.get(name) or {})) for name in levels)))
    return Sheet("Queries per second at fixed recall", tuple(columns), tuple(rows), (f"Read {READ_OFF}.",))


def _defined(result: RunResult, name: str) -> str:
    declared = declaration(result, name)
    return declared.definition if declared else ""


def _rate(entry: Mapping[str, Any]) -> Cell:
    value = rounded(entry.get("value"))
    if value is None:
        return absent(str(entry.get("reason") or "not read off"))
    return Cell(scale_for("1/s", [value]).show(value), sort=value)
