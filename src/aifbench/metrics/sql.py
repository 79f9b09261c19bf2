"""Relational databases: committed transactions per second.

An operation that is `ok` committed. The clients' fact `retries` counts transactions that were tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.metrics.family import Family
from aifbench.metrics.rates import throughput
from aifbench.metrics.view import View
from aifbench.model.result import Metric


class Sql(Family):
    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        retries = view.fact_sum("retries")
        reason = "" if retries is not None else "the client does not retry"
        return [throughput(view, "tps"), Metric("retries", "count", retries, reason=reason)]
