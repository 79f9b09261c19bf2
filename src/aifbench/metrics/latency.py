"""Distributions that every workload has: response time, service time, schedule lag, connect time."""

from __future__ import annotations

import numpy as np

from aifbench.metrics.columns import Operations
from aifbench.metrics.declare import spread as declared_spread
from aifbench.metrics.percentile import percentile
from aifbench.metrics.spread import Values, durations, of_successes, percentile_metric
from aifbench.metrics.view import View
from aifbench.model.result import Metric

ADJUSTED = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def latency_values(view: View) -> list[Values]:
    """Response and service times of successes, schedule lag of everything that started, connect times."""
    operations = view.operations
    return [
        durations("response_time", response_ns(operations)),
        durations("service_time", of_successes(operations, operations.between(operations.start, operations.end))),
        durations(
            "schedule_lag",
            operations.between(operations.intended, operations.start),
            "no operation started in the steady phase",
        ),
        connect_values(view),
    ]


def response_ns(operations: Operations) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """End − intended start of successes, per row."""
    return of_successes(operations, operations.between(operations.intended, operations.end))


def connect_values(view: View) -> Values:
    """Seconds to open each connection, as the workers reported them."""
    seconds = [float(value) for report in view.workers for value in report.get("connect_s") or ()]
    return Values(declared_spread("connect_time"), np.array(seconds), None, 1.0, "no worker reported connect times")


def adjusted(view: View) -> list[Metric]:
    """Percentiles of the response time where an operation that failed or was dropped counts as +∞."""
    operations = view.operations
    chosen = operations.steady
    column = response_ns(operations)
    ordered = np.sort(column[chosen & operations.ok])
    beyond = int((chosen & (operations.failed | operations.dropped)).sum())
    text = f"+∞: {beyond} of {len(ordered) + beyond} operations failed or were dropped"
    return [
        percentile_metric(
            f"response_time_{word}_adjusted", "s", percentile(ordered, q, beyond=beyond), 1e9, infinite=text
        )
        for word, q in ADJUSTED
    ]
