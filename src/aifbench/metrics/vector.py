"""Vector search: recall per query, queries per second, and QPS at fixed recall along a curve of load points.

Columns read: `recall`, `strict_recall` (0 to 1, from recomputed distances, checked off the timed path), `returned`
(ids in the answer) and `duplicates` (ids that it holds again). The option `k` is the number of ids asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from aifbench.metrics.columns import Floats, Mask, Operations
from aifbench.metrics.family import Family
from aifbench.metrics.rates import share, throughput
from aifbench.metrics.spread import Values, numbers
from aifbench.metrics.view import View
from aifbench.model.result import Metric

FIXED_RECALLS = (0.90, 0.95, 0.99)
IN_PROCESS_SERVICES = ("faiss",)
"""Catalogue names of services that answer inside the worker's process: what no database can beat."""
NO_RECALL = "the samples have no recall"


class Vector(Family):
    def values(self, view: View) -> Sequence[Values]:
        return [numbers(name, _of_successes(view.operations, name), NO_RECALL) for name in ("recall", "strict_recall")]

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        operations = view.operations
        steady = operations.steady & operations.ok
        wanted = view.options.get("k")
        returned = operations.floats("returned") if isinstance(wanted, int) else np.full(operations.count, np.nan)
        again = operations.floats("duplicates")
        with np.errstate(invalid="ignore"):
            short = returned < (wanted or 0)
        return [
            throughput(view, "qps"),
            _share("short_answers_share", steady, returned, short),
            _share("duplicate_answers_share", steady, again, again > 0),
        ]


def _share(name: str, steady: Mask, column: Floats, bad: Mask) -> Metric:
    known = steady & ~np.isnan(column)
    reason = "the samples do not tell, or no search succeeded in the steady phase"
    return share(name, int((known & bad).sum()), int(known.sum()), reason)


def _of_successes(operations: Operations, name: str) -> Floats:
    return np.where(operations.ok, operations.floats(name), np.nan)


@dataclass(frozen=True)
class CurvePoint:
    """One load point of a sweep of search parameters."""

    point: str
    recall: float
    qps: float


def frontier(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """The points that no other one beats in both recall and QPS, by rising recall (so by falling QPS)."""
    found: list[CurvePoint] = []
    best = 0.0
    for point in sorted(points, key=lambda item: (item.recall, item.qps), reverse=True):
        if point.qps > best:
            found.append(point)
            best = point.qps
    return found[::-1]


def qps_at(points: Sequence[CurvePoint], recall: float) -> float | None:
    """QPS at that recall, read linearly between neighbours on the frontier; None beyond its highest recall.

    Below the lowest recall on the frontier its fastest point gives more recall than asked for, at its own QPS.
    """
    line = frontier(points)
    if not line or recall > line[-1].recall:
        return None
    if recall <= line[0].recall:
        return line[0].qps
    for left, right in pairwise(line):
        if recall <= right.recall:
            part = (recall - left.recall) / (right.recall - left.recall)
            return left.qps + part * (right.qps - left.qps)
    return None


def fixed_recall_metrics(points: Sequence[CurvePoint]) -> list[Metric]:
    """QPS at each fixed recall, n/a with the reason where the curve does not reach it. n: points on the curve."""
    found = []
    for recall in FIXED_RECALLS:
        name = f"qps_at_recall_{recall:g}"
        value = qps_at(points, recall)
        highest = max((point.recall for point in points), default=None)
        seen = "has no point" if highest is None else f"ends at recall {highest:.4f}"
        reason = "" if value is not None else f"the recall–QPS curve {seen}"
        found.append(Metric(name, "1/s", value, n=len(points), reason=reason))
    return found


def efficiency(point: CurvePoint, bound: Sequence[CurvePoint]) -> Metric:
    """QPS of the point ÷ QPS of the in-process bound at the point's recall."""
    nothing = Metric("efficiency", "share", None)
    if not bound:
        return replace(nothing, reason="no in-process target was measured beside it")
    reached = qps_at(bound, point.recall)
    if not reached:
        highest = max(item.recall for item in bound)
        return replace(nothing, reason=f"the curve of the bound ends at recall {highest:.4f}, below {point.recall:.4f}")
    return Metric("efficiency", "share", point.qps / reached, n=len(bound))
