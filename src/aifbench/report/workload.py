"""The tables of one workload: all metrics, operations of a mix, trials with counts, errors, slowest operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from aifbench.model.operation import STATUSES
from aifbench.model.result import Metric, PointResult, RunResult
from aifbench.report.charts.base import rounded
from aifbench.report.charts.errors import kinds
from aifbench.report.family import declaration, headline, label, split_operation
from aifbench.report.scale import DECIMAL_RATE, Scale, metric_cell, scale_for
from aifbench.report.sheet import Cell, Column, Sheet, absent, whole
from aifbench.report.summary import column_scale, metric_column, unit_of, why_none
from aifbench.report.words import plain, validity_cell, varied

_SLOWEST_SHOWN = 10
_OF_OPERATION = (
    "throughput", "response_time_p50", "response_time_p90", "response_time_p99", "ttfb_p50", "ttfb_p99", "error_rate",
)  # fmt: skip


def metrics_sheet(result: RunResult, points: Sequence[PointResult]) -> Sheet:
    """Rows are metrics, headline ones first; one column per load point. Metrics per operation have their own table."""
    present = list(dict.fromkeys(name for point in points for name in point.metrics if not split_operation(name)[0]))
    first = headline(points[0].family, points)
    names = [*first, *(name for name in present if name not in first)]
    columns = [Column("metric"), Column("unit"), *(Column(p.point, numeric=True, title=varied(p)) for p in points)]
    rows = []
    for name in names:
        declared = declaration(result, name)
        scale = column_scale(points, name)
        bandwidth = unit_of(points, name) == "bytes/s"
        for shown in (scale, DECIMAL_RATE) if bandwidth else (scale,):
            head = Cell(label(name), title=declared.definition if declared else name)
            rows.append((head, Cell(shown.unit), *(_over_trials(point, name, shown) for point in points)))
    notes = ("Each value is the median of its trials; beneath it the 95 % interval and the number n behind it.",)
    return Sheet("All metrics", tuple(columns), tuple(rows), notes)


def _over_trials(point: PointResult, name: str, scale: Scale) -> Cell:
    return metric_cell(point.metrics.get(name), scale, why_none=why_none(point))


def operations_sheet(result: RunResult, points: Sequence[PointResult], *, whole_of_it: bool = False) -> Sheet | None:
    """One row per load point and kind of operation; None unless some load point mixes kinds.

    With the metrics that say most, or `whole_of_it` with all.
    """
    kinds_of = {point.point: _operations(point) for point in points}
    if max((len(found) for found in kinds_of.values()), default=0) < 2:
        return None
    names = list(
        dict.fromkeys(
            split_operation(name)[1] for point in points for name in point.metrics if split_operation(name)[0]
        )
    )
    if not whole_of_it:
        names = [name for name in _OF_OPERATION if name in names]
    rows, columns = [], [Column("load point"), Column("operation")]
    columns += [
        Column(word, numeric=True, title="over all trials, in the window") for word in ("count", "ok", "errors")
    ]
    own = {name: _operation_scale(points, kinds_of, name) for name in names}
    columns += [
        Column(label(name), own[name].unit, numeric=True, title=_defined(result, name), metric=name) for name in names
    ]
    by_trial = () if names else ("p50_s", "p99_s")
    scale = scale_for("s", [_middle(p, op, key) for p in points for op in kinds_of[p.point] for key in by_trial])
    columns += [Column(f"response time {key[:3]}", scale.unit, numeric=True) for key in by_trial]
    for point in points:
        for operation in kinds_of[point.point]:
            cells = [Cell(point.point), Cell(operation)]
            cells += [whole(_total(point, operation, key)) for key in ("count", "ok", "errors")]
            cells += [
                metric_cell(point.metrics.get(f"{operation}.{name}"), own[name], usual_n=len(point.trials))
                for name in names
            ]
            for key in by_trial:
                value = _middle(point, operation, key)
                cells.append(absent("too few samples") if value is None else Cell(scale.show(value), sort=value))
            rows.append(tuple(cells))
    note = "Counts are sums over trials; times are the median of the trials' values."
    return Sheet("All metrics by operation" if whole_of_it else "Operations", tuple(columns), tuple(rows), (note,))


def _defined(result: RunResult, name: str) -> str:
    declared = declaration(result, name)
    return f"{name}: {declared.definition}" if declared else name


def _operations(point: PointResult) -> list[str]:
    found = [split_operation(name)[0] for name in point.metrics]
    for trial in point.trials:
        found += [str(name) for name in dict(trial.series.get("by_operation") or {})]
    return [name for name in dict.fromkeys(found) if name]


def _operation_scale(points: Sequence[PointResult], kinds_of: Mapping[str, Sequence[str]], name: str) -> Any:
    found = [m for p in points for op in kinds_of[p.point] if (m := p.metrics.get(f"{op}.{name}")) is not None]
    return scale_for(found[0].unit if found else "", [metric.value for metric in found], name)


def _entries(point: PointResult, operation: str) -> list[Mapping[str, Any]]:
    found = [dict(trial.series.get("by_operation") or {}).get(operation) for trial in point.trials]
    return [entry for entry in found if isinstance(entry, Mapping)]


def _total(point: PointResult, operation: str, key: str) -> int | None:
    counts = [entry[key] for entry in _entries(point, operation) if isinstance(entry.get(key), int)]
    return sum(counts) if counts else None


def _middle(point: PointResult, operation: str, key: str) -> float | None:
    values = [value for entry in _entries(point, operation) if (value := rounded(entry.get(key))) is not None]
    return median(values) if values else None


def trials_sheet(result: RunResult, points: Sequence[PointResult]) -> Sheet:
    """One row per trial: how it ended, the counts whose sums must agree, and its own headline metrics."""
    metrics = headline(points[0].family, points)
    statuses = [
        status for status in STATUSES if any(trial.counts.get(status) for point in points for trial in point.trials)
    ]
    heads = ["scheduled", "started", *statuses]
    columns = [Column("trial"), Column("validity"), Column("status")]
    columns += [Column(word, numeric=True, title="operations, over all phases") for word in heads]
    columns += [metric_column(result, points, name) for name in metrics]
    scales = {name: column_scale(points, name) for name in metrics}
    rows = []
    for point in points:
        for trial in point.trials:
            state = Cell(trial.status, note=trial.reason, tone="" if trial.status == "finished" else "bad")
            counts = [whole(trial.counts.get(word)) for word in heads]
            values = [metric_cell(_of_trial(trial.metrics, name), scales[name]) for name in metrics]
            rows.append((Cell(trial.trial), validity_cell(trial.validity), state, *counts, *values))
    return Sheet("Trials", tuple(columns), tuple(rows))


def _of_trial(metrics: Mapping[str, Metric], name: str) -> Metric:
    return metrics.get(name) or Metric(name, "", None, reason="not measured in this trial")


def errors_sheet(points: Sequence[PointResult]) -> Sheet | None:
    """Kinds of failure with the first example's own words; None when nothing failed."""
    rows = tuple(
        (Cell(e.point), Cell(e.kind), whole(e.count), Cell(e.example or "–", tone="" if e.example else "muted"))
        for e in kinds(points)
    )
    if not rows:
        return None
    heads = (Column("load point"), Column("kind"), Column("count", numeric=True), Column("example"))
    return Sheet("Errors by kind", heads, rows, ("Over all trials of a load point.",))


