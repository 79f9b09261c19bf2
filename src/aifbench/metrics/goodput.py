"""Goodput and attainment: operations offered in the window that were good.

Good means: it succeeded, it kept every limit that the SLOs put on single operations (`slo.limits`), and the validator
passed it (column `valid`, where the workload has one). Without such limits and without a validator, goodput is the
rate of successes among the operations offered in the window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aifbench.metrics.columns import Mask
from aifbench.metrics.rates import offered, per_second, share
from aifbench.metrics.slo import Limit
from aifbench.metrics.spread import Values
from aifbench.metrics.view import View
from aifbench.metrics.window import Window
from aifbench.model.result import Metric

UNDEFINED_IS_GOOD = frozenset({"tpot"})
"""A request of one token has no time per output token, which is not its fault; a missing TTFT is."""


def goodput(view: View, values: Sequence[Values]) -> list[Metric]:
    """`goodput` and `attainment`; n/a where there is no window or a limited latency was not measured at all."""
    if not isinstance(view.window, Window):
        return _unknown(view.window.reason)
    columns = {item.declared.name: item for item in values}
    for limit in view.limits:
        item = columns.get(limit.spread)
        if item is None or (len(item.values) == 0 and view.operations.ok.any()):
            reason = item.reason if item is not None else ""
            return _unknown(f"{limit.spread}, which an SLO limits, was not measured{f': {reason}' if reason else ''}")
    offers = offered(view)
    good = offers & view.operations.ok & _valid(view)
    for limit in view.limits:
        good &= kept(limit, columns, view)
    count = int(good.sum())
    return [
        per_second(view, "goodput", count, count),
        share("attainment", count, int(offers.sum()), "nothing was offered in the window"),
    ]


def kept(limit: Limit, columns: Mapping[str, Values], view: View) -> Mask:
    """Rows that keep the limit, or that it does not concern."""
    item = columns[limit.spread]
    value = item.by_row(view.operations.count)
    bound = limit.limit_s * item.per_unit
    with np.errstate(invalid="ignore"):
        fits = value <= bound if limit.comparison == "<=" else value < bound
    if limit.spread in UNDEFINED_IS_GOOD:
        fits |= np.isnan(value)
    if limit.operation:
        fits |= ~view.operations.operation.among(limit.operation)
    return np.asarray(fits)


def _valid(view: View) -> Mask:
    return np.asarray(view.operations.floats("valid") != 0)


def _unknown(reason: str) -> list[Metric]:
    return [Metric("goodput", "1/s", None, reason=reason), Metric("attainment", "share", None, reason=reason)]
