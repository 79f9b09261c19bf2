"""Values of one declared distribution in one trial, and the statistics made from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aifbench.metrics.columns import MISSING, NS_PER_S, Floats, Mask, Operations, Rows, Stamps
from aifbench.metrics.declare import spread as declared_spread
from aifbench.metrics.percentile import Percentile, percentile, quantile_of
from aifbench.metrics.tables import Spread
from aifbench.model.result import Metric

NOTHING_SUCCEEDED = "no operation succeeded in the steady phase"


@dataclass(frozen=True)
class Values:
    """`values` of all operations that have one, in any phase; `rows` says to which row of the samples each belongs.

    Divided by `per_unit` they are in the declared unit (durations are kept in nanoseconds).
    `rows` is None for values that belong to no operation. `reason` says why there are none, where that is known.
    """

    declared: Spread
    values: npt.NDArray[Any]
    rows: Rows | None
    per_unit: float = 1.0
    reason: str = ""

    def chosen(self, rows: Mask) -> npt.NDArray[Any]:
        """Values that belong to the chosen rows."""
        return self.values if self.rows is None else self.values[rows[self.rows]]

    def by_row(self, count: int) -> Floats:
        """One value per row of the samples, NaN where a row has none; for distributions with one value per row."""
        column = np.full(count, np.nan)
        if self.rows is not None:
            column[self.rows] = self.values
        return column


def durations(name: str, column: Stamps, reason: str = "") -> Values:
    """Of a column of nanoseconds with one value per row; rows where it is `MISSING` have none."""
    rows = np.flatnonzero(column != MISSING)
    return Values(declared_spread(name), column[rows], rows, NS_PER_S, reason)


def numbers(name: str, column: Floats, reason: str = "") -> Values:
    """Of a column in the declared unit with one value per row; rows where it is NaN have none."""
    rows = np.flatnonzero(~np.isnan(column))
    return Values(declared_spread(name), column[rows], rows, 1.0, reason)


def of_successes(operations: Operations, column: Stamps) -> Stamps:
    """The column with `MISSING` wherever the operation did not succeed."""
    return np.where(operations.ok, column, MISSING)


def summarise(values: Values, rows: Mask, prefix: str = "") -> list[Metric]:
    """Every declared statistic of the values of the chosen rows. `prefix` is put before the names (`get.`)."""
    row = values.declared
    return [
        metric_of(f"{prefix}{row.name}_{statistic}", row.unit, statistic, ordered, values.per_unit, values.reason)
        for ordered in [np.sort(values.chosen(rows))]
        for statistic in row.statistics
    ]


def metric_of(
    name: str, unit: str, statistic: str, ordered: npt.NDArray[Any], per_unit: float, reason: str = ""
) -> Metric:
    """One statistic of sorted values: `mean`, `min`, `max` or a percentile."""
    n = len(ordered)
    if n == 0:
        return Metric(name, unit, None, n=0, reason=reason or NOTHING_SUCCEEDED)
    plain = {"mean": lambda: mean(ordered), "min": lambda: float(ordered[0]), "max": lambda: float(ordered[-1])}
    if statistic in plain:
        return Metric(name, unit, plain[statistic]() / per_unit, n=n)
    q = quantile_of(statistic)
    if q is None:
        raise ValueError(f"unknown statistic {statistic!r}")
    return percentile_metric(name, unit, percentile(ordered, q), per_unit)


def mean(values: npt.NDArray[Any]) -> float:
    """Exact before the one division when the values are integers."""
    if values.dtype.kind == "i":
        return int(values.sum()) / len(values)
    return math.fsum(values.tolist()) / len(values)


def percentile_metric(name: str, unit: str, found: Percentile, per_unit: float, infinite: str = "") -> Metric:
    """A percentile as a metric: refused ones say n and what is needed, infinite ones say `infinite`."""
    if found.value is None:
        return Metric(name, unit, None, n=found.n, reason=f"n={found.n}, {found.needed} needed")
    if math.isinf(found.value):
        return Metric(name, unit, None, n=found.n, reason=infinite)
    low = None if found.low is None else found.low / per_unit
    unbounded = found.high is None or math.isinf(found.high)
    high = None if found.high is None or unbounded else found.high / per_unit
    return Metric(name, unit, found.value / per_unit, low, high, found.n, infinite if unbounded else "")


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}