def slowest_sheet(points: Sequence[PointResult]) -> Sheet | None:
    """The slowest operations of each load point as the trials recorded them; columns are what was recorded."""
    found = [
        (trial.trial, entry)
        for point in points
        for trial in point.trials
        for entry in list(trial.series.get("slowest") or [])[:_SLOWEST_SHOWN]
        if isinstance(entry, Mapping)
    ]
    if not found:
        return None
    keys = list(dict.fromkeys(str(key) for _, entry in found for key in entry))
    columns = [Column("trial")]
    for key in keys:
        number = any(isinstance(entry.get(key), int | float) for _, entry in found)
        head, unit = (key.removesuffix("_s"), "s") if key.endswith("_s") else (key, "")
        columns.append(Column(label(head), unit, numeric=number))
    rows = tuple((Cell(trial), *(_stamp(entry.get(key)) for key in keys)) for trial, entry in found)
    note = f"At most {_SLOWEST_SHOWN} per trial; stamps are relative to the trial's T0."
    return Sheet("Slowest operations", tuple(columns), rows, (note,))


def _stamp(value: Any) -> Cell:
    number = rounded(value)
    if number is not None:
        return Cell(f"{number:.6g}", sort=number)
    return Cell("–" if value is None or value == "" else plain(value), tone="muted" if value is None else "")
