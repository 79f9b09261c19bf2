"""Relational databases: committed transactions per second.

An operation that is `ok` committed. What the clients know beside the samples comes from their facts: `retries`
(a number) and `invariants` (a list of texts, one for each invariant of the data that does not hold after the load).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aifbench.metrics.family import Family
from aifbench.metrics.rates import throughput
from aifbench.metrics.validity import by_limits
from aifbench.metrics.view import View
from aifbench.model.result import Finding, Metric


class Sql(Family):
    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        retries = view.fact_sum("retries")
        reason = "" if retries is not None else "the client does not retry"
        return [throughput(view, "tps"), Metric("retries", "count", retries, reason=reason)]

    def findings(self, view: View) -> Sequence[Finding]:
        broken = [text for told in view.facts("invariants") for text in told]
        if not view.facts("invariants"):
            return ()
        return [by_limits("invariant", len(broken), "; ".join(["{seen} invariants broken", *map(_escaped, broken)]))]


def _escaped(text: object) -> str:
    return str(text).replace("{", "{{").replace("}", "}}")
