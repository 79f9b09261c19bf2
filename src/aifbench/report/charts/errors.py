"""Failed operations by kind, stacked over the load points of a workload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aifbench.model.result import PointResult
from aifbench.report.charts.base import Chart, Json, axis, colour, data_sheet, words


@dataclass(frozen=True)
class ErrorKind:
    """Failures of one kind at one load point, over all its trials, with the first example's own words."""

    point: str
    kind: str
    count: int
    example: str


def kinds(points: Sequence[PointResult]) -> list[ErrorKind]:
    """Most frequent first within each load point."""
    found: list[ErrorKind] = []
    for point in points:
        counts: dict[str, int] = {}
        examples: dict[str, str] = {}
        for trial in point.trials:
            for kind, entry in dict(trial.series.get("errors") or {}).items():
                counts[kind] = counts.get(kind, 0) + int(entry.get("count") or 0)
                if not examples.get(kind):
                    examples[kind] = str(entry.get("example") or "")
        ordered = sorted(counts, key=lambda kind: (-counts[kind], kind))
        found += [ErrorKind(point.point, kind, counts[kind], examples[kind]) for kind in ordered]
    return found


def chart(points: Sequence[PointResult]) -> Chart | None:
    """None when nothing failed."""
    found = kinds(points)
    if not found:
        return None
    names = sorted({entry.kind for entry in found}, key=lambda kind: sum(e.count for e in found if e.kind == kind))
    traces: list[Json] = []
    order = [point.point for point in points]
    for point in dict.fromkeys(entry.point for entry in found):
        of_point = {entry.kind: entry.count for entry in found if entry.point == point}
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": words(point),
                "y": [words(kind) for kind in names],
                "x": [of_point.get(kind, 0) for kind in names],
                "marker": {"color": colour(order.index(point) if len(order) > 1 else 0)},
                "showlegend": True,
                "hovertemplate": f"{words(point)}<br>%{{y}}: %{{x}}<extra></extra>",
            }
        )
    return Chart(
        title="Errors by kind",
        description=f"Failed operations by kind ({', '.join(reversed(names))}), all trials together, by load point.",
        figure={
            "data": traces,
            "layout": {
                "barmode": "stack",
                "bargap": 0.45,
                "xaxis": axis("operations", rangemode="tozero"),
                "yaxis": {"automargin": True, "type": "category"},
            },
        },
        data=data_sheet(
            "Errors by kind",
            [("load point", ""), ("kind", ""), ("count", "")],
            [[entry.point, entry.kind, entry.count] for entry in found],
        ),
        height=140 + 34 * len(names),
    )
