"""Relational databases: committed transactions per second.

An operation that is `ok` committed. Retries are operations of their own, where the load asks for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.metrics.family import Family
from aifbench.metrics.rates import throughput
from aifbench.metrics.view import View
from aifbench.model.result import Metric


class Sql(Family):
    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        asked = view.load.retries is not None
        retries = float(view.operations.retried.sum()) if asked else None
        reason = "" if asked else "the load does not retry (load.retries)"
        return [throughput(view, "tps"), Metric("retries", "count", retries, reason=reason)]
