"""The whole report as data: sections with tables and charts. HTML and Markdown only dress it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aifbench.model.operation import ERROR, TIMEOUT
from aifbench.model.plan import Plan
from aifbench.model.result import PointResult, RunResult, Validity
from aifbench.report.after_load import checks_sheet
from aifbench.report.charts import distribution, errors, over_time, recall, sweep, tokens
from aifbench.report.charts.base import TRIALS_DRAWN, Chart
from aifbench.report.facts import preparations_sheet
from aifbench.report.family import families, title
from aifbench.report.sheet import Sheet
from aifbench.report.summary import findings_sheet, slo_sheet
from aifbench.report.words import count
from aifbench.report.workload import (
    errors_sheet,
    metrics_sheet,
    operations_sheet,
    slowest_sheet,
    trials_sheet,
)

COURSES_DRAWN = 36
"""Trials whose course over time the page carries at most, shared evenly by the load points: keeps it under 6 MB."""


@dataclass(frozen=True)
class PointPart:
    """What belongs to one load point alone; folded away when a workload has many."""

    point: PointResult
    charts: tuple[Chart, ...]
    open: bool


@dataclass(frozen=True)
class WorkloadPart:
    name: str
    uses: str
    targets: tuple[str, ...]
    points: tuple[PointResult, ...]
    invalid: tuple[str, ...]
    no_errors: str
    charts: tuple[Chart, ...]
    sheets: tuple[Sheet, ...]
    folded: tuple[Sheet, ...]
    parts: tuple[PointPart, ...]


@dataclass(frozen=True)
class FamilyPart:
    name: str
    title: str
    charts: tuple[Chart, ...]
    sheets: tuple[Sheet, ...]
    workloads: tuple[WorkloadPart, ...]


def outline(result: RunResult, plan: Plan | None) -> tuple[FamilyPart, ...]:
    return tuple(_family(result, plan, family) for family in families(result))


def _family(result: RunResult, plan: Plan | None, family: str) -> FamilyPart:
    points = [point for point in result.points if point.family == family]
    names = list(dict.fromkeys(point.workload for point in points))
    curve = recall.chart(points)
    at_recall = recall.at_fixed_recall(result) if curve else None
    return FamilyPart(
        name=family,
        title=title(family),
        charts=(curve,) if curve else (),
        sheets=(at_recall,) if at_recall else (),
        workloads=tuple(_workload(result, plan, [p for p in points if p.workload == name]) for name in names),
    )


_QUANTILES = (("ttft", "Time to first token"), ("icl", "Gaps between content events"), ("ttfb", "Time to first byte"))


def _workload(result: RunResult, plan: Plan | None, points: Sequence[PointResult]) -> WorkloadPart:
    name = points[0].workload
    limit = max(1, min(TRIALS_DRAWN, COURSES_DRAWN // len(result.points)))
    found: list[Chart | None] = [
        sweep.chart(points),
        distribution.chart(
            points,
            "quantiles",
            (("response_s", "response time"), ("service_s", "service time")),
            "Latency distribution",
        ),
        *(
            distribution.chart(points, f"{key}_quantiles", (("value_s", key),), f"{words} distribution")
            for key, words in _QUANTILES
        ),
        errors.chart(points),
    ]
    sheets = [
        operations_sheet(result, points),
        errors_sheet(points),
        slo_sheet(points),
        preparations_sheet(result, plan, name),
        checks_sheet(result, plan, name),
    ]
    folded = [
        metrics_sheet(result, points),
        operations_sheet(result, points, whole_of_it=True),
        trials_sheet(result, points),
        slowest_sheet(points),
        findings_sheet(points),
    ]
    return WorkloadPart(
        name=name,
        uses=points[0].uses,
        targets=tuple(dict.fromkeys(point.target for point in points)),
        points=tuple(points),
        invalid=tuple(point.point for point in points if point.validity is Validity.INVALID),
        no_errors=_no_errors(points),
        charts=tuple(chart for chart in found if chart),
        sheets=tuple(sheet for sheet in sheets if sheet),
        folded=tuple(sheet for sheet in folded if sheet),
        parts=tuple(_point(point, limit, first=index == 0) for index, point in enumerate(points)),
    )


def _point(point: PointResult, limit: int, *, first: bool) -> PointPart:
    charts = [over_time.chart(point, limit), tokens.chart(point, limit)]
    return PointPart(point, tuple(chart for chart in charts if chart), open=first)


def _no_errors(points: Sequence[PointResult]) -> str:
    """Said in words where no kind of error is listed, so that a missing table is not taken for missing data."""
    if errors.kinds(points):
        return ""
    counts = [trial.counts for point in points for trial in point.trials]
    if not any("started" in each for each in counts):
        return ""
    failed = sum(each.get(status, 0) for each in counts for status in (ERROR, TIMEOUT))
    if failed:
        return f"{count(failed, 'operation')} failed; the result does not say of which kind."
    return f"No error was recorded among {count(sum(each.get('started', 0) for each in counts), 'operation')} started."
