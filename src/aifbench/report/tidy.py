"""One row per load point and metric: the shape that data frames like. CSV and Parquet write the same rows."""

from __future__ import annotations

from typing import Any

from aifbench.model.result import RunResult
from aifbench.report.family import declaration
from aifbench.report.words import plain

COLUMNS = (
    "run", "name", "workload", "uses", "family", "target", "point", "trials", "validity", "metric", "unit", "better",
    "value", "low", "high", "n", "reason",
)  # fmt: skip
"""Then one column `varied.<key>` for each recipe key that any load point varied."""


def varied_columns(result: RunResult) -> list[str]:
    return list(dict.fromkeys(f"varied.{key}" for point in result.points for key in point.varied))


def rows(result: RunResult) -> list[dict[str, Any]]:
    """Values in base units, unrounded; a missing value is None beside its reason."""
    more = varied_columns(result)
    found = []
    for point in result.points:
        same = {
            "run": result.run,
            "name": result.name,
            "workload": point.workload,
            "uses": point.uses,
            "family": point.family,
            "target": point.target,
            "point": point.point,
            "trials": len(point.trials),
            "validity": point.validity.value,
        }
        settings = dict.fromkeys(more) | {f"varied.{key}": value for key, value in point.varied.items()}
        for name, metric in point.metrics.items():
            declared = declaration(result, name)
            numbers = {
                "metric": name,
                "unit": metric.unit,
                "better": declared.better if declared else None,
                "value": metric.value,
                "low": metric.low,
                "high": metric.high,
                "n": metric.n,
                "reason": metric.reason or None,
            }
            found.append({**same, **numbers, **settings})
    return found


def simple(value: Any) -> Any:
    """A varied value as one table cell: numbers, booleans and text as they are, the rest as written in a recipe."""
    return value if value is None or isinstance(value, bool | int | float | str) else plain(value)
