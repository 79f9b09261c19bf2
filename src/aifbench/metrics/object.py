"""Object storage: bandwidth in both directions, time to first byte, verified contents.

Columns read: `bytes_in`, `bytes_out` (payload of the operation), `ttfb_ns` and `send_ns` (durations), `part_ns` (list,
durations of the parts of a multipart upload), and `verified` (true where the content was checked and right, false where
it was wrong, null where it was not checked). Where there is no such column the clients' facts `verified` and
`mismatched` count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aifbench.metrics.columns import NS_PER_S, Operations
from aifbench.metrics.declare import spread as declared_spread
from aifbench.metrics.family import Family
from aifbench.metrics.rates import bandwidth
from aifbench.metrics.spread import Values, durations, of_successes
from aifbench.metrics.validity import by_limits
from aifbench.metrics.view import View
from aifbench.model.result import Finding, Metric

NOT_CHECKED = "no content was checked"
NOT_WHOLE = "no object was put in one piece"
NO_PARTS = "no object was put in parts"


class Object(Family):
    def values(self, view: View) -> Sequence[Values]:
        operations = view.operations
        return [
            durations("ttfb", of_successes(operations, operations.integers("ttfb_ns")), "no first byte was stamped"),
            durations("send_time", of_successes(operations, operations.integers("send_ns")), NOT_WHOLE),
            self._parts(operations),
        ]

    def _parts(self, operations: Operations) -> Values:
        lists = operations.lists("part_ns")
        declared = declared_spread("part_time")
        if lists is None:
            return Values(declared, np.zeros(0, np.int64), np.zeros(0, np.int64), NS_PER_S, NO_PARTS)
        keep = operations.ok[lists.rows]
        return Values(declared, lists.values[keep].astype(np.int64), lists.rows[keep], NS_PER_S, NO_PARTS)

    def numbers(self, view: View, metrics: Mapping[str, Metric]) -> Sequence[Metric]:
        operations = view.operations
        return [
            bandwidth(view, f"bandwidth_{way}", operations.floats(f"bytes_{way}"), f"no operation {verb} an object")
            for way, verb in (("in", "received"), ("out", "sent"))
        ] + [_count(name, value) for name, value in zip(("verified", "mismatched"), checked(view), strict=True)]

    def findings(self, view: View) -> Sequence[Finding]:
        _, wrong = checked(view)
        return () if wrong is None else [by_limits("content", wrong, "{seen} objects with wrong content")]


def checked(view: View) -> tuple[float | None, float | None]:
    """Objects whose content was checked, and how many of them were wrong, over all phases; None where nobody looked."""
    if view.operations.has("verified"):
        column = view.operations.floats("verified")
        known = ~np.isnan(column)
        if not known.any():
            return None, None
        return float(known.sum()), float((column[known] == 0).sum())
    return view.fact_sum("verified"), view.fact_sum("mismatched")


def _count(name: str, value: float | None) -> Metric:
    return Metric(name, "count", value, reason="" if value is not None else NOT_CHECKED)
